"""Workers that share budgets, on every Redis that `redis.url` can name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import pytest

from gateway.budgets import Budgets
from gateway.errors import StoreUnavailableError, TooManyRequestsError
from gateway.leases import EVERY, Leases
from gateway.origins import Limits, Rate
from gateway.store.buckets import Buckets
from gateway.store.connection import Connection
from gateway.token_bucket import PART
from tests.redis_kinds import KINDS, RedisKinds
from tests.redis_server import RedisServer
from tests.test_budgets import BOOK, Clock

LIMITS = Limits(per_person=Rate(60, 60), per_origin=Rate(3600, 3600), bytes=Rate(1000, 3600))


class Worker:
    """One of several, with a clock that stands still."""

    def __init__(self, buckets: Buckets) -> None:
        self.clock = Clock()
        self.budgets = Budgets(Limits(), self.clock)
        self.leases = Leases(self.budgets, buckets)

    def admitted(self, asked: int, person: str | None = "ada", limits: Limits = LIMITS) -> int:
        """How many of so many requests go through."""
        count = 0
        with suppress(TooManyRequestsError):
            for _ in range(asked):
                self.budgets.admit(limits, BOOK, person)
                count += 1
        return count


@pytest.fixture(params=KINDS)
async def buckets(request: pytest.FixtureRequest, redis_kinds: RedisKinds) -> AsyncIterator[Buckets]:
    opened = Connection.open(redis_kinds.url(request.param), 5.0)
    yield Buckets(opened, f"bookgate:{uuid4()}:")
    await opened.close()


async def test_two_workers_share_one_budget(buckets: Buckets) -> None:
    one, two = Worker(buckets), Worker(buckets)
    for _ in range(6):
        assert (one.admitted(5), two.admitted(5)) == (5, 5)
        await one.leases.exchange()
        await two.leases.exchange()
    # A minute's worth was used; what came after the first had told it the second knows, and the other way
    # round up to what the second used since.
    assert (one.admitted(100), two.admitted(100)) == (5, 0)
    assert one.admitted(1, "bob") == two.admitted(1, "bob") == 1


async def test_what_was_too_much_is_owed(buckets: Buckets) -> None:
    """The error: at most a bucket for each worker between two exchanges, paid back by waiting."""
    workers = [Worker(buckets) for _ in range(3)]
    assert [worker.admitted(100) for worker in workers] == [60, 60, 60]
    for worker in workers:
        await worker.leases.exchange()
    for _ in range(2):
        workers[2].clock.now += 60
        assert workers[2].admitted(1) == 0
    workers[2].clock.now += 30
    assert workers[2].admitted(100) == pytest.approx(30, abs=2)


async def test_bytes_are_shared_too(buckets: Buckets) -> None:
    one, two = Worker(buckets), Worker(buckets)
    one.budgets.spend(LIMITS, BOOK, 1500)
    await one.leases.exchange()
    assert two.admitted(1) == 1, "it has not told anything yet, so it knows nothing"
    two.budgets.spend(LIMITS, BOOK, 100)
    await two.leases.exchange()
    assert two.admitted(1) == 0


@pytest.mark.parametrize("command", ["SET {} text", "HSET {} a hash", "SADD {} member"])
async def test_what_lies_under_the_key_and_is_not_ours_is_left_alone(
    command: str, redis_url: str, prefix: str
) -> None:
    connection = Connection.open(redis_url, 5.0)
    worker = Worker(Buckets(connection, prefix))
    worker.admitted(60)
    (key,) = [prefix + told.bucket.key for told in worker.budgets.untold() if told.bucket.kind == "person"]
    words = command.format(key).split()
    await connection.do(lambda redis: redis.eval("return redis.call(unpack(ARGV))", 0, *words))
    worker.clock.now += 60
    assert worker.admitted(100) == 60
    await worker.leases.exchange()
    worker.clock.now += 30
    assert worker.admitted(100) == 30, "its own view"
    assert await connection.do(lambda redis: redis.pttl(key)) == -1
    await connection.close()


async def test_a_bucket_leaves_nothing_when_it_is_full_again(redis_url: str, prefix: str) -> None:
    connection = Connection.open(redis_url, 5.0)
    worker = Worker(Buckets(connection, prefix))
    worker.admitted(10, limits=Limits(per_person=Rate(10, 1)))
    await worker.leases.exchange()
    (key,) = await connection.do(lambda redis: redis.keys(f"{prefix}*"))
    assert 0 < await connection.do(lambda redis: redis.pttl(key)) <= 1000
    await connection.close()


async def test_without_redis_each_goes_by_its_own_view_and_tells_it_never(redis_server: RedisServer) -> None:
    connection = Connection.open(redis_server.url, 0.25)
    one, two = Worker(Buckets(connection, "b:")), Worker(Buckets(connection, "b:"))
    redis_server.stop()
    assert (one.admitted(100), two.admitted(100)) == (60, 60)
    for worker in (one, two):
        with pytest.raises(StoreUnavailableError):
            await worker.leases.exchange()
        assert worker.admitted(1) == 0
    running = asyncio.create_task(one.leases.run())
    await asyncio.sleep(3 * EVERY)
    assert not running.done()
    redis_server.start()
    for worker in (one, two):
        worker.clock.now += 60
        assert worker.admitted(10) == 10
    await two.leases.exchange()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert two.admitted(100) >= 40, "what was used while it was away is not counted as used now"
    await connection.close()


async def test_little_is_not_told(redis_url: str, prefix: str) -> None:
    connection = Connection.open(redis_url, 5.0)
    worker = Worker(Buckets(connection, prefix))
    few = int(3600 * PART)
    assert worker.admitted(few, None) == few
    assert worker.budgets.untold() == []
    assert worker.admitted(2, None) == 2
    assert [told.bucket.kind for told in worker.budgets.untold()] == ["origin"]
    assert worker.budgets.untold() == []
    await connection.close()
