"""The directory's database: opened, migrated, and its errors turned into ours, in one place."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from asyncpg import InterfaceError, PostgresError
from sqlalchemy import ColumnElement, Connection, Table, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.directory.kinds import KINDS, PARTING, Insert
from gateway.errors import DirectoryUnavailableError

RETRY_AFTER = 5  # seconds
_PAUSE = 0.1  # seconds between two looks at a database that another worker migrates
# Seconds for an operation, which with the end of its connection takes 4: a sign-in that hangs helps nobody.
_DEADLINE = 4.0 - PARTING
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """Readers wait for nobody, the writers of this process for their turn, and those of all for one lock.

    SQLite lets one write at a time, and whom it lets next is chance: of sixty who sign in together some would
    wait for longer than anybody does.
    """

    def __init__(self, url: str) -> None:
        """Nothing is opened yet."""
        self._kind = KINDS[make_url(url).get_backend_name()]
        self._engine = create_async_engine(url, **self._kind.options)
        if self._kind is KINDS["sqlite"]:
            event.listen(self._engine.sync_engine, "connect", _prepare)
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        await self._engine.dispose()

    def insert(self, table: Table) -> Insert:
        """An insert that knows `on_conflict_do_...`, in the dialect of the database."""
        return self._kind.insert(table)

    def greatest(self, *columns: ColumnElement[int] | int) -> ColumnElement[int]:
        return self._kind.greatest(*columns)

    async def last_number(self) -> int:
        """The last number of a revocation that was noted, also if that is gone.

        Between two writers: PostgreSQL gives a number before its row can be read.
        """
        async with self.reading() as connection:
            if self._kind.settled is not None:
                await connection.exec_driver_sql(self._kind.settled)
            return int((await connection.exec_driver_sql(self._kind.last_number)).scalar_one())

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A connection; whatever the database does wrong is DirectoryUnavailableError."""
        with _errors():
            async with asyncio.timeout(_DEADLINE), self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self, deadline: float = _DEADLINE) -> AsyncGenerator[AsyncConnection]:
        """A connection in a transaction that nobody else writes beside; the same errors."""
        with _errors():
            async with asyncio.timeout(deadline), self._turn, self._engine.begin() as connection:
                # The lock first: what was read before it could be old when it is written.
                await connection.exec_driver_sql(self._kind.alone)
                yield connection

    @asynccontextmanager
    async def one_moment(self, deadline: float) -> AsyncGenerator[AsyncConnection]:
        """A connection whose reads are all of one moment, however long they take; no writer waits for it."""
        with _errors():
            async with asyncio.timeout(deadline), self._engine.begin() as connection:
                await connection.exec_driver_sql(self._kind.moment)
                yield connection

    async def migrate(self, patience: float = 60) -> None:
        """Bring the tables up to this version's, after any other worker that is doing the same.

        `patience`: seconds to wait for that worker. SQLite's own wait does not do: it is made for one
        sign-in, and it is not kept at all while a new file becomes one with a write-ahead log.
        DirectoryUnavailableError: still locked then; or the database is newer than this code.
        """
        end = time.monotonic() + patience
        while True:
            try:
                async with self.writing(patience) as connection:
                    await connection.run_sync(_upgrade)
            except CommandError as error:
                raise DirectoryUnavailableError(f"directory: {error}", retry_after=RETRY_AFTER) from error
            except DirectoryUnavailableError as error:
                if not _is_locked(error.__cause__) or time.monotonic() > end:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return


@contextmanager
def _errors() -> Generator[None]:
    try:
        yield
    # asyncpg's own: before there is a connection. OSError: no network, no file, no time
    except (SQLAlchemyError, PostgresError, InterfaceError, OSError) as error:
        raise DirectoryUnavailableError(f"directory: {error!r}", retry_after=RETRY_AFTER) from error


def _is_locked(error: BaseException | None) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else None
    return getattr(cause, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
    cursor.execute("PRAGMA synchronous = FULL")  # an approval that was given stays given
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
