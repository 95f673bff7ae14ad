"""Redis away, ill or slow, seen through two gateways by readers who go on asking all the while."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.store.looks import FRESH
from tests.redis_server import RedisServer
from tests.reliability.conftest import Tell
from tests.reliability.traffic import Traffic, traffic
from tests.reliability.workers import Workers, open_workers
from tests.system.house import TRUSTED
from tests.system.reader import Flow
from tests.tcp_proxy import TcpProxy, tcp_proxy

LASTS = 2.0  # seconds that a fault stands: longer than the last word of Redis counts
ANSWER = 1.0  # seconds: the rule for every answer, whatever Redis does
BACK = 3.0  # seconds: the rule for full service after Redis is back


@dataclass
class Redises:
    """The server, and the proxy through which both gateways reach it."""

    server: RedisServer
    proxy: TcpProxy
    admin: "Redis | None" = None
    reviving: list["asyncio.Task[object]"] = field(default_factory=list)

    async def command(self, line: str) -> None:
        answer = await asyncio.to_thread(self.server.command, line)
        assert answer.startswith((b"+OK", b":")), (line, answer)

    async def revive(self, *options: str) -> None:
        await asyncio.to_thread(self.server.start, *options)


Step = Callable[[Redises], Awaitable[None]]


async def kill(redis: Redises) -> None:
    await redis.command("SAVE")
    redis.server.kill()


async def revive(redis: Redises) -> None:
    await redis.revive()


async def load(redis: Redises) -> None:
    """It is back at once, and reads its file for as long as the fault lasts."""
    for number in range(300):
        await redis.command(f"SET filler:{number} 1")
    await redis.command("SAVE")
    redis.server.kill()
    delay = int(2 * LASTS * 1e6 / 300)  # microseconds for each key
    options = ("--key-load-delay", str(delay), "--loading-process-events-interval-bytes", "1024")
    redis.reviving.append(asyncio.create_task(redis.revive(*options)))


async def loaded(redis: Redises) -> None:
    await redis.reviving.pop()


async def freeze(redis: Redises) -> None:
    redis.server.freeze()


async def thaw(redis: Redises) -> None:
    redis.server.thaw()


async def hold(redis: Redises) -> None:
    redis.proxy.hold()


async def refuse(redis: Redises) -> None:
    redis.proxy.refuse()
    redis.proxy.cut()


async def admit(redis: Redises) -> None:
    await redis.proxy.admit()


async def mend(redis: Redises) -> None:
    redis.proxy.mend()


async def garble(redis: Redises) -> None:
    redis.proxy.say = lambda _: b"\x16\x03\x01 no Redis \r\n"


async def late(redis: Redises) -> None:
    redis.proxy.latency = lambda: 0.4


async def a_little_late(redis: Redises) -> None:
    redis.proxy.latency = lambda: 0.02


async def demote(redis: Redises) -> None:
    await redis.command("REPLICAOF 127.0.0.1 1")


async def promote(redis: Redises) -> None:
    await redis.command("REPLICAOF NO ONE")


async def fill(redis: Redises) -> None:
    await redis.command("CONFIG SET maxmemory 1")


async def empty(redis: Redises) -> None:
    await redis.command("CONFIG SET maxmemory 0")


async def crowd_out(redis: Redises) -> None:
    """One connection is allowed, and it is ours."""
    redis.admin = Redis.from_url(redis.server.url, single_connection_client=True)
    await redis.admin.config_set("maxclients", 1)
    await redis.admin.client_kill_filter(_type="normal", skipme=True)


async def make_room(redis: Redises) -> None:
    assert redis.admin is not None
    await redis.admin.config_set("maxclients", 10_000)
    await redis.admin.aclose()


@dataclass(frozen=True)
class Fault:
    """serves: what readers may get meanwhile: nothing but 503, 200 alone, or (None) either."""

    name: str
    begin: Step
    end: Step
    serves: bool | None = False


FAULTS = [
    Fault("killed, back with its data", kill, revive),
    Fault("loading its file", load, loaded),
    Fault("frozen", freeze, thaw),
    Fault("no byte passes", hold, mend),
    Fault("refused and reset", refuse, admit),
    Fault("garbage", garble, mend),
    Fault("0.8 s late", late, mend),
    Fault("40 ms late", a_little_late, mend, serves=True),
    Fault("read only", demote, promote, serves=None),
    Fault("out of memory", fill, empty, serves=None),
    Fault("out of connections", crowd_out, make_room),
]


@asynccontextmanager
async def _open(folder: Path, server: RedisServer) -> AsyncGenerator[tuple[Workers, Redises]]:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(tcp_proxy("127.0.0.1", server.port))
        workers = await stack.enter_async_context(open_workers(folder, server.url, urls=lambda _: proxy.url))
        yield workers, Redises(server, proxy)


@pytest.fixture
async def opened(tmp_path: Path, redis_server: RedisServer) -> AsyncGenerator[tuple[Workers, Redises]]:
    async with _open(tmp_path, redis_server) as opened:
        yield opened


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
async def test_redis_is_ill(opened: tuple[Workers, Redises], fault: Fault, tell: Tell) -> None:
    """Every answer within a second; nothing forwarded while in doubt; afterwards all goes on by itself.

    A Redis that dies without a word is in doubt a second later at the latest.
    """
    workers, redis = opened
    async with traffic(workers) as readers, readers.running():
        await asyncio.sleep(0.5)
        assert all(answer.served for answer in readers.answers)
        await fault.begin(redis)
        began = time.monotonic()
        await asyncio.sleep(LASTS)
        if fault.serves is False:
            await _nothing_is_begun_or_ended(readers)
        await fault.end(redis)
        back = time.monotonic()
        seconds = await readers.served_again(back, BACK)
        await asyncio.sleep(0.3)
        # what was proved before goes on as long as the last word of Redis counts
        meanwhile = readers.meanwhile(began + FRESH, back)
        assert len(meanwhile) > len(readers.regulars)
        if fault.serves is not None:
            assert {answer.served for answer in meanwhile} == {fault.serves}
        assert (readers.forwarded(meanwhile) == []) or fault.serves is not False
        tell("requests", len(readers.answers))
        tell("slowest answer", f"{readers.slowest():.2f} s")
        tell("full service after", f"{seconds:.2f} s")
        assert readers.slowest() < ANSWER
    readers.judge()


async def _nothing_is_begun_or_ended(readers: Traffic) -> None:
    """The session endpoint, a sign-out and a sign-in: 503, no cookie set or cleared."""
    reader = readers.regulars[0].reader.again()
    async with reader:
        asked = [
            await reader.fetch(TRUSTED, "GET", "/auth/session"),
            await reader.fetch(TRUSTED, "POST", "/auth/logout"),
            await reader.ask(Flow(TRUSTED)),
        ]
    for got in asked:
        assert (got.status, got.one("Retry-After")) == (503, "1"), got.text
        assert not got.every("Set-Cookie")
