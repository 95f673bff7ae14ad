"""What the rest of the house asks of Redis, in its own words."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

import msgspec
from redis.asyncio import Redis

from gateway.errors import StoreUnavailableError
from gateway.session_limits import Life
from gateway.store import scripts
from gateway.store.connection import Connection
from gateway.store.values import Fields, Values, flat

Marks = Mapping[str, int]

_DIGITS: Final = 15  # of a number of ours, at most
_MOVED: Final = "moved"  # of a grave: the mark of where its record went


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session lies: all of one slot.

    member: what stands for it in the index. beside: what lives and ends with it.
    """

    record: str
    index: str
    member: str
    beside: str


class Found(msgspec.Struct, frozen=True):
    """A record as it was found.

    value: None where there is none. age: seconds since it was seen, by the clock of Redis. field: as asked.
    """

    value: bytes | None
    age: int
    field: bytes | None


Looked = tuple[list[Found], Marks | None]


def looked(reply: object) -> Looked:
    """What the script LOOK says."""
    told, *found = cast("list[list[bytes] | None]", reply)
    return [Found(*cast("tuple[bytes | None, int, bytes | None]", each)) for each in found], _numbers(told)


class Store(Values):
    """What sessions and grants ask of Redis. Every method raises StoreUnavailableError."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        super().__init__(connection, prefix)
        self._look = connection.script(scripts.LOOK)
        self._begin = connection.script(scripts.BEGIN)
        self._touch = connection.script(scripts.TOUCH)
        self._add = connection.script(scripts.ADD)
        self._bury = connection.script(scripts.BURY)
        self._move = connection.script(scripts.MOVE)
        self._marks = connection.script(scripts.MARKS)
        self._mark = connection.script(scripts.MARK)
        self._members = connection.script(scripts.MEMBERS)
        self._join = connection.script(scripts.JOIN)
        self._close = connection.script(scripts.CLOSE)

    @cached_property
    def ungated(self) -> "Store":
        """The same, for whoever proves what Redis holds: it does not wait for that proof."""
        return Store(self.connection.ungated, self._prefix)

    # -- sessions

    async def look(self, records: Sequence[str], marks: str, field: str = "") -> Looked:
        """Records and the person's marks, in one round trip. All keys are of one slot.

        field: of the first record, asked for too. Marks are None where something else lies there.
        """
        keys = [self._prefix + marks, *(self._prefix + record for record in records)]
        return looked(await self.connection.do(lambda _: self._look(keys=keys, args=(field,))))

    async def begin(self, place: Place, value: bytes, seconds: int, most: int) -> list[str] | None:
        """A session where there is neither one nor a grave (None), noted in its person's index.

        most: sessions that the index may have. The members that are too many, oldest first, are to be ended.
        """
        keys = [self._prefix + place.record, self._prefix + place.index]
        args = (value, seconds, place.member, most)
        begun = await self.connection.do(lambda _: self._begin(keys=keys, args=args))
        if begun == -1:
            raise StoreUnavailableError("redis: what lies under an index's key is none")
        return None if begun == 0 else _decoded(begun)

    async def touch(self, place: Place, life: Life, expected: bytes, fields: Fields) -> bool:
        """A sign of life of a session that is still there and still as expected, and fields to be set."""
        keys = [self._prefix + key for key in (place.record, place.index, place.beside)]
        args = (expected, life.idle, life.absolute, place.member, *flat(fields))
        return bool(await self.connection.do(lambda _: self._touch(keys=keys, args=args)))

    async def add_field(self, key: str, field: str) -> bool:
        """A field of a record that is still there."""
        return bool(await self._run(self._add, key, field, 1))

    async def has_field(self, key: str, fields: Sequence[str]) -> bool:
        """Whether a record has one of these fields."""

        async def read(redis: "Redis") -> bytes | None:
            found = await cast("Awaitable[list[bytes | None]]", redis.hmget(self._prefix + key, list(fields)))
            return next((each for each in found if each is not None), None)

        return await self._value(read) is not None

    async def bury(self, place: Place, seconds: int) -> bool:
        """Ends a session, and keeps its key from being used for that long. False: there was none."""
        keys = [self._prefix + key for key in (place.record, place.index, place.beside)]
        args = (seconds, place.member)
        return bool(await self.connection.do(lambda _: self._bury(keys=keys, args=args)))

    async def moved(self, key: str) -> str | None:
        """What the grave says of where its record went."""
        found = await self._value(lambda redis: redis.hget(self._prefix + key, _MOVED))
        return None if found is None else found.decode()

    async def move(
        self, places: tuple[Place, Place], mark: str, grave: int, life: Life, values: tuple[bytes, bytes]
    ) -> bool:
        """Puts a session under another key of its slot, if its value is still the first of these.

        The old key is a grave for `grave` seconds whose field `moved` holds the mark.
        """
        old, new = places
        keys = [self._prefix + key for key in (old.record, new.record, new.index)]
        args = (values[0], mark, grave, life.idle, life.absolute, old.member, new.member, values[1])
        return bool(await self.connection.do(lambda _: self._move(keys=keys, args=args)))

    # -- what is known of a person, and which sessions are whose

    async def marks(self, key: str, life: int) -> Marks:
        """A person's marks, remembered for `life` seconds more."""
        marks = _numbers(cast("list[bytes] | None", await self._run(self._marks, key, life)))
        if marks is None:
            raise StoreUnavailableError("redis: what lies under the key of marks is none")
        return marks

    async def mark(self, key: str, field: str, value: int, life: int) -> None:
        """At least `value` from now on, remembered for `life` seconds."""
        await self._run(self._mark, key, life, field, value)

    async def members(self, key: str) -> list[str]:
        """The members of an index that have not expired."""
        return _decoded(await self._run(self._members, key))

    async def join(self, key: str, member: str, seconds: int, most: int) -> list[str] | None:
        """One more member for so many seconds; those who are too many then. None: it was closed."""
        gone = await self._run(self._join, key, member, seconds, most)
        return None if gone == -1 else _decoded(gone)

    async def close_members(self, key: str, seconds: int) -> list[str]:
        """Whoever joined; nobody joins any more, for so many seconds."""
        return _decoded(await self._run(self._close, key, seconds))


def _decoded(members: object) -> list[str]:
    return [member.decode() for member in cast("list[bytes]", members)]


def _numbers(flat: list[bytes] | None) -> Marks | None:
    """Fields and their numbers; None where something else is among them."""
    if not flat:
        return None if flat is None else {}
    if not all(number.isdigit() and len(number) <= _DIGITS for number in flat[1::2]):
        return None
    return {field.decode(): int(number) for field, number in zip(flat[::2], flat[1::2], strict=True)}
