"""A gateway's lifecycle on a directory that outlives it, with backends that can be away."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from io import StringIO

from gateway.directory import Directory, Order
from gateway.directory.database import Database
from gateway.directory.schema import people
from gateway.errors import BackendBrokenError, DirectoryUnavailableError, StoreUnavailableError
from gateway.lifecycle import Lifecycle, Merged
from gateway.proxy.reply import Reply
from gateway.routes import Backend, Purpose
from gateway.telemetry import make_log
from tests.assertion_parts import backend

BOOK = "https://book.example.edu"
ALL = frozenset(Purpose)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.9  # a deletion waits for the end of its second

    def __call__(self) -> float:
        return self.now


def service(name: str, lifecycle: frozenset[Purpose] = ALL, *, guests: bool = True) -> Backend:
    """One that is told of these."""
    return replace(backend(name), lifecycle=lifecycle, guests=guests)


@dataclass
class Backends:
    """Services, each of which can be away, or hang. meanwhile: what happens once while one is told."""

    backends: tuple[Backend, ...] = (service("storage"), service("notes"))
    away: set[str] = field(default_factory=set)
    hangs: bool = False
    hanging: set[str] = field(default_factory=set)
    tried: list[str] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[object]] | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    told: list[Order] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def tell(self, order: Order) -> None:
        self.asked.set()
        self.tried.append(order.backend)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        if self.hangs or order.backend in self.hanging:
            await asyncio.Event().wait()
        if order.backend in self.away:
            raise BackendBrokenError("away")
        self.told.append(order)
        self.heard.set()

    @asynccontextmanager
    async def asking(self, order: Order) -> AsyncGenerator[Reply]:
        await self.tell(order)
        if order.purpose is Purpose.EXPORT:
            raise BackendBrokenError("it has no answer")
        yield Reply()


@dataclass
class Place:
    """books: of the only origin, by the policy of now."""

    directory: Directory
    database: Database
    clock: Clock
    backends: Backends = field(default_factory=Backends)
    books: tuple[str, ...] = ()
    ended: list[str] = field(default_factory=list)
    redis_away: bool = False
    log: StringIO = field(default_factory=StringIO)

    def lifecycle(self, inactive_after: int | None = None) -> Lifecycle:
        return Lifecycle(
            self.directory.orders,
            self.backends,
            self.end,
            lambda origin: self.books if origin == BOOK else (),
            lambda: secrets.token_urlsafe(16),
            self.clock,
            make_log(self.log),
            inactive_after,
        )

    async def end(self, person: str) -> None:
        if self.redis_away:
            raise StoreUnavailableError
        self.ended.append(person)

    async def merge(
        self, loser: str = "guest", survivor: str = "ada", books: tuple[str, ...] = ("b",)
    ) -> Merged:
        row = self.database.insert(people).values(id=survivor, created=0, seen=0)
        with suppress(DirectoryUnavailableError):  # whom a merge then finds out too
            async with self.database.writing() as connection:
                await connection.execute(row.on_conflict_do_nothing())
        return await self.lifecycle().merge_guest(loser, survivor, BOOK, books)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self.lifecycle().run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def open_place(url: str) -> AsyncGenerator[Place]:
    clock, database = Clock(), Database(url)
    await database.migrate()
    try:
        yield Place(Directory(database, b"k" * 32, clock), database, clock)
    finally:
        await database.close()
