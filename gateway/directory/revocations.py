"""What ended sessions, noted before it is done: no fail-over of Redis undoes it. And marks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from sqlalchemy import BigInteger, Insert, delete, func, literal, select

from gateway.directory.database import Database
from gateway.directory.schema import marks, revocations
from gateway.revocation_rules import (
    Act,
    EndAtOrigin,
    EndAtProvider,
    EndBook,
    EndPerson,
    EndProviderSession,
    EndSignIn,
    Marks,
)

AT_ONCE: Final = 500  # rows of one look, and of one purge

_SIGN_IN, _BOOK, _PERSON = "sign_in", "book", "person"
_AT_PROVIDER, _AT_ORIGIN, _PROVIDER_SESSION = "at_provider", "at_origin", "provider_session"
_EVERYBODY, _PROVIDER, _ORIGIN = "everybody", "provider", "origin"

Values = dict[str, str | int | None]


@dataclass(frozen=True, slots=True)
class NotedAct:
    """An act and its row's number; later rows have greater ones."""

    id: int
    act: Act


class Revocations:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    # -- acts

    async def note(self, acts: Sequence[Act], ends: int) -> None:
        """Keep these until `ends` (Unix seconds): until what they end would have ended by itself."""
        if not acts:
            return
        shared = {"at": int(self._clock()), "ends": ends}
        async with self._database.writing() as connection:
            await connection.execute(
                self._database.insert(revocations), [{**_values(act), **shared} for act in acts]
            )

    async def raise_epoch(self, slots: Sequence[str], floor: Mapping[str, int], ends: int) -> dict[str, int]:
        """Note that everything of these slots ends; the epochs that the rows set.

        floor: the epochs in Redis, where they could be read. Each is above that, above every earlier row and
        at least the time in seconds: so it is above what Redis has also when Redis cannot be asked and the
        rows that raised it are gone.
        """
        async with self._database.writing() as connection:
            raised = {}
            for slot in slots:
                row = self._raising(slot, floor.get(slot, 0), ends)
                raised[slot] = int((await connection.execute(row)).scalar_one())
            return raised

    def _raising(self, slot: str, floor: int, ends: int) -> Insert:
        """One statement: of two workers that raise at once, the second counts on from the first."""
        now = int(self._clock())
        earlier = func.coalesce(func.max(revocations.c.value), 0)
        row = select(
            literal(_PERSON),
            literal(slot),
            self._database.greatest(literal(max(floor, now - 1), BigInteger), earlier) + 1,
            literal(now),
            literal(ends),
        ).where(revocations.c.target == slot, revocations.c.kind == _PERSON)
        columns = ["kind", "target", "value", "at", "ends"]
        return self._database.insert(revocations).from_select(columns, row).returning(revocations.c.value)

    async def after(self, number: int) -> list[NotedAct]:
        """The next living rows, oldest first, at most AT_ONCE."""
        query = (
            select(
                revocations.c.id,
                revocations.c.kind,
                revocations.c.target,
                revocations.c.place,
                revocations.c.value,
            )
            .where(revocations.c.id > number, revocations.c.ends > int(self._clock()))
            .order_by(revocations.c.id)
            .limit(AT_ONCE)
        )
        async with self._database.reading() as connection:
            return [
                NotedAct(row.id, _ACTS[row.kind](row.target, row.place, row.value))
                for row in await connection.execute(query)
            ]

    async def before(self, number: int, seconds: int) -> int:
        """A row such that all those noted up to `seconds` before a row come after it.

        Zero, which is before all rows: no such row was ever written, so `number` is of another directory.
        """
        newest = select(func.max(revocations.c.id)).where(revocations.c.id <= number)
        moment = select(revocations.c.at - seconds).where(revocations.c.id == newest.scalar_subquery())
        first = select(func.min(revocations.c.id)).where(revocations.c.at >= moment.scalar_subquery())
        if number > await self.newest():
            return 0
        async with self._database.reading() as connection:
            found = (await connection.execute(first)).scalar_one()
            return number if found is None else min(number, int(found) - 1)

    async def newest(self) -> int:
        """The number of the last row that was noted, also if it is gone."""
        return await self._database.last_number()

    async def purge(self) -> bool:
        """Forget rows whose time is over; whether there may be more of them."""
        over = (
            select(revocations.c.id)
            .where(revocations.c.ends <= int(self._clock()))
            .order_by(revocations.c.ends)
            .limit(AT_ONCE)
        )
        async with self._database.writing() as connection:
            gone = await connection.execute(delete(revocations).where(revocations.c.id.in_(over)))
            return gone.rowcount == AT_ONCE

    # -- marks

    async def mark_everybody(self, not_before: int) -> None:
        """Ends every session that began before that second (Unix time)."""
        await self._mark(_EVERYBODY, "", not_before)

    async def mark_provider(self, provider: str, not_before: int) -> None:
        """The same for those that came by one provider."""
        await self._mark(_PROVIDER, provider, not_before)

    async def mark_origin(self, origin: str, not_before: int) -> None:
        """The same for the book sessions of one origin."""
        await self._mark(_ORIGIN, origin, not_before)

    async def _mark(self, kind: str, target: str, not_before: int) -> None:
        # What ends all that there are is above the mark before it: sessions began there since, in this very
        # second, or later where a clock was ahead.
        step = 1 if not_before > int(self._clock()) else 0
        row = self._database.insert(marks).values(kind=kind, target=target, not_before=not_before)
        later = row.on_conflict_do_update(
            index_elements=[marks.c.kind, marks.c.target],
            set_={"not_before": self._database.greatest(marks.c.not_before + step, row.excluded.not_before)},
        )
        async with self._database.writing() as connection:
            await connection.execute(later)

    async def marks(self) -> Marks:
        query = select(marks.c.kind, marks.c.target, marks.c.not_before)
        async with self._database.reading() as connection:
            found = {(row.kind, row.target): row.not_before for row in await connection.execute(query)}

        def of(wanted: str) -> dict[str, int]:
            return {target: second for (kind, target), second in found.items() if kind == wanted}

        return Marks(found.get((_EVERYBODY, ""), 0), of(_PROVIDER), of(_ORIGIN))


def _values(act: Act) -> Values:
    match act:
        case EndSignIn(key):
            return _row(_SIGN_IN, key)
        case EndBook(key):
            return _row(_BOOK, key)
        case EndPerson(slot, epoch):
            return _row(_PERSON, slot, value=epoch)
        case EndAtProvider(slot, provider, not_before):
            return _row(_AT_PROVIDER, slot, provider, not_before)
        case EndAtOrigin(slot, origin, not_before):
            return _row(_AT_ORIGIN, slot, origin, not_before)
        case EndProviderSession(session):
            return _row(_PROVIDER_SESSION, session)
        case _:
            assert_never(act)


def _row(kind: str, target: str, place: str | None = None, value: int | None = None) -> Values:
    return {"kind": kind, "target": target, "place": place, "value": value}


_ACTS: Final[Mapping[str, Callable[[str, str, int], Act]]] = {
    _SIGN_IN: lambda key, _place, _value: EndSignIn(key),
    _BOOK: lambda key, _place, _value: EndBook(key),
    _PERSON: lambda slot, _place, epoch: EndPerson(slot, epoch),
    _AT_PROVIDER: EndAtProvider,
    _AT_ORIGIN: EndAtOrigin,
    _PROVIDER_SESSION: lambda session, _place, _value: EndProviderSession(session),
}
