"""Workers on a real Redis that can forget, and a real directory: their sessions, rows and memory."""

import asyncio
import io
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from gateway.directory import Directory
from gateway.errors import StoreUnavailableError
from gateway.journal import Journal
from gateway.records import LiveSignIn
from gateway.revocations import Revocations
from gateway.sealing import Sealer
from gateway.sessions import Sessions
from gateway.store import Checkpoint, Store
from gateway.telemetry import make_log
from tests.redis_server import RedisServer
from tests.sessions_parts import LIMITS, ROOT, Clock

KEY = b"k" * 32
DEADLINE = 1.0  # of Redis


@dataclass
class Worker:
    """One of several: its own connections and memory. looked: what it looked at, for each row and mark."""

    store: Store
    directory: Directory
    sessions: Sessions
    revocations: Revocations
    log: io.StringIO
    looked: list[frozenset[str] | None] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def look(self, names: frozenset[str] | None) -> None:
        self.looked.append(names)

    async def sign_in(self, person: str = "ada") -> LiveSignIn:
        return await self.sessions.begin_sign_in(person, None, "campus", 0, own_device=True, replaces=None)

    async def lives(self, live: LiveSignIn) -> bool:
        return await self.sessions.load_sign_in_key(live.key) is not None

    @property
    def replays(self) -> list[tuple[int, int]]:
        """From which row to which, of each proof that needed any."""
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [(line["replayed_after"], line["up_to"]) for line in lines if "replayed_after" in line]


async def open_worker(
    stack: AsyncExitStack, url: str, folder: Path, clock: Callable[[], float] = time.time
) -> Worker:
    """It ends with the stack, and nothing of it runs beside."""
    log = io.StringIO()
    store = Store.open(url, "p:", DEADLINE)
    stack.push_async_callback(store.close)
    directory = await Directory.open(f"sqlite+aiosqlite:///{folder / 'd.db'}", KEY, clock)
    stack.push_async_callback(directory.close)
    sealer = Sealer(ROOT, (), os.urandom)
    rows, logger = directory.revocations, make_log(log)
    journal = Journal(rows, logger)
    sessions = Sessions(store, sealer, LIMITS, clock, os.urandom, journal)
    stack.push_async_callback(sessions.close)
    checkpoint = Checkpoint(store, cluster="+cluster" in url)
    revocations = Revocations(rows, journal, store, checkpoint, sessions, os.urandom(4).hex(), logger)
    await revocations.start()
    store.connection.prover = revocations.prove
    worker = Worker(store, directory, sessions, revocations, log)
    revocations.on_rows.append(worker.look)
    sessions.on_end.append(lambda ended: worker.told.extend(sorted(ended)))
    return worker


@dataclass
class Site:
    """One Redis, one directory, and the workers that a test starts there."""

    redis: RedisServer
    folder: Path
    clock: Clock
    stack: AsyncExitStack

    async def worker(self) -> Worker:
        return await open_worker(self.stack, self.redis.url, self.folder, self.clock)

    def dump(self, name: str) -> None:
        """What a replica, or a file on a disk, has of Redis by now."""
        assert self.redis.command("SAVE").startswith(b"+OK")
        shutil.copy(self.folder / "redis" / "dump.rdb", self.folder / name)

    def restart_with(self, name: str | None) -> None:
        """Redis dies, and what comes in its place knows only that much."""
        self.redis.kill()
        (self.folder / "redis" / "dump.rdb").unlink(missing_ok=True)
        if name is not None:
            shutil.copy(self.folder / name, self.folder / "redis" / "dump.rdb")
        self.redis.start()

    def take_directory_away(self) -> None:
        """For connections that are opened from now on."""
        (self.folder / "d.db").rename(self.folder / "away.db")
        (self.folder / "d.db").mkdir()

    def give_directory_back(self) -> None:
        (self.folder / "d.db").rmdir()
        (self.folder / "away.db").rename(self.folder / "d.db")


async def until(ask: Callable[[], Awaitable[object]], seconds: float = 30.0) -> object:
    """What it says when Redis can be asked."""
    ends = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await ask()
        except StoreUnavailableError:
            assert asyncio.get_running_loop().time() < ends
            await asyncio.sleep(0.02)
