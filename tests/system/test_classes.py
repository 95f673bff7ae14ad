"""Classes through the front door: a teacher makes one, readers join it, before a sign-in and after it."""

import re
from collections.abc import AsyncGenerator
from html import unescape
from urllib.parse import urlencode, urlsplit

import pytest

from tests.system.house import MIRROR, TRUSTED, House, open_house
from tests.system.reader import Got, Reader

SHELF = "/auth/classes"


@pytest.fixture(scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    """Where anyone makes classes."""
    folder = tmp_path_factory.mktemp("school")
    async with open_house(folder, redis_url, more="classes: {create: anyone}\n") as running:
        yield running


async def post(reader: Reader, path: str, page: Got, **fields: str) -> Got:
    return await reader.navigate(path, form={"transaction": page.transaction, **fields})


async def without_origin(reader: Reader, path: str, form: dict[str, str]) -> Got:
    """As something sends it that is no page of ours in a browser of today."""
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in reader.first_party.items()),
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
    }
    got, _ = await reader.raw("POST", path, headers, urlencode(form))
    return got


async def shelf(reader: Reader) -> Got:
    return await reader.navigate(SHELF, site="none")


async def make(reader: Reader, name: str = "7b", address: str = f"{TRUSTED}/cs1/") -> str:
    """The path of a new class's page; the reader signs in where nobody is."""
    await reader.sign_in_here()
    got = await post(reader, SHELF, await shelf(reader), name=name, address=address)
    assert got.status == 303, got.text
    return got.one("Location") or ""


async def link_of(reader: Reader, room: str) -> str:
    found = re.search(r'class="origin">([^<]*/auth/classes/join/[^<]+)<', (await reader.navigate(room)).text)
    assert found is not None
    return urlsplit(found[1]).path


async def join(reader: Reader, link: str) -> Got:
    """From the link, signed out, to the page that says that they are in."""
    page = await reader.navigate(link)
    found = re.search(r'href="(/auth/login\?[^"]+)"', page.text)
    assert found is not None, page.text
    got = await reader.navigate(unescape(found[1]), site="same-origin")
    back = await reader.through_provider(got)
    assert back.one("Location") == link
    page = await reader.navigate(link)
    got = await post(reader, link, page)
    assert got.one("Location") == link, got.text
    return await reader.navigate(link)


