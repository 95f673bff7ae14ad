"""The client's plain operations: values, counts, and records that are taken once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from gateway.errors import StoreUnavailableError
from gateway.store import scripts
from gateway.store.connection import Connection

Fields = Mapping[str, bytes] | Mapping[str, int] | Mapping[str, bytes | int]

VALUE: Final = "v"  # the field that holds a record; a hash without it is a grave or nothing


@dataclass(frozen=True, slots=True)
class Taken:
    """Taken for the first time."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Spent:
    """Taken before; the mark is what the first taker left."""

    mark: str


class Values:
    """What grants ask of Redis. Every method raises StoreUnavailableError."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self.connection = connection
        self._prefix = prefix
        self._create = connection.script(scripts.CREATE)
        self._spend = connection.script(scripts.SPEND)
        self._count = connection.script(scripts.COUNT)
        self._issue = connection.script(scripts.ISSUE)

    @classmethod
    def open(cls, url: str, prefix: str, deadline: float) -> Self:
        """url: as in gateway.yaml. deadline: seconds for a whole operation, waiting and retry included."""
        return cls(Connection.open(url, deadline), prefix)

    @property
    def prefix(self) -> str:
        """What every key begins with."""
        return self._prefix

    async def close(self) -> None:
        await self.connection.close()

    async def ping(self) -> None:
        await self.connection.do(lambda redis: redis.ping())

    async def get(self, key: str) -> bytes | None:
        return await self._value(lambda redis: redis.get(self._prefix + key))

    async def put(self, key: str, value: bytes, seconds: int) -> None:
        await self.connection.do(lambda redis: redis.set(self._prefix + key, value, ex=seconds))

    async def put_new(self, key: str, seconds: int) -> bool:
        """A mark, if there is none yet."""
        return bool(
            await self.connection.do(lambda redis: redis.set(self._prefix + key, b"1", nx=True, ex=seconds))
        )

    async def take(self, key: str) -> bytes | None:
        """Reads and deletes in one step: the second taker gets nothing."""
        return await self._value(lambda redis: redis.getdel(self._prefix + key))

    async def delete(self, key: str) -> bool:
        return bool(await self.connection.do(lambda redis: redis.delete(self._prefix + key)))

    async def count(self, key: str, window: int) -> int:
        """One more; forgotten `window` seconds after the first."""
        count = int(cast(int, await self._run(self._count, key, window)))
        if count < 0:
            raise StoreUnavailableError("redis: what lies under a count's key is none")
        return count

    async def create(self, key: str, fields: Fields, seconds: float) -> bool:
        """A record where there is neither one nor a grave."""
        return bool(await self._run(self._create, key, int(seconds * 1000), *flat(fields)))

    async def spend(self, key: str, mark: str, seconds: int) -> Taken | Spent | None:
        """Takes a record once and leaves a mark for the next who comes."""
        code, value = cast("tuple[int, bytes]", await self._run(self._spend, key, mark, seconds))
        if code > 0:
            return Taken(value)
        return Spent(value.decode()) if code == 0 else None

    async def add_tokens(self, key: str, fields: Fields, now: int) -> bool:
        """Adds token fields to a record that is there, and sweeps the access tokens that ended."""
        return bool(await self._run(self._issue, key, now, *flat(fields)))

    async def _run(
        self, script: Callable[..., Awaitable[object]], key: str, *args: bytes | str | int
    ) -> object:
        return await self.connection.do(lambda _: script(keys=[self._prefix + key], args=args))

    async def _value(self, read: "Callable[[Redis], Awaitable[object]]") -> bytes | None:
        """A value; None also where another type lies under the key: that is nobody's."""

        async def typed(redis: "Redis") -> object:
            try:
                return await read(redis)
            except ResponseError as error:
                if str(error).startswith("WRONGTYPE"):
                    return None
                raise

        return cast("bytes | None", await self.connection.do(typed))


def flat(fields: Fields) -> list[str | bytes | int]:
    return [part for pair in fields.items() for part in pair]
