import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text

from backends import database
from backends.analytics.command import MIGRATIONS as ANALYTICS
from backends.analytics.schema import metadata as analytics
from backends.database import Database
from backends.problem import DiskFull, NotFound, Unavailable
from backends.storage.command import MIGRATIONS as STORAGE
from backends.storage.schema import metadata as storage


@pytest.fixture
async def file(tmp_path: Path) -> AsyncGenerator[Database, None]:
    file = Database(tmp_path / "file.db")
    await file.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER)")))
    yield file
    await file.close()


def add(connection: Connection, number: int) -> None:
    connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM t")).scalar_one())


async def test_a_write_is_there_for_the_next_reader(file: Database) -> None:
    await file.write(lambda connection: add(connection, 1))
    assert await file.read(count) == 1


async def test_many_writes_at_once_all_happen(file: Database) -> None:
    await asyncio.gather(*(file.write(lambda connection: add(connection, 1)) for _ in range(500)))
    assert await file.read(count) == 500


@pytest.mark.parametrize("error", [NotFound(), ValueError("a mistake of ours")])
async def test_a_job_that_fails_takes_back_its_own_work_only(file: Database, error: Exception) -> None:
    def fail(connection: Connection) -> None:
        add(connection, 2)
        raise error

    jobs = [file.write(lambda connection: add(connection, 1)), file.write(fail)]
    results = await asyncio.gather(
        *jobs, *(file.write(lambda c: add(c, 1)) for _ in range(3)), return_exceptions=True
    )
    assert results == [None, error, None, None, None]
    assert await file.read(count) == 4


async def test_a_write_that_nobody_waits_for_does_not_stop_the_writer(file: Database) -> None:
    waiting = asyncio.create_task(file.write(lambda connection: add(connection, 1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await file.write(lambda connection: add(connection, 1))
    assert await file.read(count) in {1, 2}


async def test_readers_cannot_write(file: Database) -> None:
    with pytest.raises(Unavailable):
        await file.read(lambda connection: add(connection, 1))


async def test_a_full_disk_is_507_and_leaves_nothing_half_written(file: Database) -> None:
    def narrow(connection: Connection) -> None:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))

    def fill(connection: Connection) -> None:
        add(connection, 1)
        connection.execute(text("INSERT INTO t VALUES (zeroblob(1000000))"))

    await file.write(narrow)
    with pytest.raises(DiskFull):
        await file.write(fill)
    assert await file.read(count) == 0
    await file.write(lambda connection: add(connection, 1))
    assert await file.read(count) == 1


async def test_a_locked_file_is_503(tmp_path: Path, file: Database) -> None:
    other = sqlite3.connect(tmp_path / "file.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await file.write(lambda connection: add(connection, 1))
    other.execute("COMMIT")
    other.close()
    await file.write(lambda connection: add(connection, 1))


async def test_writes_are_durable(file: Database) -> None:
    def settings(connection: Connection) -> tuple[object, object]:
        names = ("journal_mode", "synchronous")
        mode, synchronous = (connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in names)
        return mode, synchronous

    assert await file.write(settings) == ("wal", 2)  # 2 is FULL


@pytest.mark.parametrize(("migrations", "metadata"), [(STORAGE, storage), (ANALYTICS, analytics)])
async def test_migrations_end_at_the_schema(migrations: Path, metadata: MetaData, tmp_path: Path) -> None:
    path = tmp_path / "100% file.db"
    database.migrate(path, migrations)
    database.migrate(path, migrations)
    file = Database(path)
    with file.reader.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    await file.close()
