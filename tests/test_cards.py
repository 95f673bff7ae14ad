"""Class cards in the directory: made, found by their words, replaced, thrown away."""

from collections.abc import AsyncGenerator, Generator, Sequence
from pathlib import Path

import pytest

from gateway.classes_rules import MEMBERS, BookPlace, Role
from gateway.directory import Candidate, Card, Directory
from gateway.errors import ClassFullError
from gateway.origins import Origin
from tests.databases import Postgres, postgres

PLACE = BookPlace("cs1", "https://books.example.edu/cs1/", Origin("https", "books.example.edu", 443))
NOW = 1_800_000_000
OTTER = ("otter", "cloud", "river", "moon", "apple", "window")
FOX = ("fox", "cloud", "river", "moon", "apple", "window")


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"], name="url")
async def _url(request: pytest.FixtureRequest, server: Postgres, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'd.db'}"
    return await server.make()


@pytest.fixture
async def directory(url: str) -> AsyncGenerator[Directory]:
    opened = await Directory.open(url, b"k" * 32, lambda: NOW)
    yield opened
    await opened.close()


@pytest.fixture
async def class_id(directory: Directory) -> str:
    grace = await directory.sign_in("https://idp.example.edu", "grace", "Grace", "campus")
    return (await directory.classes.make("7b", PLACE, grace.id)).id


async def proved(directory: Directory, words: Sequence[str]) -> list[Candidate]:
    found = await directory.cards.found(words)
    return [one for one in found if directory.cards.proves(words, one)]


async def test_a_card_is_found_by_its_words(directory: Directory, class_id: str) -> None:
    assert await directory.cards.make(class_id, [("Blue Otter", OTTER), ("Red Fox", FOX)]) == [1, 2]
    (card,) = await proved(directory, OTTER)
    assert (card.class_id, card.number, card.name) == (class_id, 1, "Blue Otter")
    cards = await directory.cards.list_of(class_id)
    assert cards == [
        Card(1, "Blue Otter", used=False, printed=NOW),
        Card(2, "Red Fox", used=False, printed=NOW),
    ]


async def test_the_first_words_find_and_prove_nothing(directory: Directory, class_id: str) -> None:
    await directory.cards.make(class_id, [("Blue Otter", OTTER)])
    guess = (*OTTER[:5], "moon")
    assert len(await directory.cards.found(guess)) == 1
    assert await proved(directory, guess) == []
    assert await directory.cards.found(FOX) == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_no_word_is_in_the_file(directory: Directory, class_id: str, tmp_path: Path) -> None:
    await directory.cards.make(class_id, [("Card", OTTER)])
    whole = b"".join((tmp_path / name).read_bytes() for name in ("d.db", "d.db-wal"))
    assert not [word for word in OTTER if word.encode() in whole]


async def test_a_replaced_card_is_the_same_person(directory: Directory, class_id: str) -> None:
    await directory.cards.make(class_id, [("Blue Otter", OTTER)])
    (before,) = await proved(directory, OTTER)
    assert await directory.cards.replace(class_id, 1, FOX) == ("Blue Otter", None)
    assert await proved(directory, OTTER) == []
    (after,) = await proved(directory, FOX)
    assert after.subject == before.subject
    assert await directory.cards.replace(class_id, 2, FOX) is None


async def test_only_unused_cards_are_thrown_away(directory: Directory, class_id: str) -> None:
    await directory.cards.make(class_id, [("Blue Otter", OTTER), ("Red Fox", FOX)])
    (card,) = await proved(directory, OTTER)
    child = await directory.sign_in("urn:bookgate:card", card.subject, card.name, "class_card")
    assert await directory.cards.belongs_to(card, child.id)
    for number in (1, 2):
        await directory.cards.discard(class_id, number)
    assert await directory.cards.list_of(class_id) == [Card(1, "Blue Otter", used=True, printed=NOW)]
    assert await directory.cards.make(class_id, [("Red Fox", FOX)]) == [2]


async def test_a_card_of_an_archived_class_opens_no_class(directory: Directory, class_id: str) -> None:
    await directory.cards.make(class_id, [("Blue Otter", OTTER)])
    (card,) = await proved(directory, OTTER)
    child = await directory.sign_in("urn:bookgate:card", card.subject, card.name, "class_card")
    await directory.classes.set_archived(class_id, archived=True)
    assert not await directory.cards.belongs_to(card, child.id)


async def test_who_is_removed_has_no_card_any_more(directory: Directory, class_id: str) -> None:
    await directory.cards.make(class_id, [("Blue Otter", OTTER)])
    (card,) = await proved(directory, OTTER)
    child = await directory.sign_in("urn:bookgate:card", card.subject, card.name, "class_card")
    await directory.cards.belongs_to(card, child.id)
    await directory.classes.enrol(class_id, child.id, Role.STUDENT)
    (member,) = [one for one in await directory.classes.members(class_id) if one.person == child.id]
    assert member.card == 1
    await directory.classes.remove(class_id, child.id)
    assert await directory.cards.found(OTTER) == []


async def test_there_is_an_end_of_cards(directory: Directory, class_id: str) -> None:
    with pytest.raises(ClassFullError):
        await directory.cards.make(class_id, [("Card", OTTER)] * (MEMBERS + 1))
