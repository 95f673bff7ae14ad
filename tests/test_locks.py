"""A lock with a life and fencing, on every Redis that `redis.url` can name."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from gateway.errors import StoreUnavailableError
from gateway.store.connection import Connection
from gateway.store.locks import Busy, Held, LockedValues, Place
from tests.redis_kinds import KINDS, RedisKinds

PLACE = Place("s:{slot}:1", "t:{slot}:1", "tl:{slot}:1")
LONG = 60.0


@pytest.fixture(params=KINDS)
async def connection(request: pytest.FixtureRequest, redis_kinds: RedisKinds) -> AsyncIterator[Connection]:
    opened = Connection.open(redis_kinds.url(request.param), 5.0)
    yield opened
    await opened.close()


@pytest.fixture
def prefix() -> str:
    return f"bookgate:{uuid4()}:"  # what the user of some of them may touch


@pytest.fixture
async def locked(connection: Connection, prefix: str) -> LockedValues:
    await connection.do(lambda redis: redis.hset(prefix + PLACE.record, "v", b"record"))
    await connection.do(lambda redis: redis.expire(prefix + PLACE.record, 1000))
    values = LockedValues(connection, prefix)
    assert await values.keep(PLACE, b"first")
    return values


async def held(locked: LockedValues, holder: str, life: float = LONG) -> Held:
    found = await locked.acquire(PLACE, holder, life)
    assert isinstance(found, Held)
    return found


async def free(connection: Connection, prefix: str) -> None:
    """The lock ran out."""
    await connection.do(lambda redis: redis.delete(prefix + PLACE.lock))


async def test_a_value_lives_as_long_as_its_record(
    locked: LockedValues, connection: Connection, prefix: str
) -> None:
    left = await connection.do(lambda redis: redis.pttl(prefix + PLACE.value))
    assert 900_000 < left <= 1_000_000
    await connection.do(lambda redis: redis.delete(prefix + PLACE.record))
    assert not await locked.keep(PLACE, b"second")
    assert await locked.read(PLACE) == b"first"


async def test_one_holder_at_a_time(locked: LockedValues) -> None:
    assert await held(locked, "one") == Held(1, b"first")
    assert await locked.acquire(PLACE, "other", LONG) == Busy(b"first")
    await locked.release(PLACE, "other")
    assert await locked.acquire(PLACE, "other", LONG) == Busy(b"first"), "not the holder's to give back"
    await locked.release(PLACE, "one")
    assert await held(locked, "other") == Held(2, b"first")


async def test_twenty_at_once(locked: LockedValues) -> None:
    found = await asyncio.gather(*(locked.acquire(PLACE, str(number), LONG) for number in range(20)))
    assert sum(isinstance(each, Held) for each in found) == 1


async def test_a_step_done_twice_comes_to_the_same(locked: LockedValues) -> None:
    """A time-out is no answer: what was done may be done again."""
    assert await held(locked, "one") == await held(locked, "one")
    assert await locked.replace(PLACE, 1, b"first", b"second")
    assert await locked.replace(PLACE, 1, b"first", b"second")
    assert await locked.read(PLACE) == b"second"


async def test_a_lock_ends_by_itself_unless_it_is_renewed(locked: LockedValues) -> None:
    await held(locked, "one", 0.2)
    await asyncio.sleep(0.3)
    assert await held(locked, "other") == Held(2, b"first")
    assert not await locked.renew(PLACE, "one", 1, LONG)


async def test_a_renewal_lasts(locked: LockedValues) -> None:
    await held(locked, "one", 1)
    assert await locked.renew(PLACE, "one", 1, LONG)
    await asyncio.sleep(1.1)
    assert isinstance(await locked.acquire(PLACE, "other", LONG), Busy)


async def test_a_lock_that_ran_out_is_taken_up_again_if_nobody_came(
    locked: LockedValues, connection: Connection, prefix: str
) -> None:
    await held(locked, "one")
    await free(connection, prefix)
    assert await locked.renew(PLACE, "one", 1, LONG)
    assert isinstance(await locked.acquire(PLACE, "other", LONG), Busy)


async def test_a_late_holder_overwrites_nothing(
    locked: LockedValues, connection: Connection, prefix: str
) -> None:
    late = await held(locked, "late")
    await free(connection, prefix)
    newer = await held(locked, "newer")
    assert newer.fence > late.fence
    assert not await locked.replace(PLACE, late.fence, b"first", b"of the late one")
    assert await locked.replace(PLACE, newer.fence, b"first", b"of the newer one")
    assert not await locked.replace(PLACE, late.fence, b"of the newer one", b"of the late one")
    assert await locked.read(PLACE) == b"of the newer one"


async def test_a_late_holder_that_nobody_followed_is_still_good(
    locked: LockedValues, connection: Connection, prefix: str
) -> None:
    late = await held(locked, "late")
    await free(connection, prefix)
    assert await locked.replace(PLACE, late.fence, b"first", b"second")


async def test_a_value_that_changed_is_not_replaced(locked: LockedValues) -> None:
    one = await held(locked, "one")
    assert not await locked.replace(PLACE, one.fence, b"another", b"second")
    assert await locked.read(PLACE) == b"first"


async def test_what_has_ended_stays_so(locked: LockedValues, connection: Connection, prefix: str) -> None:
    one = await held(locked, "one")
    await connection.do(lambda redis: redis.delete(prefix + PLACE.record, prefix + PLACE.value))
    assert not await locked.replace(PLACE, one.fence, b"first", b"second")
    assert await locked.read(PLACE) is None
    await locked.release(PLACE, "one")
    assert await locked.acquire(PLACE, "one", LONG) is None
    assert not await locked.renew(PLACE, "one", one.fence, LONG)


@pytest.mark.parametrize("key", [PLACE.record, PLACE.value, PLACE.lock])
async def test_another_type_is_nobodys(
    key: str, locked: LockedValues, connection: Connection, prefix: str
) -> None:
    await connection.do(lambda redis: redis.delete(prefix + key))
    await connection.do(lambda redis: redis.zadd(prefix + key, {"odd": 1}))
    asked = (
        locked.keep(PLACE, b"second"),
        locked.read(PLACE),
        locked.acquire(PLACE, "one", LONG),
        locked.renew(PLACE, "one", 1, LONG),
        locked.replace(PLACE, 1, b"first", b"second"),
        locked.release(PLACE, "one"),
    )
    for each in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(each, StoreUnavailableError | Held | bytes | bool | None), each
