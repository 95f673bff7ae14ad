"""The directory's engine: opened, migrated, and its errors turned into ours, in one place."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.errors import DirectoryUnavailableError

RETRY_AFTER = 5  # seconds
_LOCKED = 1.0  # seconds that SQLite waits for another writer
_PAUSE = 0.1  # seconds between two looks at a database that another worker migrates
_DEADLINE = 4.0  # seconds for a whole operation: a sign-in that hangs helps nobody
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(url: str) -> AsyncEngine:
    """An engine for the embedded SQLite file that `url` names; nothing is opened yet."""
    engine = create_async_engine(url, connect_args={"timeout": _LOCKED}, pool_timeout=_LOCKED)
    event.listen(engine.sync_engine, "connect", _prepare)
    return engine


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, deadline: float = _DEADLINE
) -> AsyncGenerator[AsyncConnection, None]:
    """A connection in a transaction; whatever the database does wrong is DirectoryUnavailableError."""
    try:
        async with asyncio.timeout(deadline), engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:  # OSError: no network, no file, no time
        raise DirectoryUnavailableError(f"directory: {error!r}", retry_after=RETRY_AFTER) from error


async def migrate(engine: AsyncEngine, patience: float = 60) -> None:
    """Bring the tables up to this version's, after any other worker that is doing the same.

    `patience`: seconds to wait for that worker. SQLite's own wait does not do: it is made for one
    sign-in, and it is not kept at all while a new file becomes one with a write-ahead log.
    DirectoryUnavailableError: still locked then; or the database is newer than this code.
    """
    end = time.monotonic() + patience
    while True:
        try:
            async with transaction(engine, deadline=patience) as connection:
                # The write lock first: of several workers that start together, one migrates.
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
                await connection.run_sync(_upgrade)
        except CommandError as error:
            raise DirectoryUnavailableError(f"directory: {error}", retry_after=RETRY_AFTER) from error
        except DirectoryUnavailableError as error:
            if not _is_locked(error.__cause__) or time.monotonic() > end:
                raise
            await asyncio.sleep(_PAUSE)
        else:
            return


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
