"""The link between workers, on every Redis that `redis.url` can name."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest

from gateway.store import Link
from tests.redis_kinds import KINDS, RedisKinds
from tests.redis_server import RedisServer

SECONDS = 20.0  # that a condition may take on a slow machine


@asynccontextmanager
async def running(url: str, prefix: str) -> AsyncGenerator[Link]:
    link = Link.open(url, prefix)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await link.close()


async def until(holds: Callable[[], bool], seconds: float = SECONDS) -> float:
    """The seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it did not come to that"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


@pytest.fixture(params=KINDS)
async def pair(request: pytest.FixtureRequest, redis_kinds: RedisKinds) -> AsyncIterator[list[Link]]:
    """Two workers' ends."""
    prefix, url = f"bookgate:{uuid4()}:", redis_kinds.url(request.param)
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(running(url, prefix)) for _ in range(2)]
        assert not any(link.healthy for link in links)
        await until(lambda: all(link.healthy for link in links))
        yield links


async def test_what_one_tells_both_hear(
    pair: list[Link], record_property: Callable[[str, object], None]
) -> None:
    heard: list[tuple[str, bytes]] = []
    pair[0].on_message = lambda message: heard.append(("one", message))
    pair[1].on_message = lambda message: heard.append(("other", message))
    times = []
    for number in range(10):
        await pair[number % 2].publish(b"%d" % number)
        times.append(await until(lambda many=2 * (number + 1): len(heard) == many))  # type: ignore[misc]
    assert sorted(heard) == sorted(
        (name, b"%d" % number) for name in ("one", "other") for number in range(10)
    )
    record_property("slowest message", f"{max(times) * 1000:.1f} ms")


async def test_beats_are_nobodys_news(pair: list[Link]) -> None:
    heard: list[bytes] = []
    pair[0].on_message = pair[1].on_message = heard.append
    until_now = asyncio.get_running_loop().time()
    await until(lambda: all(link.last_beat > until_now for link in pair))
    assert heard == []


@pytest.fixture
async def link(redis_server: RedisServer) -> AsyncIterator[Link]:
    async with running(redis_server.url, "p:") as link:
        await until(lambda: link.healthy)
        yield link


async def test_a_killed_redis_is_told_once_and_found_again(link: Link, redis_server: RedisServer) -> None:
    lost: list[None] = []
    link.on_lost = lambda: lost.append(None)
    redis_server.kill()
    await until(lambda: bool(lost))
    assert not link.healthy
    await asyncio.sleep(0.5)
    assert lost == [None]
    redis_server.start()
    await until(lambda: link.healthy)
    heard: list[bytes] = []
    link.on_message = heard.append
    await link.publish(b"again")
    await until(lambda: heard == [b"again"])


async def test_a_redis_that_hangs_is_not_healthy(link: Link, redis_server: RedisServer) -> None:
    lost: list[None] = []
    link.on_lost = lambda: lost.append(None)
    redis_server.freeze()
    await until(lambda: not link.healthy)
    await until(lambda: bool(lost))
    redis_server.thaw()
    await until(lambda: link.healthy)
    assert lost == [None]


async def test_a_lost_connection_is_told(link: Link, redis_server: RedisServer) -> None:
    """Messages may have been missed, though all is well a moment later."""
    lost: list[None] = []
    link.on_lost = lambda: lost.append(None)
    redis_server.command("CLIENT KILL TYPE pubsub")
    await until(lambda: bool(lost))
    await until(lambda: link.healthy)


async def test_publishing_never_raises_and_never_waits(
    link: Link, redis_server: RedisServer, record_property: Callable[[str, object], None]
) -> None:
    """100 ms; on a machine that is busy a little more."""
    redis_server.freeze()
    began = time.monotonic()
    await link.publish(b"nobody hears")
    took = time.monotonic() - began
    record_property("into a Redis that hangs", f"{took * 1000:.0f} ms")
    assert took < 0.5
    redis_server.thaw()
    redis_server.kill()
    await link.publish(b"nobody is there")


async def test_redis_absent_at_start() -> None:
    async with running("redis://127.0.0.1:1", "p:") as link:
        lost: list[None] = []
        link.on_lost = lambda: lost.append(None)
        await asyncio.sleep(0.5)
        assert not link.healthy
        assert lost == [], "there was nothing to lose"


async def test_a_message_of_another_form_is_passed_on(link: Link) -> None:
    """What it means is not the link's business, and it does not end it."""
    heard: list[bytes] = []
    link.on_message = heard.append
    for message in (b"", b"\x00\xff", b"x" * 100_000):
        await link.publish(message)
    await until(lambda: len(heard) == 3)
    assert heard == [b"", b"\x00\xff", b"x" * 100_000]
