"""One SQLite file: one writer thread whose waiting jobs share a transaction, and a few readers.

A job is a function of a connection. It runs in a savepoint of its own, and its caller hears of it only
after the commit that holds it is on the disk (WAL with synchronous=FULL), so what was acknowledged survives
a kill -9. Migrations run when the file is opened.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from backends.problem import DiskFull, Problem, Unavailable

T = TypeVar("T")

WAITING: Final = 1000  # jobs; the next one is told to come back
TOGETHER: Final = 100  # jobs of one transaction
READERS: Final = 4
LOCK_WAIT: Final = 2.0  # seconds, while another process holds the file (a migration, a backup)


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """Work that waits for the writer, and where its result goes."""

    work: Callable[[Connection], T]
    future: Future[T] = field(default_factory=Future)

    def attempt(self, connection: Connection) -> Callable[[], None]:
        """Does the work in a savepoint; the answer tells the caller, once the commit is done."""
        try:
            with connection.begin_nested():
                value = self.work(connection)
        except DBAPIError:
            raise
        except Exception as error:  # ruff: ignore[blind-except] - the thread's entry point
            refusal = error
            return lambda: self.future.set_exception(refusal)
        return lambda: self.future.set_result(value)


@contextmanager
def faults() -> Generator[None, None, None]:
    """SQLite's faults become this family's; what is left is a mistake of ours."""
    try:
        yield
    except DBAPIError as error:
        raise _translate(error) from error


def _translate(error: DBAPIError) -> Exception:
    if _is_full(error):
        return DiskFull()
    if isinstance(error.orig, sqlite3.OperationalError):
        return Unavailable(headers={"Retry-After": "1"})
    return error


def _is_full(error: BaseException | None) -> bool:
    """A full disk ends SQLite's transaction by itself, so that the savepoint is missed first."""
    return error is not None and (
        getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or _is_full(error.__context__)
    )


def _engine(path: Path, begin: str, settings: tuple[str, ...], pool_size: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": LOCK_WAIT},
    )

    # SQLAlchemy's recipe for pysqlite: the driver's own idea of transactions is switched off.
    def connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for setting in settings:
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _writer(path: Path) -> Engine:
    settings = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
    return _engine(path, "BEGIN IMMEDIATE", settings, 1)


def migrate(path: Path, migrations: Path) -> None:
    """Brings the file to the newest schema. An engine other than SQLite is never migrated unasked."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = _writer(path)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


class Database:
    """An open file. `read` and `write` take functions of a connection."""

    def __init__(self, path: Path) -> None:
        self.writer = _writer(path)
        self.reader = _engine(path, "BEGIN", ("query_only = ON",), READERS)
        self._jobs: queue.Queue[Job[object] | None] = queue.Queue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._thread = threading.Thread(target=self._write_jobs, name="writer")
        self._thread.start()

    async def write(self, work: Callable[[Connection], T]) -> T:
        if self._jobs.qsize() >= WAITING:
            raise Unavailable(headers={"Retry-After": "1"})
        job = Job(work)
        self._jobs.put(job)  # type: ignore[arg-type]  # the writer gives each result to its own future
        return await asyncio.wrap_future(job.future)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def close(self) -> None:
        """Every job that waits is done first."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._readers.shutdown()
        self.reader.dispose()
        self.writer.dispose()

    def answers(self) -> None:
        """Raises when the file cannot be read."""
        self._read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())

    def _read(self, work: Callable[[Connection], T]) -> T:
        with faults(), self.reader.begin() as connection:
            return work(connection)

    def _write_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            while len(batch) < TOGETHER and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    self._jobs.put(None)
                    break
                batch.append(following)
            self._commit([one for one in batch if one.future.set_running_or_notify_cancel()])

    def _commit(self, batch: list[Job[object]]) -> None:
        try:
            with faults(), self.writer.begin() as connection:
                tellings = [job.attempt(connection) for job in batch]
        except (Problem, DBAPIError) as error:
            for job in batch:
                job.future.set_exception(error)
            return
        for tell in tellings:
            tell()
