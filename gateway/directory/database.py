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
from sqlalchemy import Connection, Table, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.errors import DirectoryUnavailableError

RETRY_AFTER = 5  # seconds
_LOCKED = 3.0  # seconds that SQLite waits for a writer of another process; it knows no queue
_PAUSE = 0.1  # seconds between two looks at a database that another worker migrates
_DEADLINE = 4.0  # seconds for a whole operation: a sign-in that hangs helps nobody
_INSERTS = {"sqlite": sqlite.insert}
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The embedded SQLite file: readers wait for nobody, the writers of this process for their turn.

    SQLite lets one write at a time, and whom it lets next is chance: of sixty who sign in together some would
    wait for longer than anybody does.
    """

    def __init__(self, url: str) -> None:
        """Nothing is opened yet."""
        self._engine = create_async_engine(url, connect_args={"timeout": _LOCKED}, pool_timeout=_LOCKED)
        event.listen(self._engine.sync_engine, "connect", _prepare)
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        await self._engine.dispose()

    def insert(self, table: Table) -> sqlite.Insert:
        """An insert that knows `on_conflict_do_...`, in the dialect of the database."""
        return _INSERTS[self._engine.dialect.name](table)

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
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
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
    except (SQLAlchemyError, OSError) as error:  # OSError: no network, no file, no time
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
