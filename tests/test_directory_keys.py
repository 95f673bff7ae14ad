"""What people hold themselves, in the directory: personal tokens and passkeys."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gateway.directory import Directory, ListedPasskey, ListedToken, NewPasskey, Wanted
from gateway.directory.passkeys import PASSKEYS
from gateway.errors import InvalidTokenError, PasskeyRefusedError, TooManyPasskeysError, TooManyTokensError
from gateway.personal_tokens import DAY, TOKENS, mint

ISSUER = "https://idp.example.edu"
NOW = 1_800_000_000
WANTED = Wanted("backup", "campus", NOW - 60, frozenset({"storage"}), "https://books.example.edu", "cs1", DAY)
KEY = NewPasskey("credential", "handle", b"key", 0, ("internal",), "Firefox on Linux")


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Opened:
    directory: Directory
    file: Path
    clock: Clock = field(default_factory=Clock)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncGenerator[Opened]:
    file, clock = tmp_path / "d.db", Clock()
    directory = await Directory.open(f"sqlite+aiosqlite:///{file}", b"k" * 32, clock)
    yield Opened(directory, file, clock)
    await directory.close()


async def person(opened: Opened, name: str) -> str:
    return (await opened.directory.sign_in(ISSUER, name, name, "campus")).id


# -- tokens


async def test_a_token_is_found_by_what_it_is(opened: Opened) -> None:
    ada, tokens = await person(opened, "Ada"), opened.directory.personal_tokens
    found = await tokens.find(await tokens.make(ada, WANTED))
    assert (found.person, found.name, found.provider, found.auth_time) == (ada, "Ada", "campus", NOW - 60)
    assert (found.backends, found.origin, found.book) == (WANTED.backends, WANTED.origin, "cs1")
    assert found.ends == NOW + DAY
    assert await tokens.is_alive(found)


async def test_no_token_lies_in_the_file(opened: Opened) -> None:
    text = await opened.directory.personal_tokens.make(await person(opened, "Ada"), WANTED)
    files = list(opened.file.parent.iterdir())
    assert any(b"backup" in file.read_bytes() for file in files)
    assert not any(text[3:-6].encode() in file.read_bytes() for file in files)


async def test_a_token_ends(opened: Opened) -> None:
    ada, tokens = await person(opened, "Ada"), opened.directory.personal_tokens
    text = await tokens.make(ada, WANTED)
    found = await tokens.find(text)
    opened.clock.now = NOW + DAY
    with pytest.raises(InvalidTokenError):
        await tokens.find(text)
    assert not await tokens.is_alive(found)
    assert await tokens.of(ada) == []


async def test_one_that_was_never_made_is_none(opened: Opened) -> None:
    with pytest.raises(InvalidTokenError):
        await opened.directory.personal_tokens.find(mint(bytes))


async def test_revoked_by_its_person_alone(opened: Opened) -> None:
    ada, eve, tokens = (
        await person(opened, "Ada"),
        await person(opened, "Eve"),
        opened.directory.personal_tokens,
    )
    text = await tokens.make(ada, WANTED)
    found = await tokens.find(text)
    assert await tokens.revoke(eve, found.id) is None
    assert await tokens.is_alive(found)
    assert await tokens.revoke(ada, found.id) == "backup"
    assert await tokens.revoke(ada, found.id) is None
    assert not await tokens.is_alive(found)
    with pytest.raises(InvalidTokenError):
        await tokens.find(text)


async def test_the_list_says_when_each_was_used_to_the_hour(opened: Opened) -> None:
    ada, tokens = await person(opened, "Ada"), opened.directory.personal_tokens
    text = await tokens.make(ada, WANTED)
    (unused,) = await tokens.of(ada)
    assert unused == ListedToken(
        unused.id, "backup", ("storage",), WANTED.origin, "cs1", NOW, NOW + DAY, None
    )
    used = []
    for later in (10, 3609, 3610):
        opened.clock.now = NOW + later
        await tokens.find(text)
        used += [one.used for one in await tokens.of(ada)]
    assert used == [NOW + 10, NOW + 10, NOW + 3610]


async def test_one_has_so_many_and_those_that_ran_out_do_not_count(opened: Opened) -> None:
    ada, tokens = await person(opened, "Ada"), opened.directory.personal_tokens
    for _ in range(TOKENS):
        await tokens.make(ada, WANTED)
    with pytest.raises(TooManyTokensError):
        await tokens.make(ada, WANTED)
    opened.clock.now = NOW + DAY
    await tokens.make(ada, WANTED)
    with closing(sqlite3.connect(opened.file)) as database:
        assert database.execute("SELECT count(*) FROM personal_tokens").fetchone() == (1,)


# -- passkeys


async def test_a_passkey_is_found_by_its_id(opened: Opened) -> None:
    ada, passkeys = await person(opened, "Ada"), opened.directory.passkeys
    await passkeys.add(ada, KEY)
    found = await passkeys.find("credential")
    assert found is not None
    assert (found.person, found.called, found.handle, found.public_key, found.counter) == (
        ada,
        "Ada",
        "handle",
        b"key",
        0,
    )
    assert await passkeys.find("another") is None
    assert await passkeys.of(ada) == [
        ListedPasskey("credential", "Firefox on Linux", ("internal",), NOW, None)
    ]


async def test_a_credential_is_one_persons(opened: Opened) -> None:
    ada, eve, passkeys = await person(opened, "Ada"), await person(opened, "Eve"), opened.directory.passkeys
    await passkeys.add(ada, KEY)
    with pytest.raises(PasskeyRefusedError):
        await passkeys.add(eve, replace(KEY, public_key=b"eve's"))
    found = await passkeys.find("credential")
    assert found is not None
    assert (found.person, found.public_key) == (ada, b"key")


async def test_a_counter_goes_on(opened: Opened) -> None:
    ada, passkeys = await person(opened, "Ada"), opened.directory.passkeys
    await passkeys.add(ada, KEY)
    for counter in (0, 0, 1, 5):  # some devices count never, and begin to
        await passkeys.use("credential", ada, counter)
    for counter in (5, 4, 0):  # a copy has signed since
        with pytest.raises(PasskeyRefusedError):
            await passkeys.use("credential", ada, counter)
    found = await passkeys.find("credential")
    assert found is not None
    assert found.counter == 5


async def test_a_passkey_that_was_removed_signs_nobody_in(opened: Opened) -> None:
    ada, eve, passkeys = await person(opened, "Ada"), await person(opened, "Eve"), opened.directory.passkeys
    await passkeys.add(ada, KEY)
    assert not await passkeys.remove(eve, "credential")
    with pytest.raises(PasskeyRefusedError):
        await passkeys.use("credential", eve, 1)
    assert await passkeys.remove(ada, "credential")
    assert not await passkeys.remove(ada, "credential")
    with pytest.raises(PasskeyRefusedError):
        await passkeys.use("credential", ada, 1)


async def test_its_use_is_told(opened: Opened) -> None:
    ada, passkeys = await person(opened, "Ada"), opened.directory.passkeys
    await passkeys.add(ada, KEY)
    opened.clock.now = NOW + 9
    await passkeys.use("credential", ada, 0)
    assert [one.used for one in await passkeys.of(ada)] == [NOW + 9]


async def test_one_has_so_many_passkeys(opened: Opened) -> None:
    ada, passkeys = await person(opened, "Ada"), opened.directory.passkeys
    for number in range(PASSKEYS):
        await passkeys.add(ada, replace(KEY, id=f"c{number}"))
    with pytest.raises(TooManyPasskeysError):
        await passkeys.add(ada, KEY)


async def test_nobody_is_asked_twice(opened: Opened) -> None:
    ada, eve, passkeys = await person(opened, "Ada"), await person(opened, "Eve"), opened.directory.passkeys
    assert await passkeys.is_to_be_offered(ada)
    await passkeys.note_answer(ada)
    await passkeys.note_answer(ada)
    assert not await passkeys.is_to_be_offered(ada)
    await passkeys.add(eve, KEY)
    assert not await passkeys.is_to_be_offered(eve)


async def test_both_go_with_their_person(opened: Opened) -> None:
    ada, eve = await person(opened, "Ada"), await person(opened, "Eve")
    text = await opened.directory.personal_tokens.make(eve, WANTED)
    await opened.directory.passkeys.add(eve, KEY)
    with closing(sqlite3.connect(opened.file)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("DELETE FROM people WHERE id = ?", (ada,))
        assert database.execute("SELECT count(*) FROM personal_tokens").fetchone() == (1,)
        database.execute("DELETE FROM people WHERE id = ?", (eve,))
        database.commit()
    assert await opened.directory.passkeys.find("credential") is None
    with pytest.raises(InvalidTokenError):
        await opened.directory.personal_tokens.find(text)
