"""Values beside a record that one writer at a time may change: a lock with a life, and fencing.

A lock alone proves nothing: its holder may be late. So each holder gets a number higher than all before, and
a value is replaced only by the highest. Steps may be done twice (a time-out is no answer): with the same
holder and the same value they come to the same.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis

from gateway.store.connection import Connection

# KEYS: record, value. ARGV: the value. It ends with the record.
_KEEP: Final = """
local lives = redis.pcall('HEXISTS', KEYS[1], 'v')
if type(lives) == 'table' or lives == 0 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'v', ARGV[1])
redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[1]), 1))
return 1
"""
# KEYS: value, lock. ARGV: holder, milliseconds. -1: no value; 0: another holds the lock; else the number.
_ACQUIRE: Final = """
local found = redis.pcall('HMGET', KEYS[1], 'v', 'fence')
if found.err or not found[1] then return {-1, ''} end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return {redis.call('HINCRBY', KEYS[1], 'fence', 1), found[1]}
end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0, found[1]} end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {tonumber(found[2]) or 0, found[1]}
"""
# KEYS: value, lock. ARGV: holder, milliseconds, number. One that ran out is taken up again if nobody came.
_RENEW: Final = """
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and redis.call('HGET', KEYS[1], 'fence') ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
"""
# KEYS: lock. ARGV: holder.
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# KEYS: value. ARGV: number, expected value, value.
_REPLACE: Final = """
local found = redis.pcall('HMGET', KEYS[1], 'v', 'fence')
if found.err then return 0 end
if found[1] == ARGV[3] then return 1 end
if found[2] ~= ARGV[1] or found[1] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies, its lock, and the record that it ends with: all of one slot."""

    record: str
    value: str
    lock: str


@dataclass(frozen=True, slots=True)
class Held:
    """The lock is ours. fence: this holder's number. value: as it was when the lock was taken."""

    fence: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else has the lock. value: as it is now."""

    value: bytes


class LockedValues:
    """Every method raises StoreUnavailableError. life: seconds."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self._keep = connection.script(_KEEP)
        self._acquire = connection.script(_ACQUIRE)
        self._renew = connection.script(_RENEW)
        self._release = connection.script(_RELEASE)
        self._replace = connection.script(_REPLACE)

    async def keep(self, place: Place, value: bytes) -> bool:
        """A first value. False: the record has ended."""
        return bool(await self._run(self._keep, (place.record, place.value), value))

    async def read(self, place: Place) -> bytes | None:
        key = self._prefix + place.value
        found = await self._connection.do(lambda redis: _field(redis, key))
        return cast("bytes | None", found)

    async def acquire(self, place: Place, holder: str, life: float) -> Held | Busy | None:
        """The lock, and the value under it. None: there is no value (any more)."""
        found = await self._run(self._acquire, (place.value, place.lock), holder, int(life * 1000))
        fence, value = cast("tuple[int, bytes]", found)
        if fence < 0:
            return None
        return Held(fence, value) if fence else Busy(value)

    async def renew(self, place: Place, holder: str, fence: int, life: float) -> bool:
        """For another life. False: it was lost."""
        keys = (place.value, place.lock)
        return bool(await self._run(self._renew, keys, holder, int(life * 1000), fence))

    async def release(self, place: Place, holder: str) -> None:
        await self._run(self._release, (place.lock,), holder)

    async def replace(self, place: Place, fence: int, expected: bytes, value: bytes) -> bool:
        """False: a later holder came, the value is another, or the record has ended."""
        return bool(await self._run(self._replace, (place.value,), fence, expected, value))

    async def _run(
        self, script: Callable[..., Awaitable[object]], keys: tuple[str, ...], *args: bytes | str | int
    ) -> object:
        names = [self._prefix + key for key in keys]
        return await self._connection.do(lambda _: script(keys=names, args=args))


def _field(redis: Redis, key: str) -> Awaitable[object]:
    return cast("Awaitable[object]", redis.hget(key, "v"))
