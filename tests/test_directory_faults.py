"""A PostgreSQL that hangs, is slow, and dies in the middle of a transaction."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Generator

import pytest
from sqlalchemy import insert, select, text

from gateway.directory import Directory
from gateway.directory.database import Database
from gateway.directory.schema import decisions
from gateway.errors import DirectoryUnavailableError
from tests.databases import Postgres, postgres

KEY = b"people-key".ljust(32, b"x")
ISSUER = "https://idp.example.edu"
DEADLINE = 4.0  # seconds, of docs/ops/directory.md
BUSY = 1.5  # seconds that a busy machine may add: less than what a connection took to part


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(name="database")
async def _database(server: Postgres) -> AsyncGenerator[Database]:
    opened = Database(await server.make())
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture(name="directory")
def _directory(database: Database) -> Directory:
    return Directory(database, KEY, time.time)


async def given_up(operation: Awaitable[object]) -> float:
    """Seconds until it was."""
    began = time.monotonic()
    with pytest.raises(DirectoryUnavailableError):
        await operation
    return time.monotonic() - began


async def works_again(directory: Directory) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                assert (await directory.sign_in(ISSUER, "ada", "Ada", "campus")).name == "Ada"
            except DirectoryUnavailableError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_a_server_that_hangs_is_given_up_in_time(directory: Directory, server: Postgres) -> None:
    """By everybody who asks, over a connection that was there and over none; afterwards all is as before."""
    await directory.sign_in(ISSUER, "ada", "Ada", "campus")
    with server.hanging():
        took = [await given_up(directory.person_of(ISSUER, "ada"))]
        reading = [given_up(directory.person_of(ISSUER, "ada")) for _ in range(10)]
        writing = [given_up(directory.sign_in(ISSUER, f"new{n}", "New", "campus")) for n in range(4)]
        took += await asyncio.gather(*reading, *writing)
    assert max(took) < DEADLINE + BUSY
    await works_again(directory)
    assert await directory.person_of(ISSUER, "new0") is None


async def test_a_statement_that_hangs_is_given_up_in_time(
    directory: Directory, database: Database, server: Postgres
) -> None:
    """The server stops while it works on what was asked of it."""
    await directory.sign_in(ISSUER, "ada", "Ada", "campus")

    async def slow() -> None:
        async with database.reading() as connection:
            await connection.execute(text("SELECT pg_sleep(0.5)"))

    asking = asyncio.create_task(given_up(slow()))
    await asyncio.sleep(0.2)
    with server.hanging():
        assert await asking < DEADLINE + BUSY
    await works_again(directory)


async def test_a_server_that_dies_in_a_transaction_kept_nothing_of_it(
    directory: Directory, database: Database
) -> None:
    async def die() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(decisions).values(half))
            pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            os.kill(pid, signal.SIGKILL)  # the server ends every connection, and recovers
            await connection.execute(insert(decisions).values(half | {"id": "other half"}))

    half = {"id": "half", "purpose": "merge", "decided": 1}
    await given_up(die())
    await works_again(directory)
    async with database.reading() as connection:
        assert (await connection.execute(select(decisions.c.id))).all() == []


async def test_writers_behind_one_that_is_slow_get_their_turn(
    directory: Directory, database: Database
) -> None:
    async def slow() -> None:
        async with database.writing() as connection:
            await connection.execute(text("SELECT pg_sleep(1)"))

    first = asyncio.create_task(slow())
    await asyncio.sleep(0.1)
    signing_in = [directory.sign_in(ISSUER, f"s{n}", "S", "campus") for n in range(20)]
    assert len({person.id for person in await asyncio.gather(*signing_in)}) == 20
    await first