async def test_from_a_link_to_the_class(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        link = await link_of(grace, room)
        seen = await ada.navigate(link)
        for said in ("7b", "Grace", f"{TRUSTED}/cs1/", "What your teacher will see", "Sign in to join"):
            assert said in seen.text
        joined = await join(ada, link)
        assert "You are in 7b" in joined.text
        assert f'href="{TRUSTED}/cs1/#bookgate=launched"' in joined.text
        roster = await grace.navigate(room)
        assert "1 student" in roster.text
        assert "<strong>Ada</strong>" in roster.text
        assert "7b" in (await shelf(ada)).text


async def test_looking_joins_nobody(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        link = await link_of(grace, room)
        await ada.sign_in_here()
        page = (await ada.navigate(link)).text
        assert "Join as Ada" in page
        # who double-clicks on another page, which this one comes in the place of, has not read it
        assert 'guard(document.getElementById("join"))' in page
        assert "0 students" in (await grace.navigate(room)).text


async def test_the_code_is_typed(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        link = await link_of(grace, await make(grace))
        code = link.rpartition("/")[2]
        got = await ada.navigate(f"/auth/classes/join?code={code.lower().replace('-', '+')}")
        assert (got.status, got.one("Location")) == (303, link)
        assert "leads to no class" in (await ada.navigate("/auth/classes/join?code=K7MP")).text
        wrong = await ada.navigate("/auth/classes/join/2222-2222")
        assert (wrong.status, "leads to no class" in wrong.text) == (404, True)
        assert (await ada.navigate("/auth/classes/join")).status == 200


async def test_a_class_that_is_closed_or_has_a_new_link(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        link = await link_of(grace, room)
        for act, status in (("close", 404), ("open", 200), ("code", 404)):
            await post(grace, room, await grace.navigate(room), act=act)
            assert (await ada.navigate(link)).status == status, act
        assert (await ada.navigate(await link_of(grace, room))).status == 200


async def test_who_is_removed_can_see_the_class_no_more(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        await join(ada, await link_of(grace, room))
        assert (await ada.navigate(room)).status == 200
        page = await grace.navigate(room)
        (person,) = re.findall(r'value="remove:([^"]+)"', page.text)
        got = await post(grace, room, page, act=f"remove:{person}")
        assert "0 students" in got.text
        assert (await ada.navigate(room)).status == 404
        again = await post(grace, room, got, act=f"remove:{person}")
        assert (again.status, "not in the class any more" in again.text) == (404, True)


async def test_a_second_teacher(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        await join(ada, await link_of(grace, room))
        page = await grace.navigate(room)
        (person,) = re.findall(r'value="promote:([^"]+)"', page.text)
        await post(grace, room, page, act=f"promote:{person}")
        theirs = await ada.navigate(room)
        assert "Let your students in" in theirs.text
        left = await post(grace, room, await grace.navigate(room), act="leave")
        assert left.one("Location") == SHELF
        assert (await grace.navigate(room)).status == 404
        alone = await post(ada, room, await ada.navigate(room), act="leave")
        assert (alone.status, "keeps at least one teacher" in alone.text) == (409, True)


async def test_a_student_keeps_no_class(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        link = await link_of(grace, room)
        await join(ada, link)
        page = await ada.navigate(room)
        assert "promote" not in page.text
        assert link.rpartition("/")[2] not in page.text, "the code is for teachers to hand out"
        for act in ("code", "archive", "close", "remove:x", "promote:x"):
            got = await post(ada, room, await ada.navigate(room), act=act)
            assert got.status == 404, act
        assert (await ada.navigate(f"{room}/poster")).status == 404
        assert (await ada.navigate(link)).status == 200


async def test_a_stranger_learns_of_no_class(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("bob") as bob:
        room = await make(grace, name="secret club")
        assert "back=%2Fauth%2Fclasses%2Fof%2F" in (await bob.navigate(room)).text
        await bob.sign_in_here()
        got, none = await bob.navigate(room), await bob.navigate(f"{SHELF}/of/none")
        assert (got.status, none.status) == (404, 404)
        assert "secret" not in got.text


async def test_an_archived_class(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        link = await link_of(grace, room)
        await join(ada, link)
        got = await post(grace, room, await grace.navigate(room), act="archive")
        assert "Take it up again" in got.text
        assert (await ada.navigate(link)).status == 404
        assert "This class is over" in (await ada.navigate(room)).text
        await post(grace, room, got, act="revive")
        assert (await ada.navigate(link)).status == 200


async def test_leaving(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        await join(ada, await link_of(grace, room))
        got = await post(ada, room, await ada.navigate(room), act="leave")
        assert got.one("Location") == SHELF
        assert "0 students" in (await grace.navigate(room)).text


@pytest.mark.parametrize(
    ("name", "address", "said"),
    [
        pytest.param(" ", TRUSTED, "Give the class a name", id="no name"),
        pytest.param("7b", "our book", "not the address of a book", id="no address"),
        pytest.param("7b", "https://scraper.example.net/", "is not connected here", id="a denied book"),
    ],
)
async def test_a_class_that_cannot_be_made(school: House, name: str, address: str, said: str) -> None:
    async with school.reader("grace") as grace:
        await grace.sign_in_here()
        got = await post(grace, SHELF, await shelf(grace), name=name, address=address)
        assert (got.status, said in got.text) == (400, True)


async def test_the_book_is_one_of_those_that_are_connected(school: House) -> None:
    async with school.reader("grace") as grace:
        await grace.sign_in_here()
        page = await shelf(grace)
        for origin in (TRUSTED, MIRROR):
            assert f'<option value="{origin}/">' in page.text
        assert "scraper" not in page.text


async def test_only_who_may_makes_a_class(house: House) -> None:
    async with house.reader("grace") as grace:
        await grace.sign_in_here()
        page = await shelf(grace)
        assert "Make a class" not in page.text
        account = await grace.navigate("/auth/account", site="none")
        got = await post(grace, SHELF, account, name="7b", address=TRUSTED)
        assert got.status == 403


async def test_no_other_page_posts_here(school: House) -> None:
    """Not even that of a book which may call the gateway."""
    async with school.reader("grace") as grace:
        await grace.sign_in_here()
        form = {"transaction": (await shelf(grace)).transaction, "name": "7b", "address": TRUSTED}
        for origin in ("https://evil.example", TRUSTED):
            got = await grace.navigate(SHELF, form=form, headers={"Origin": origin})
            assert got.status == 403, origin
        assert (await without_origin(grace, SHELF, form)).status == 403
        assert (await grace.navigate(SHELF, form=form)).status == 303


async def test_a_form_is_good_once_and_for_one_session(school: House) -> None:
    async with school.reader("grace") as grace:
        await grace.sign_in_here()
        form = {"transaction": (await shelf(grace)).transaction, "name": "7b", "address": TRUSTED}
        held = dict(grace.first_party)
        assert (await grace.navigate(SHELF, form=form)).status == 303
        grace.first_party = held
        again = await grace.navigate(SHELF, form=form)
        assert (again.status, "used before" in again.text) == (400, True)
        form = {**form, "transaction": (await shelf(grace)).transaction}
        grace.at_provider = lambda url: school.at_provider(url, "bob")
        page = await grace.navigate("/auth/login?provider=campus&not_you=1", site="same-origin")
        await grace.through_provider(page)
        other = await grace.navigate(SHELF, form=form)
        assert (other.status, "Somebody has signed in here" in other.text) == (403, True)


async def test_the_poster(school: House) -> None:
    async with school.reader("grace") as grace:
        room = await make(grace)
        code = (await link_of(grace, room)).rpartition("/")[2]
        poster = await grace.navigate(f"{room}/poster")
        assert code in poster.text
        assert "<svg" in poster.text


async def test_the_acts_are_on_record(school: House) -> None:
    async with school.reader("grace") as grace:
        await make(grace)
        assert '"act": "class.made"' in school.log.getvalue().replace('":"', '": "')
