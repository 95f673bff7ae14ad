"""Identities of people, on both databases: one person each, and what many tabs at once make of them."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from gateway.directory import Directory, Identity
from tests.databases import Postgres, postgres

KEY = b"people-key".ljust(32, b"x")
NOW = 1_800_000_000
ISSUER = "https://idp.example.edu"


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"], name="directory")
async def _directory(
    request: pytest.FixtureRequest, server: Postgres, tmp_path: Path
) -> AsyncGenerator[Directory]:
    sqlite = f"sqlite+aiosqlite:///{tmp_path / 'directory.sqlite3'}"
    url = sqlite if request.param == "sqlite" else await server.make()
    opened = await Directory.open(url, KEY, lambda: NOW)
    yield opened
    await opened.close()


def any_is_left(staying: list[Identity]) -> bool:
    return bool(staying)


async def test_another_identity_is_the_same_person(directory: Directory) -> None:
    ada = await directory.sign_in(ISSUER, "ada", "Ada", "campus")
    assert await directory.identities.link(ISSUER, "ada-at-work", "work", ada.id) == ada.id
    assert await directory.identities.link(ISSUER, "ada-at-work", "work", ada.id) == ada.id, "once more"
    assert (await directory.sign_in(ISSUER, "ada-at-work", None, "work")).id == ada.id
    found = await directory.identities.of_person(ada.id)
    assert {(each.subject, each.provider) for each in found} == {("ada", "campus"), ("ada-at-work", "work")}


async def test_an_identity_that_another_person_has_stays_theirs(directory: Directory) -> None:
    ada, bob = [await directory.sign_in(ISSUER, name, None, "campus") for name in ("ada", "bob")]
    assert await directory.identities.link(ISSUER, "bob", "campus", ada.id) == bob.id
    assert (await directory.sign_in(ISSUER, "bob", None, "campus")).id == bob.id


async def test_ten_tabs_that_add_one_identity_to_two_people(directory: Directory) -> None:
    people = [await directory.sign_in(ISSUER, name, None, "campus") for name in ("ada", "bob")]
    links = [directory.identities.link(ISSUER, "new", "work", people[n % 2].id) for n in range(10)]
    assert len(set(await asyncio.gather(*links))) == 1, "it is one person's, and everybody is told whose"


async def test_ten_tabs_that_take_all_identities_away_leave_one(directory: Directory) -> None:
    ada = await directory.sign_in(ISSUER, "ada", None, "campus")
    for number in range(4):
        await directory.identities.link(ISSUER, f"ada-{number}", "work", ada.id)
    subjects = ["ada", *(f"ada-{number}" for number in range(4))]
    acts = [directory.identities.unlink(ISSUER, each, ada.id, any_is_left) for each in subjects * 2]
    assert sum(await asyncio.gather(*acts)) == 4
    assert len(await directory.identities.of_person(ada.id)) == 1


async def test_who_comes_by_what_was_taken_away_is_somebody_new(directory: Directory) -> None:
    ada = await directory.sign_in(ISSUER, "ada", "Ada", "campus")
    await directory.identities.link(ISSUER, "ada-at-work", "work", ada.id)
    assert await directory.identities.unlink(ISSUER, "ada", ada.id, any_is_left)
    new = await directory.sign_in(ISSUER, "ada", "Ada", "campus")
    assert new.id != ada.id
    assert await directory.sign_in(ISSUER, "ada", "Ada", "campus") == new, "and stays it"
    assert not await directory.identities.unlink(ISSUER, "ada", ada.id, any_is_left), "it is not theirs"
