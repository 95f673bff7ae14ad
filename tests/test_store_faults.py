"""The connection to a Redis that is away, hangs, or serves otherwise than it should."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator

import pytest

from gateway.errors import StoreUnavailableError
from gateway.store import CONNECTIONS, Store
from tests.redis_server import RedisServer


@pytest.fixture
async def own(redis_server: RedisServer) -> AsyncIterator[Store]:
    """A store with the deadline of service, on a Redis that the test may hurt."""
    opened = Store.open(redis_server.url, "own:", 0.25)
    yield opened
    await opened.close()


async def soon(seconds: float = 5.0) -> AsyncIterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        await asyncio.sleep(0.05)


async def recovers(store: Store) -> None:
    async for _ in soon():
        try:
            await store.ping()
        except StoreUnavailableError:
            continue
        return
    pytest.fail("the store did not recover")


async def test_a_deadline_in_mid_flight_never_leaves_its_reply_to_another(
    own: Store, redis_server: RedisServer
) -> None:
    """Replies that come after the deadline (a server that hung and goes on) belong to nobody."""
    people = [f"person {number}" for number in range(60)]
    for person in people:
        await own.put(person, person.encode(), 60)
    for _ in range(3):
        redis_server.freeze()
        refused = await asyncio.gather(*(own.get(person) for person in people), return_exceptions=True)
        redis_server.thaw()
        assert {type(one) for one in refused} == {StoreUnavailableError}
        await recovers(own)
        answers = await asyncio.gather(*(own.get(person) for person in people))
        assert answers == [person.encode() for person in people]


async def test_nothing_leaks_when_redis_hangs(own: Store, redis_server: RedisServer) -> None:
    await own.ping()
    for _ in range(3):
        redis_server.freeze()
        started = time.monotonic()
        refused = await asyncio.gather(*(own.ping() for _ in range(5 * CONNECTIONS)), return_exceptions=True)
        assert time.monotonic() - started < 1.0
        redis_server.thaw()
        assert {type(one) for one in refused} == {StoreUnavailableError}
        await recovers(own)
    await asyncio.gather(*(own.get("k") for _ in range(5 * CONNECTIONS)))
    assert redis_server.command("CLIENT LIST").count(b"id=") <= CONNECTIONS + 1


async def test_redis_down_is_told_at_once_and_forgotten_when_it_is_back(
    own: Store, redis_server: RedisServer
) -> None:
    await own.put("k", b"v", 60)
    redis_server.kill()
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError) as refused:
        await own.get("k")
    assert time.monotonic() - started < 1.0
    assert refused.value.retry_after == 1
    assert "127.0.0.1" not in refused.value.detail
    redis_server.start()
    await recovers(own)
    await own.put("k", b"w", 60)
    assert await own.get("k") == b"w"


async def test_the_log_is_told_what_kind_of_fault_it_was(own: Store, redis_server: RedisServer) -> None:
    redis_server.command("CONFIG SET min-replicas-to-write 1")
    with pytest.raises(StoreUnavailableError) as refused:
        await own.put("k", b"v", 60)
    assert refused.value.detail == "redis: NOREPLICAS"
    redis_server.kill()
    url = redis_server.url
    for wrong, kind in (
        (url, "ConnectionRefusedError"),
        (f"redis+sentinel://{url[8:-2]}/books", "NoMasterError"),
    ):
        store = Store.open(wrong, "own:", 0.25)
        with pytest.raises(StoreUnavailableError) as refused:
            await store.ping()
        await store.close()
        assert refused.value.detail == f"redis: ConnectionError ({kind})"


async def test_a_restart_between_two_commands_is_not_noticed(own: Store, redis_server: RedisServer) -> None:
    await own.count("n", 60)
    redis_server.stop()
    redis_server.start()
    assert await own.count("n", 60) == 1


async def test_down_at_start() -> None:
    store = Store.open("redis://127.0.0.1:1/0", "", 0.25)
    with pytest.raises(StoreUnavailableError):
        await store.ping()
    await store.close()


@pytest.mark.parametrize("command", ["REPLICAOF 127.0.0.1 1", "CONFIG SET maxmemory 1"])
async def test_a_redis_that_does_not_write(own: Store, redis_server: RedisServer, command: str) -> None:
    """READONLY and OOM."""
    await own.ping()
    assert redis_server.command(command) == b"+OK\r\n"
    with pytest.raises(StoreUnavailableError):
        await own.put("k", b"v", 60)
    with pytest.raises(StoreUnavailableError):
        await own.create("h", {"v": b"v"}, 60)


async def test_nobody_waits_for_an_answer_that_failed(own: Store, redis_server: RedisServer) -> None:
    """An abandoned operation's error is nobody's: it must not show up as an unhandled one."""
    redis_server.kill()
    task = asyncio.create_task(own.ping())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await own.close()
    gc.collect()
