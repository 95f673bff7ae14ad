"""Class cards through the front door: printed, scanned or typed, replaced; and who guesses."""

import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from html import unescape

import pytest

from gateway.limits import CARD_TRIES
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.test_classes import make, post, without_origin

CARD = "/auth/classes/card"
ORIGINS = f"""
version: 1
policies:
  book: {{trust: trusted, backends: [storage, analytics, grades]}}
groups:
  ours: {{policy: book, origins: [{TRUSTED}]}}
  without-cards: {{policy: book, origins: [https://b.example.edu], sign_in: [campus]}}
"""


@pytest.fixture(scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    folder = tmp_path_factory.mktemp("school")
    more = "classes: {create: anyone}\n"
    opened = open_house(folder, redis_url, guests="true, class_cards: true", more=more, origins=ORIGINS)
    async with opened as running:
        yield running


async def printed(teacher: Reader, room: str, act: str = "cards", count: str = "2") -> list[tuple[str, str]]:
    """Name and words of the cards of a sheet, and that a scan finds the same words."""
    got = await post(teacher, room, await teacher.navigate(room), act=act, count=count)
    assert got.status == 303, got.text
    sheet = await teacher.navigate(got.one("Location") or "")
    names = re.findall(r"<strong>([^<]+)</strong>", sheet.text)
    words = re.findall(r'class="words">([^<]+)<br>([^<]+)<', sheet.text)
    assert len(names) == len(words)
    return [(name, " ".join(pair)) for name, pair in zip(names, words, strict=True)]


async def use(child: Reader, words: str, page: Got | None = None, **more: str) -> Got:
    page = page or await child.navigate(CARD)
    return await post(child, CARD, page, words=words, **more)


async def test_from_a_sheet_to_the_book(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (name, words), _ = await printed(grace, room)
        got = await use(child, words)
        assert (got.status, got.one("Location")) == (303, room), got.text
        seen = await child.navigate(room)
        assert f"Signed in as {name}." in seen.text
        assert f'href="{TRUSTED}/cs1/#bookgate=launched"' in seen.text
        roster = await grace.navigate(room)
        assert "1 student" in roster.text
        assert f"<strong>{name}</strong>" in roster.text


async def test_from_a_book_to_the_card_and_back(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (name, words), _ = await printed(grace, room)
        flow = Flow(TRUSTED)
        page = await child.ask(flow)
        link = re.search(r'href="(/auth/classes/card\?[^"]+)"', page.text)
        assert link is not None, page.text
        form = await child.navigate(unescape(link[1]), site="same-origin")
        authorization = re.search(r'name="authorization" value="([^"]+)"', form.text)
        assert authorization is not None
        greeted = await use(child, words, form, authorization=authorization[1])
        assert name in greeted.text
        code = (await child.answer(greeted, "go")).message["code"]
        exchanged = await child.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        confirmed = await child.post(flow, "/auth/confirm", {"ticket": str(exchanged.json["ticket"])})
        assert confirmed.json["mode"] == "cookie"
        assert (await child.fetch(TRUSTED, "GET", "/storage/v1/items/a")).status == 200


async def test_the_account_page_names_the_card_as_a_way_in(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        await use(child, words)
        account = await child.navigate("/auth/account?lang=de", site="none")
        assert "Angemeldet mit einer Klassenkarte" in " ".join(unescape(account.text).split())
        assert "<h3>Klassenkarte</h3>" in account.text, "not in the middle of a sentence"


async def test_the_same_card_is_the_same_person(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as here, school.reader() as there:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        for child in (here, there):
            assert (await use(child, words.upper())).status == 303
        assert "1 student" in (await grace.navigate(room)).text


async def test_opening_a_cards_address_signs_nobody_in(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        page = await child.navigate(f"{CARD}?words={words.replace(' ', '+')}")
        assert words not in page.text
        assert not child.first_party.keys() - {name for name in child.first_party if "login" in name}
        form = {"transaction": page.transaction, "words": words}
        elsewhere = await child.navigate(CARD, form=form, headers={"Origin": TRUSTED})
        assert elsewhere.status == 403
        assert (await without_origin(child, CARD, form)).status == 403
        assert (await child.navigate(CARD, form=form)).status == 303


async def test_a_replaced_card(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as lost, school.reader() as child:
        room = await make(grace)
        (name, words), _ = await printed(grace, room)
        await use(lost, words)
        ((again, new),) = await printed(grace, room, act="replace:1")
        assert again == name
        assert (await lost.navigate(room)).status == 200, "the sign-in page"
        assert "Signed in as" not in (await lost.navigate(room)).text, "who found it is signed out"
        assert (await use(child, words)).status == 403
        assert (await use(child, new)).status == 303
        assert "1 student" in (await grace.navigate(room)).text, "the same person"


async def test_a_card_that_is_thrown_away(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        await post(grace, room, await grace.navigate(room), act="discard:1")
        assert (await use(child, words)).status == 403


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        pytest.param("tiger cloud", 400, "six words", id="too few"),
        pytest.param("tiger cloud river moon apple qqqqqqq", 400, "the word qqqqqqq", id="a word of no card"),
        pytest.param("tiger cloud river moon apple window", 403, "open no card", id="words of no card"),
    ],
)
async def test_what_is_mistyped(school: House, typed: str, status: int, said: str) -> None:
    async with school.reader() as child:
        got = await use(child, typed)
        assert (got.status, said in got.text) == (status, True), got.text
        assert f'value="{typed}"' in got.text, "nobody types it twice"


async def test_who_guesses_is_stopped_at_the_card(school: House) -> None:
    """However many addresses they have, and whatever they send: the right words too."""
    async with school.reader("grace") as grace, school.reader() as guesser, school.reader() as other:
        room = await make(grace)
        (_, words), (_, theirs) = await printed(grace, room)
        wrong = " ".join([*words.split()[:2], "apple", "apple", "apple", "apple"])
        for _ in range(CARD_TRIES.amount):
            assert (await use(guesser, wrong)).status == 403
        assert (await use(guesser, words)).status == 429
        assert (await use(other, theirs)).status == 303, "the others of the class come in"


async def test_a_book_that_takes_no_cards(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        without = await make(grace, address="https://b.example.edu/")
        page = await grace.navigate(without)
        assert "Class cards" not in page.text
        assert (await post(grace, without, page, act="cards", count="1")).status == 400
        asked = await child.ask(Flow("https://b.example.edu"))
        assert asked.one("Location") is not None, "one way in: straight there"
        assert CARD not in (asked.one("Location") or "")


async def test_a_sheet_is_its_teachers_alone(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("bob") as bob:
        room = await make(grace)
        got = await post(grace, room, await grace.navigate(room), act="cards", count="1")
        await bob.sign_in_here()
        assert (await bob.navigate(got.one("Location") or "")).status == 400
        assert (await grace.navigate(got.one("Location") or "")).status == 200, "and can be loaded again"
        grace.at_provider = lambda url: school.at_provider(url, "bob")
        page = await grace.navigate("/auth/login?provider=campus&not_you=1", site="same-origin")
        await grace.through_provider(page)
        assert (await grace.navigate(got.one("Location") or "")).status == 400, (
            "another teacher, same browser"
        )


@pytest.mark.parametrize("count", ["0", "201", "-1", "many", "", "1e1"])
async def test_how_many_cards(school: House, count: str) -> None:
    async with school.reader("grace") as grace:
        room = await make(grace)
        got = await post(grace, room, await grace.navigate(room), act="cards", count=count)
        assert (got.status, "from 1 to 200" in got.text) == (400, True)


async def test_who_came_by_card_is_taken_out_by_the_teacher_alone(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        await use(child, words)
        page = await child.navigate(room)
        assert "Leave this class" not in page.text
        account = await child.navigate("/auth/account", site="none")
        got = await post(child, room, account, act="leave")
        assert (got.status, "Only your teacher" in got.text) == (409, True)


async def test_no_word_is_in_a_log(school: House) -> None:
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        await use(child, words)
        assert words not in school.log.getvalue()
        assert words.replace(" ", "-") not in school.log.getvalue()
        assert "cards.made" in school.log.getvalue()


async def test_a_card_opens_nobodys_own_account(school: House) -> None:
    """Teachers print cards: of a person who has another way in they would print themselves a way in."""
    async with school.reader("grace") as grace, school.reader() as child:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        await use(child, words)
        with closing(sqlite3.connect(school.settings.state / "directory.sqlite3")) as connection, connection:
            (person,) = connection.execute(
                "SELECT person FROM class_cards ORDER BY rowid DESC LIMIT 1 OFFSET 1"
            ).fetchone()
            row = ("https://idp.example.edu", "linked", person, "campus")
            connection.execute("INSERT INTO identities VALUES (?, ?, ?, ?, 0, 0)", row)
        got = await use(child, words)
        assert (got.status, "another way to sign in now" in got.text) == (403, True)


async def test_where_there_are_no_cards(house: House) -> None:
    async with house.reader() as child:
        assert (await child.navigate(CARD)).status == 404
