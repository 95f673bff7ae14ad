"""What the data path serves from memory while masters die: never a session that was signed out."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.records import LiveBook
from tests.quick_workers import Quick, beside, open_quick
from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisSentinel
from tests.redis_server import RedisServer
from tests.reliability.conftest import Tell
from tests.reliability.fail_over import BACK, all_have_it, cut_off
from tests.revoking_workers import until

PEOPLE = [f"person-{number}" for number in range(12)]
TOLD = 2.0  # seconds, with one failure


@dataclass
class Watch:
    """Readers who keep asking a worker, as the data path does, and what they got."""

    quick: Quick
    served: dict[str, float] = field(default_factory=dict)  # when last, by key
    refused: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    async def ask(self, lives: list[LiveBook]) -> None:
        while True:
            for live in lives:
                await self._ask(live)
            await asyncio.sleep(0.005)

    async def _ask(self, live: LiveBook) -> None:
        try:
            found = self.quick.kept(live) or await self.quick.find(live)
        except StoreUnavailableError:
            return
        now = time.monotonic()
        (self.refused if found is None else self.served)[live.key] = now
        if found is not None and found.caller.person != live.record.person:
            self.wrong.append(f"{live.record.person} got {found.caller.person}")


@asynccontextmanager
async def watched(workers: list[Quick], lives: list[LiveBook]) -> AsyncGenerator[list[Watch]]:
    watches = [Watch(worker) for worker in workers]
    tasks = [asyncio.create_task(watch.ask(lives[first::3])) for watch in watches for first in range(3)]
    async with beside(*tasks):
        yield watches


async def _books(worker: Quick) -> list[LiveBook]:
    return [await worker.book(person) for person in PEOPLE]


async def _sign_out(worker: Quick, lives: list[LiveBook]) -> None:
    for live in lives[::3]:
        await worker.worker.sessions.end_book(live.key)
    for live in lives[1::3]:
        await worker.worker.sessions.end_sign_in(live.record.parent or "")


async def _all_is_as_it_should_be(watches: list[Watch], left: set[str], stay: set[str], ended: float) -> None:
    """Whoever left was not served since, whoever stayed is served again."""
    back = time.monotonic()
    for watch in watches:
        while not all(watch.served.get(key, 0) > back for key in stay) or not all(
            watch.refused.get(key, 0) > back for key in left
        ):
            assert time.monotonic() - back < BACK
            await asyncio.sleep(0.02)
        assert watch.wrong == []
        assert max(watch.served[key] for key in left) - ended < TOLD


async def _holds(found: Callable[[], bool]) -> None:
    ends = time.monotonic() + BACK
    while not await asyncio.to_thread(found):
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)


@dataclass
class Died:
    """A set of masters of which one is about to die, with what its replicas do not know."""

    url: str
    masters: list[RedisServer]
    replicas: list[RedisServer]


def _sentinel(folder: Path, stack: AsyncExitStack) -> Died:
    engine = RedisSentinel(folder / "s")
    stack.callback(engine.stop)
    engine.start()
    return Died(engine.url, [engine.master], [one for one in engine.servers if one is not engine.master])


def _cluster(folder: Path, stack: AsyncExitStack) -> Died:
    engine = RedisCluster(folder / "c")
    stack.callback(engine.stop)
    engine.start()
    return Died(engine.url, engine.nodes[:3], engine.nodes[3:])


@pytest.mark.parametrize("start", [_sentinel, _cluster], ids=["sentinel", "cluster"])
async def test_a_sign_out_that_the_new_master_never_heard_of(
    start: Callable[[Path, AsyncExitStack], Died], tmp_path: Path, tell: Tell
) -> None:
    async with AsyncExitStack() as stack:
        died = await asyncio.to_thread(start, tmp_path, stack)
        workers = [await open_quick(stack, died.url, tmp_path) for _ in range(2)]
        lives = await until(lambda: _books(workers[0]))
        assert isinstance(lives, list)
        await workers[0].worker.revocations.keep_checkpoint()
        left = {live.key for live in (*lives[::3], *lives[1::3])}
        stay = {live.key for live in lives[2::3]}
        async with watched(workers, lives) as watches:
            await _holds(lambda: all(len(watch.served) == len(lives) for watch in watches))
            await _holds(lambda: all_have_it(died.masters, len(died.replicas) // len(died.masters)))
            await asyncio.to_thread(cut_off, died.masters, died.replicas)
            await _sign_out(workers[0], lives)
            ended = time.monotonic()
            died.masters[0].kill()
            for replica in died.replicas:
                replica.thaw()
            await _all_is_as_it_should_be(watches, left, stay, ended)
            tell("all as it should be after", f"{time.monotonic() - ended:.1f} s")


@pytest.mark.parametrize("freeze", [False, True], ids=["killed", "frozen"])
async def test_a_redis_that_comes_back_with_what_was_signed_out(
    tmp_path: Path, tell: Tell, *, freeze: bool
) -> None:
    """It dies or hangs in the middle of requests, and knows less when it comes."""
    async with AsyncExitStack() as stack:
        redis = RedisServer(tmp_path / "redis").start()
        stack.callback(redis.stop)
        workers = [await open_quick(stack, redis.url, tmp_path) for _ in range(2)]
        lives = await _books(workers[0])
        await workers[0].worker.revocations.keep_checkpoint()
        left = {live.key for live in (*lives[::3], *lives[1::3])}
        stay = {live.key for live in lives[2::3]}
        redis.command("SAVE")
        async with watched(workers, lives) as watches:
            await _holds(lambda: all(len(watch.served) == len(lives) for watch in watches))
            await _sign_out(workers[0], lives)
            ended = time.monotonic()
            if freeze:
                redis.freeze()
                await asyncio.sleep(1.5)
                silent = time.monotonic()
                await asyncio.sleep(0.3)
                assert all(max(watch.served.values()) < silent for watch in watches)
            redis.kill()
            await asyncio.sleep(0.2)
            await asyncio.to_thread(redis.start)
            await _all_is_as_it_should_be(watches, left, stay, ended)
            tell("all as it should be after", f"{time.monotonic() - ended:.1f} s")
