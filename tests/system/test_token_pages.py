"""The pages on which people make tokens for their scripts and revoke them: through the front door."""

import re
import time
from collections.abc import AsyncGenerator, Mapping
from html import unescape
from types import MappingProxyType

import aiohttp
import pytest

from gateway.personal_tokens import TOKENS
from tests.system.house import ORIGINS, TRUSTED, House, open_house, subject
from tests.system.reader import Flow, Got, Reader

BACKENDS = """
  reports:
    urls: ["STORAGE"]
    personal_tokens: true
    identity: {subject: pairwise}
    routes: [{path: /reports/, strip: true}]
"""
LIST = "/auth/tokens"
NEW = "/auth/tokens/new"
UNLISTED = "https://on-nobodys-list.example"
NOTHING: Mapping[str, str] = MappingProxyType({})


class Clock:
    """ahead: seconds that it is."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    origins = ORIGINS.replace("analytics, grades]", "analytics, grades, reports]")
    folder = tmp_path_factory.mktemp("desk")
    async with open_house(folder, redis_url, more_backends=BACKENDS, origins=origins) as running:
        yield running


async def make(reader: Reader, page: Got | None = None, fields: Mapping[str, str] = NOTHING) -> Got:
    page = page or await reader.navigate(NEW, site="same-origin")
    asked = {"name": "backup", "life": "30", "backend:reports": "1", **fields}
    return await reader.navigate(NEW, form={"transaction": page.transaction, **asked})


def token_of(made: Got) -> str:
    found = re.search(r">(bg_[0-9A-Za-z]+)</textarea>", made.text)
    assert found is not None, made.text
    return found[1]


async def status_of(house: House, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{house.url}/reports/x", headers=headers) as answer,
    ):
        return answer.status


async def test_made_shown_once_listed_used_and_revoked(desk: House) -> None:
    async with desk.reader("ada") as ada:
        await ada.sign_in_here()
        assert "Tokens for scripts" in (await ada.navigate("/auth/account", site="none")).text
        made = await make(ada)
        token = token_of(made)
        assert (made.status, made.one("Cache-Control")) == (200, "no-store")
        listed = await ada.navigate(LIST, site="same-origin")
        assert "backup" in listed.text
        assert "Not used yet" in listed.text
        assert "bg_" not in listed.text
        assert await status_of(desk, token) == 200
        listed = await ada.navigate(LIST, site="same-origin")
        assert "Not used yet" not in listed.text
        (act,) = re.findall(r'value="(revoke:[^"]+)"', listed.text)
        form = {"transaction": listed.transaction, "act": act}
        assert "backup is revoked" in (await ada.navigate(LIST, form=form)).text
        assert await status_of(desk, token) == 401
        assert token not in desk.log.getvalue()


async def test_it_reaches_the_work_in_one_book_as_the_book_s_own_reader(desk: House) -> None:
    async with desk.reader("ben") as ben:
        flow = Flow(TRUSTED)
        assert (await ben.sign_in(flow)).status == 200
        page = await ben.navigate(NEW, site="same-origin")
        (place,) = re.findall(rf'<option value="({re.escape(TRUSTED)} [^"]+)"', page.text)
        token = token_of(await make(ben, page, {"place": unescape(place)}))
        shown = await ben.fetch(TRUSTED, "GET", "/auth/session")
        desk.storage.clear()
        assert await status_of(desk, token) == 200
        user = shown.json["user"]
        assert isinstance(user, dict)
        assert subject(desk.storage.received[0]) == user["sub"]


async def test_a_book_that_may_not_use_a_service_gets_no_token_for_it(desk: House) -> None:
    async with desk.reader("eve") as eve:
        assert (await eve.sign_in(Flow(UNLISTED))).status == 200
        page = await eve.navigate(NEW, site="same-origin")
        (place,) = re.findall(rf'<option value="({re.escape(UNLISTED)} [^"]+)"', page.text)
        made = await make(eve, page, {"place": unescape(place)})
        assert made.status == 400
        assert "That book may not use every service that you chose." in made.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"name": " "}, "Give the token a name", id="no name"),
        pytest.param({"backend:reports": "1", "backend:storage": "1"}, "at least one service", id="another"),
        pytest.param({"life": "9999"}, "how long", id="for ever"),
        pytest.param({"place": f"{TRUSTED} elsewhere"}, "one of your books", id="a book of somebody else's"),
    ],
)
async def test_what_a_token_cannot_be(desk: House, fields: dict[str, str], said: str) -> None:
    async with desk.reader("cleo") as cleo:
        await cleo.sign_in_here()
        got = await make(cleo, None, fields)
        assert (got.status, said in got.text) == (400, True), got.text
        assert "bg_" not in got.text
        assert "You have none" in (await cleo.navigate(LIST, site="same-origin")).text


async def test_nobody_makes_one_or_revokes_anothers(desk: House) -> None:
    async with desk.reader("dan") as dan, desk.reader("eve") as eve:
        await dan.sign_in_here()
        token = token_of(await make(dan))
        (act,) = re.findall(r'value="(revoke:[^"]+)"', (await dan.navigate(LIST, site="same-origin")).text)
        for path in (LIST, NEW):
            assert (await eve.navigate(path, site="same-origin")).one("Location") == "/auth/account"
        await eve.sign_in_here()
        await make(eve)
        page = await eve.navigate(LIST, site="same-origin")
        got = await eve.navigate(LIST, form={"transaction": page.transaction, "act": act})
        assert "revoked already" in got.text
        stolen = await dan.navigate(NEW, site="same-origin")
        assert (await make(eve, stolen)).status == 400
        elsewhere = {"Origin": "https://evil.example.net"}
        form = {"transaction": stolen.transaction, "name": "x", "life": "7", "backend:reports": "1"}
        assert (await dan.navigate(NEW, form=form, headers=elsewhere)).status == 403
        assert await status_of(desk, token) == 200


async def test_a_page_is_of_the_session_that_it_was_made_for(desk: House) -> None:
    async with desk.reader("una") as una:
        await una.sign_in_here()
        page = await una.navigate(NEW, site="same-origin")
        del una.first_party["__Host-Http-bookgate"]
        await una.sign_in_here()
        got = await make(una, page)
        assert (got.status, "Somebody has signed in here since" in got.text) == (400, True)


async def test_a_form_counts_once(desk: House) -> None:
    async with desk.reader("fay") as fay:
        await fay.sign_in_here()
        page = await fay.navigate(NEW, site="same-origin")
        assert (await make(fay, page)).status == 200
        assert (await make(fay, page)).status == 400
        assert (await fay.navigate(LIST, site="same-origin")).text.count("revoke:") == 1


async def test_one_has_so_many(desk: House) -> None:
    async with desk.reader("gil") as gil:
        await gil.sign_in_here()
        for _ in range(TOKENS):
            assert (await make(gil)).status == 200
        assert "as many tokens as one may have" in (await make(gil)).text


async def test_making_one_needs_a_sign_in_of_the_last_ten_minutes(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str
) -> None:
    clock = Clock()
    folder = tmp_path_factory.mktemp("late")
    async with (
        open_house(folder, redis_url, more_backends=BACKENDS, clock=clock) as late,
        late.reader("hal") as hal,
    ):
        await hal.sign_in_here()
        page = await hal.navigate(NEW, site="same-origin")
        clock.ahead = 601
        got = await make(hal, page)
        assert late.liar.issuer in got.text  # a page that goes there by itself
        asked = await hal.navigate(NEW, site="same-origin")
        assert (asked.one("Location") or "").startswith(late.liar.issuer)
        listed = await hal.navigate(LIST, site="same-origin")
        assert (listed.status, "You have none" in listed.text) == (200, True)


async def test_where_no_service_takes_any_there_is_nothing(house: House) -> None:
    async with house.reader("ida") as ida:
        await ida.sign_in_here()
        assert "Tokens for scripts" not in (await ida.navigate("/auth/account", site="none")).text
        assert (await ida.navigate(NEW, site="same-origin")).status == 403
