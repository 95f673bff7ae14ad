"""The one way to Redis: deadlines, one retry, errors made ours, and the few steps that must be atomic."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar, cast

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.errors import StoreUnavailableError

T = TypeVar("T")
Fields = Mapping[str, bytes] | Mapping[str, int] | Mapping[str, bytes | int]

CONNECTIONS: Final = 32
VALUE: Final = "v"  # the field that holds a record; a hash without it is a grave or nothing
MOVED: Final = "moved"  # of a grave: the mark of where its record went

# A slow request must not bring back what was ended meanwhile: every later write asks for the record first.
_CREATE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return 1
"""
_CHANGE: Final = """
local value = redis.call('HGET', KEYS[1], 'v')
if not value or (ARGV[1] ~= '' and value ~= ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
if ARGV[2] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 1
"""
# The grave keeps a session from being made under a key that was ended before it began.
_BURY: Final = """
local lived = redis.call('HEXISTS', KEYS[1], 'v')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'ended', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return lived
"""
_MOVE: Final = """
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'moved', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
redis.call('PEXPIREAT', KEYS[2], ARGV[4])
return 1
"""
_SPEND: Final = """
local found = redis.call('HMGET', KEYS[1], 'v', 'used')
if found[2] then return {0, found[2]} end
if not found[1] then return {-1, ''} end
redis.call('HDEL', KEYS[1], 'v')
redis.call('HSET', KEYS[1], 'used', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {1, found[1]}
"""
# Fields 'a:...' are access tokens with the second they end at. Ended ones are swept when one is added; all of
# them when a client asks for so many that the record would grow without end (it refreshes and goes on).
_ISSUE: Final = """
if redis.call('HEXISTS', KEYS[1], 'v') == 0 then return 0 end
local all = redis.call('HGETALL', KEYS[1])
local many = #all > 128
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'a:' and (many or tonumber(all[i + 1]) <= tonumber(ARGV[1])) then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""
_COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
_RAISE: Final = """
local count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Taken for the first time."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Spent:
    """Taken before; the mark is what the first taker left."""

    mark: str


