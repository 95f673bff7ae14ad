"""The directory on both databases: one set of statements, one behaviour."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Integer, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from gateway import directory as room
from gateway.directory import Directory
from gateway.directory.kinds import KINDS
from gateway.directory.schema import metadata
from gateway.errors import DirectoryUnavailableError
from gateway.revocation_rules import EndBook, EndSignIn
from tests.databases import Postgres, postgres

KEY = b"people-key".ljust(32, b"x")
NOW = 1_800_000_000
ISSUER = "https://idp.example.edu"


def clock() -> float:
    return NOW


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"], name="url")
async def _url(request: pytest.FixtureRequest, server: Postgres, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'directory.sqlite3'}"
    return await server.make()


@pytest.fixture(name="directory")
async def _directory(url: str) -> AsyncGenerator[Directory]:
    opened = await Directory.open(url, KEY, clock)
    yield opened
    await opened.close()


async def test_the_migrations_make_the_very_schema(directory: Directory, url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_times_outlive_the_year_2038(url: str) -> None:
    """In 2106 the seconds do not fit into 32 bits, with a sign or without."""
    late = await Directory.open(url, KEY, lambda: 5_000_000_000)
    ada = await late.sign_in(ISSUER, "ada", "Ada", "campus")
    again = await late.sign_in(ISSUER, "ada", "Ada", "campus")
    await late.close()
    assert again == ada
    names = {"number", "tries", "version"}  # those that count something
    narrow = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if type(column.type) is Integer and column.name not in names
    ]
    assert narrow == []


async def test_down_and_up_again(directory: Directory, url: str) -> None:
    def down(connection: Connection) -> set[str]:
        config = Config()
        folder = Path(room.__file__).parent / "migrations"
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        return set(inspect(connection).get_table_names())

    engine = create_async_engine(url)
    async with engine.begin() as connection:
        left = await connection.run_sync(down)
    await engine.dispose()
    assert left <= {"alembic_version", "sqlite_sequence"}
    again = await Directory.open(url, KEY, clock)
    assert (await again.sign_in(ISSUER, "ada", "Ada", "campus")).name == "Ada"
    await again.close()


async def test_people_and_approvals(directory: Directory) -> None:
    ada = await directory.sign_in(ISSUER, "ada", "Ada", "campus")
    assert (await directory.sign_in(ISSUER, "ada", None, "campus")) == ada, "a name that is not told is kept"
    assert await directory.person_of(ISSUER, "ada") == ada.id
    await directory.approve(ada.id, "https://book.example")
    await directory.approve(ada.id, "https://book.example")
    assert await directory.approved(ada.id, "https://book.example")
    assert [one.origin for one in await directory.approvals(ada.id)] == ["https://book.example"]
    await directory.withdraw(ada.id, "https://book.example")
    assert not await directory.approved(ada.id, "https://book.example")


async def test_approving_for_nobody_is_refused(directory: Directory) -> None:
    with pytest.raises(DirectoryUnavailableError):
        await directory.approve("nobody", "https://book.example")


async def test_workers_open_it_together_and_a_class_signs_in(url: str) -> None:
    workers = await asyncio.gather(*(Directory.open(url, KEY, clock) for _ in range(3)))
    signing_in = [workers[n % 3].sign_in(ISSUER, f"s{n % 20}", f"S{n % 20}", "campus") for n in range(60)]
    people = await asyncio.gather(*signing_in)
    assert len({person.id for person in people}) == 20
    for worker in workers:
        await worker.close()


async def test_what_ended_is_numbered_in_the_order_of_its_noting(directory: Directory) -> None:
    rows = directory.revocations
    before = await rows.newest()
    assert before > NOW * 1000, "above what an older directory gave out"
    await rows.note([EndSignIn("slot.a"), EndBook("slot.b")], NOW + 60)
    assert [noted.act for noted in await rows.after(before)] == [EndSignIn("slot.a"), EndBook("slot.b")]
    assert await rows.newest() == before + 2
    assert (await rows.raise_epoch(["slot"], {}, NOW + 60))["slot"] == NOW
    assert (await rows.raise_epoch(["slot"], {"slot": NOW + 7}, NOW + 60))["slot"] == NOW + 8
    await rows.mark_everybody(NOW - 5)
    await rows.mark_everybody(NOW - 9)
    assert (await rows.marks()).everybody == NOW - 5


async def test_two_workers_never_give_one_epoch_twice(url: str) -> None:
    async with AsyncExitStack() as stack:
        workers = []
        for _ in range(2):
            worker = await Directory.open(url, KEY, clock)
            stack.push_async_callback(worker.close)
            workers.append(worker)
        raising = [workers[n % 2].revocations.raise_epoch(["slot"], {}, NOW + 60) for n in range(20)]
        epochs = [found["slot"] for found in await asyncio.gather(*raising)]
        assert sorted(epochs) == list(range(NOW, NOW + 20))


async def test_a_writer_that_holds_on_to_its_turn(server: Postgres) -> None:
    url = await server.make()
    directory = await Directory.open(url, KEY, clock)
    ada = await directory.sign_in(ISSUER, "ada", "Ada", "campus")
    engine = create_async_engine(url)
    async with engine.begin() as other:
        await other.exec_driver_sql(KINDS["postgresql"].alone)
        assert await directory.person_of(ISSUER, "ada") == ada.id, "readers wait for nobody"
        with pytest.raises(DirectoryUnavailableError):
            async with asyncio.timeout(30):
                await directory.sign_in(ISSUER, "bob", "Bob", "campus")
    assert (await directory.sign_in(ISSUER, "bob", "Bob", "campus")).name == "Bob"
    await engine.dispose()
    await directory.close()


async def test_a_server_that_is_gone_is_unavailable(tmp_path_factory: pytest.TempPathFactory) -> None:
    with postgres(tmp_path_factory.mktemp("gone")) as server:
        directory = await Directory.open(await server.make(), KEY, clock)
        await directory.sign_in(ISSUER, "ada", "Ada", "campus")
        server.process.send_signal(signal.SIGINT)  # connections are cut
        server.process.wait(60)
        for _ in range(2):
            with pytest.raises(DirectoryUnavailableError):
                await directory.person_of(ISSUER, "ada")
        await directory.close()


async def test_no_such_database_and_nobody_there(server: Postgres) -> None:
    for url in (
        f"postgresql+asyncpg://bookgate@127.0.0.1:{server.port}/none",
        "postgresql+asyncpg://x@127.0.0.1:1/x",
    ):
        with pytest.raises(DirectoryUnavailableError):
            await Directory.open(url, KEY, clock)
