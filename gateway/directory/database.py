"""The directory's engine: opened, migrated, and its errors turned into ours, in one place."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.errors import DirectoryUnavailableError

RETRY_AFTER = 5  # seconds
_LOCKED = 1.0  # seconds that SQLite waits for another writer
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


async def migrate(engine: AsyncEngine) -> None:
    """Bring the tables up to this version's; a newer database than this code knows is refused."""
    try:
        async with transaction(engine, deadline=60) as connection:
            # The write lock first: of several workers that start together, one migrates.
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            await connection.run_sync(_upgrade)
    except CommandError as error:
        raise DirectoryUnavailableError(f"directory: {error}", retry_after=RETRY_AFTER) from error


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