class Store:
    """Redis behind a deadline.

    An operation runs to its own end in a task of its own: a request that goes away neither cuts a command in
    half nor costs a connection. No more operations run than there are connections, so the pool never runs
    out, and a connection always finds its way back, also when the deadline falls in the middle of it.
    """

    def __init__(self, redis: "Redis", prefix: str, deadline: float) -> None:
        self._redis = redis
        self._prefix = prefix
        self._deadline = deadline
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._running: set[asyncio.Task[object]] = set()
        self._create = redis.register_script(_CREATE)
        self._change = redis.register_script(_CHANGE)
        self._bury = redis.register_script(_BURY)
        self._move = redis.register_script(_MOVE)
        self._spend = redis.register_script(_SPEND)
        self._issue = redis.register_script(_ISSUE)
        self._count = redis.register_script(_COUNT)
        self._raise = redis.register_script(_RAISE)

    @classmethod
    def open(cls, url: str, prefix: str, deadline: float) -> Self:
        """Connects when first used: a Redis that is down at start is down, not fatal.

        url: redis, rediss or unix. deadline: seconds for a whole operation, waiting and retry included.
        """
        pool = ConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            # An operation has one deadline for all of it; with this one redis-py makes a task for each write.
            socket_timeout=None,
            socket_connect_timeout=deadline,
            # One, at once: the first command after a restart finds a dead connection.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            protocol=2,
            driver_info=None,
            # Where these are on, the pool does not look for unread replies before it hands out a connection.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        return cls(Redis.from_pool(pool), prefix, deadline)

    async def close(self) -> None:
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._redis.aclose()

    async def ping(self) -> None:
        await self._do(self._redis.ping)

    async def get(self, key: str) -> bytes | None:
        return cast("bytes | None", await self._do(lambda: self._redis.get(self._prefix + key)))

    async def put(self, key: str, value: bytes, seconds: int) -> None:
        await self._do(lambda: self._redis.set(self._prefix + key, value, ex=seconds))

    async def put_new(self, key: str, seconds: int) -> bool:
        """A mark, if there is none yet."""
        return bool(await self._do(lambda: self._redis.set(self._prefix + key, b"1", nx=True, ex=seconds)))

    async def take(self, key: str) -> bytes | None:
        """Reads and deletes in one step: the second taker gets nothing."""
        return cast("bytes | None", await self._do(lambda: self._redis.getdel(self._prefix + key)))

    async def delete(self, key: str) -> bool:
        return bool(await self._do(lambda: self._redis.delete(self._prefix + key)))

    async def epoch(self, key: str, life: int) -> int:
        """The epoch now, remembered for `life` seconds more."""
        return int(
            cast("bytes | None", await self._do(lambda: self._redis.getex(self._prefix + key, ex=life))) or 0
        )

    async def count(self, key: str, window: int) -> int:
        """One more; forgotten `window` seconds after the first."""
        return int(cast(int, await self._run(self._count, key, window)))

    async def raise_epoch(self, key: str, life: int) -> int:
        """One more; forgotten when it was not raised for `life` seconds."""
        return int(cast(int, await self._run(self._raise, key, life)))

    async def look(
        self, asked: Sequence[tuple[str, Sequence[str]]], epoch: str
    ) -> tuple[list[list[bytes | None]], int]:
        """Fields of several hashes and an epoch, in one round trip. All keys are of one slot."""

        async def read() -> list[object]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for key, fields in asked:
                    pipeline.hmget(self._prefix + key, list(fields))
                pipeline.get(self._prefix + epoch)
                return cast("list[object]", await pipeline.execute())

        *found, raised = await self._do(read)
        return cast("list[list[bytes | None]]", found), int(cast("bytes | None", raised) or 0)

    async def has_field(self, key: str, field: str) -> bool:
        return bool(await self._do(lambda: self._redis.hexists(self._prefix + key, field)))

    async def create(self, key: str, fields: Fields, expires: float) -> bool:
        """A record where there is neither one nor a grave. expires: Unix seconds."""
        return bool(await self._run(self._create, key, _milliseconds(expires), *_flat(fields)))

    async def change(
        self,
        key: str,
        fields: Fields,
        *,
        expected: bytes | None = None,
        expires: float | None = None,
    ) -> bool:
        """Sets fields of a record that is still there (and still has the expected value)."""
        return bool(
            await self._run(
                self._change,
                key,
                b"" if expected is None else expected,
                b"" if expires is None else _milliseconds(expires),
                *_flat(fields),
            )
        )

    async def bury(self, key: str, seconds: int) -> bool:
        """Ends a record, and keeps its key from being used for that long. False: there was none."""
        return bool(await self._run(self._bury, key, seconds))

    async def move(
        self,
        keys: tuple[str, str],
        expected: bytes,
        mark: str,
        grave: int,
        fields: Fields,
        expires: float,
    ) -> bool:
        """Puts a record under another key of its slot, if it is still as expected.

        The old key is a grave for `grave` seconds whose field `moved` holds the mark.
        """
        names = [self._prefix + key for key in keys]
        args = (expected, mark, grave, _milliseconds(expires), *_flat(fields))
        return bool(await self._do(lambda: self._move(keys=names, args=args)))

    async def spend(self, key: str, mark: str, seconds: int) -> Taken | Spent | None:
        """Takes a record once and leaves a mark for the next who comes."""
        code, value = cast("tuple[int, bytes]", await self._run(self._spend, key, mark, seconds))
        if code > 0:
            return Taken(value)
        return Spent(value.decode()) if code == 0 else None

    async def add_tokens(self, key: str, fields: Fields, now: int) -> bool:
        """Adds token fields to a record that is there, and sweeps the access tokens that ended."""
        return bool(await self._run(self._issue, key, now, *_flat(fields)))

    async def _run(
        self, script: Callable[..., Awaitable[object]], key: str, *args: bytes | str | int
    ) -> object:
        return await self._do(lambda: script(keys=[self._prefix + key], args=args))

    async def _do(self, operation: Callable[[], Awaitable[T]]) -> T:
        task = asyncio.ensure_future(self._bounded(operation))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _bounded(self, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._deadline), self._free:
                return await operation()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            raise StoreUnavailableError(f"redis: {type(error).__name__}", retry_after=1) from error


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _flat(fields: Fields) -> list[str | bytes | int]:
    return [part for pair in fields.items() for part in pair]
