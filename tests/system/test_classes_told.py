"""What services are told of classes: those of the book, from the next request on, by both data paths."""

import re
from collections.abc import AsyncGenerator
from html import unescape
from pathlib import Path

import pytest

from tests.system.house import MIRROR, ORIGINS, TRUSTED, House, open_house
from tests.system.reader import Flow, Reader, refused
from tests.system.test_classes import SHELF, link_of, make, post, shelf
from tests.system.test_linking import answer, question
from tests.system.test_whom_routes_take import claims

ROLES = """
roles:
  teacher: [{provider: campus, claim: affiliation, has: faculty, books: [mirror]}]
"""

OURS = """
  ours:
    urls: ["STORAGE"]
    routes: [{path: /ours/, allow: {in_class: true}}]
"""


@pytest.fixture(params=["fast", "plain"])
async def school(tmp_path: Path, redis_url: str, request: pytest.FixtureRequest) -> AsyncGenerator[House]:
    async with open_house(
        tmp_path,
        redis_url,
        more="classes: {create: anyone}\n",
        more_backends=OURS,
        origins=ORIGINS.replace("analytics, grades]", "analytics, grades, ours]"),
        data_path=request.param,
    ) as running:
        yield running


async def told(school: House, reader: Reader, origin: str = TRUSTED) -> object:
    assert (await reader.fetch(origin, "GET", "/storage/v1/items/a")).status == 200
    return claims(school.storage.last)["classes"]


async def test_from_the_next_request_on(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        await ada.sign_in(Flow(MIRROR))
        assert await told(school, ada) == []
        room = await make(grace)
        link, class_id = await link_of(grace, room), room.rpartition("/")[2]
        await post(ada, link, await ada.navigate(link))
        assert await told(school, ada) == [{"id": class_id, "role": "student"}]
        assert await told(school, ada, MIRROR) == [], "a class has one book"
        await post(grace, room, await grace.navigate(room), act="archive")
        assert await told(school, ada) == []
        await post(grace, room, await grace.navigate(room), act="revive")
        assert await told(school, ada) == [{"id": class_id, "role": "student"}]
        page = await grace.navigate(room)
        (person,) = re.findall(r'value="promote:([^"]+)"', page.text)
        page = await post(grace, room, page, act=f"promote:{person}")
        assert await told(school, ada) == [{"id": class_id, "role": "teacher"}]
        await post(grace, room, page, act=f"remove:{person}")
        assert await told(school, ada) == []


async def test_a_route_for_who_is_in_a_class_of_the_book(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        for origin in (TRUSTED, MIRROR):
            await ada.sign_in(Flow(origin))
        refused(await ada.fetch(TRUSTED, "GET", "/ours/x"), 403, "not_allowed")
        room = await make(grace)
        link = await link_of(grace, room)
        await post(ada, link, await ada.navigate(link))
        for _ in range(2):  # decided once, and by what was remembered
            assert (await ada.fetch(TRUSTED, "GET", "/ours/x")).status == 200
            refused(await ada.fetch(MIRROR, "GET", "/ours/x"), 403, "not_allowed")
        await post(grace, room, await grace.navigate(room), act="archive")
        refused(await ada.fetch(TRUSTED, "GET", "/ours/x"), 403, "not_allowed")


async def test_two_accounts_that_became_one_are_in_the_classes_of_both(school: House) -> None:
    """Whoever is signed in need not do so again."""
    async with school.reader("bob") as bob, school.reader("bob-at-work") as work:
        room = await make(work)
        await bob.sign_in(Flow(TRUSTED))
        assert await told(school, bob) == []
        merged = await answer(bob, await question(school, bob, "bob-at-work"), "merge")
        assert merged.status == 303
        assert await told(school, bob) == [{"id": room.rpartition("/")[2], "role": "teacher"}]


async def test_a_new_sign_in_knows_them(school: House) -> None:
    async with school.reader("grace") as grace:
        room = await make(grace)
        await grace.sign_in(Flow(TRUSTED))
        assert await told(school, grace) == [{"id": room.rpartition("/")[2], "role": "teacher"}]


async def test_who_teaches_one_book_makes_classes_of_that_one(tmp_path: Path, redis_url: str) -> None:
    more = f"classes: {{create: [teacher]}}\n{ROLES}"
    async with open_house(tmp_path, redis_url, more=more) as school, school.reader("grace") as grace:
        school.liar.claims = {"affiliation": ["faculty"]}
        await grace.sign_in_here()
        page = await shelf(grace)
        assert "Make a class" in unescape(page.text)
        assert (await post(grace, SHELF, page, name="7b", address=TRUSTED)).status == 403
        assert (await post(grace, SHELF, await shelf(grace), name="7b", address=MIRROR)).status == 303
