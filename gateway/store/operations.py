"""What the rest of the house asks of Redis, in its own words."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

from redis.asyncio import Redis

from gateway.store import scripts
from gateway.store.connection import Connection

Fields = Mapping[str, bytes] | Mapping[str, int] | Mapping[str, bytes | int]

VALUE: Final = "v"  # the field that holds a record; a hash without it is a grave or nothing
MOVED: Final = "moved"  # of a grave: the mark of where its record went


@dataclass(frozen=True, slots=True)
class Taken:
    """Taken for the first time."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Spent:
    """Taken before; the mark is what the first taker left."""

    mark: str


class Store:
    """What sessions and grants ask of Redis. Every method raises StoreUnavailableError."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self._create = connection.script(scripts.CREATE)
        self._change = connection.script(scripts.CHANGE)
        self._bury = connection.script(scripts.BURY)
        self._move = connection.script(scripts.MOVE)
        self._spend = connection.script(scripts.SPEND)
        self._issue = connection.script(scripts.ISSUE)
        self._count = connection.script(scripts.COUNT)
        self._raise = connection.script(scripts.RAISE)

    @classmethod
    def open(cls, url: str, prefix: str, deadline: float) -> Self:
        """url: as in gateway.yaml. deadline: seconds for a whole operation, waiting and retry included."""
        return cls(Connection.open(url, deadline), prefix)

    async def close(self) -> None:
        await self._connection.close()

    async def ping(self) -> None:
        await self._connection.do(lambda redis: redis.ping())

    async def get(self, key: str) -> bytes | None:
        return cast("bytes | None", await self._connection.do(lambda redis: redis.get(self._prefix + key)))

    async def put(self, key: str, value: bytes, seconds: int) -> None:
        await self._connection.do(lambda redis: redis.set(self._prefix + key, value, ex=seconds))

    async def put_new(self, key: str, seconds: int) -> bool:
        """A mark, if there is none yet."""
        return bool(
            await self._connection.do(lambda redis: redis.set(self._prefix + key, b"1", nx=True, ex=seconds))
        )

    async def take(self, key: str) -> bytes | None:
        """Reads and deletes in one step: the second taker gets nothing."""
        return cast("bytes | None", await self._connection.do(lambda redis: redis.getdel(self._prefix + key)))

    async def delete(self, key: str) -> bool:
        return bool(await self._connection.do(lambda redis: redis.delete(self._prefix + key)))

    async def epoch(self, key: str, life: int) -> int:
        """The epoch now, remembered for `life` seconds more."""
        return int(
            cast(
                "bytes | None",
                await self._connection.do(lambda redis: redis.getex(self._prefix + key, ex=life)),
            )
            or 0
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

        async def read(redis: "Redis") -> list[object]:
            async with redis.pipeline(transaction=False) as pipeline:
                for key, fields in asked:
                    pipeline.hmget(self._prefix + key, list(fields))
                pipeline.get(self._prefix + epoch)
                return cast("list[object]", await pipeline.execute())

        *found, raised = await self._connection.do(read)
        return cast("list[list[bytes | None]]", found), int(cast("bytes | None", raised) or 0)

    async def has_field(self, key: str, field: str) -> bool:
        return bool(await self._connection.do(lambda redis: redis.hexists(self._prefix + key, field)))

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
        return bool(await self._connection.do(lambda _: self._move(keys=names, args=args)))

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
        return await self._connection.do(lambda _: script(keys=[self._prefix + key], args=args))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _flat(fields: Fields) -> list[str | bytes | int]:
    return [part for pair in fields.items() for part in pair]
