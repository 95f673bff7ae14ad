"""What was decided about people, and which backend is yet to be told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Row, and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory import belongings, places
from gateway.directory.classes import close_without_teacher
from gateway.directory.database import Database
from gateway.directory.places import Place
from gateway.directory.schema import decisions, orders, people, return_codes
from gateway.errors import MergeRefusedError
from gateway.routes import Purpose

AT_ONCE: Final = 100
UNDOABLE: Final = 30 * 86400  # seconds: as long as storage keeps what a loser had
RECEIPT_LIFE: Final = 30 * 86400  # of a deletion that every backend knows of


@dataclass(frozen=True, slots=True)
class Order:
    """One backend is to be told. Ids are our own. survivor: of a merge and of its end."""

    purpose: Purpose
    person: str
    survivor: str | None
    origin: str
    book: str
    backend: str
    decision: str = ""
    number: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was decided, when (Unix seconds), and which backends know; `never`: they take no such orders."""

    id: str
    purpose: Purpose
    decided: int
    person: str | None
    told: tuple[str, ...]
    waiting: tuple[str, ...]
    never: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """orders: those to be told. never: backends that will not be. due: Unix seconds of the next try, should
    this one be cut off.
    """

    orders: Sequence[Order]
    never: Sequence[str]
    due: int


# What follows for the backends, from where the people have been.
Planning = Callable[[Sequence[Place]], Plan]


@dataclass(frozen=True, slots=True)
class _Merge:
    id: str
    survivor: str


class Orders:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    # -- decisions: all of it is noted, or nothing

    async def merge_guest(
        self, decision: str, loser: str, survivor: str, plan: Plan, *, joins_guest: bool
    ) -> str | None:
        """The decision's id: the first one's, where it was decided before. None: they are somebody else's, or
        the survivor was deleted meanwhile. joins_guest: the survivor is a guest, who has no row.
        """
        async with self._database.writing() as connection:
            known = await _merge_of(connection, loser)
            if known is not None:
                return known.id if known.survivor == survivor else None
            if not joins_guest and not await belongings.is_known(connection, survivor):
                return None
            await self._note(connection, decision, Purpose.MERGE, loser, survivor)
            await _plan(connection, decision, plan)
            await connection.execute(delete(return_codes).where(return_codes.c.guest == loser))
            been = {
                Place(who, order.origin, order.book) for order in plan.orders for who in (loser, survivor)
            }
            await places.add(self._database, connection, sorted(been, key=str), int(self._clock()))
        return decision

    async def merge(self, decision: str, loser: str, survivor: str, planning: Planning) -> str:
        """Everything that moves becomes the survivor's. The decision's id: the first one's, where it was
        decided before. MergeRefusedError: either is somebody else already, or deleted, or both are the same.
        """
        async with self._database.writing() as connection:
            known = await _merge_of(connection, loser)
            if known is not None and known.survivor == survivor:
                return known.id
            if known is not None or loser == survivor or await _merge_of(connection, survivor) is not None:
                raise MergeRefusedError("one of the two is somebody else already")
            if not await belongings.is_known(connection, loser) or not await belongings.is_known(
                connection, survivor
            ):
                raise MergeRefusedError("one of the two was deleted")
            await self._note(connection, decision, Purpose.MERGE, loser, survivor)
            been = await places.of(connection, [loser])
            await _plan(connection, decision, planning(been))
            theirs = [replace(place, person=survivor) for place in been if place.book]
            await places.add(self._database, connection, theirs, int(self._clock()))
            await belongings.give(connection, decision, loser, survivor)
        return decision

    async def unmerge(self, decision: str, merge: str, survivor: str, planning: Planning) -> str:
        """The loser is somebody of their own again; their id. MergeRefusedError: it cannot be undone."""
        now = int(self._clock())
        async with self._database.writing() as connection:
            query = select(decisions).where(_undoable(survivor, now), decisions.c.id == merge)
            known = (await connection.execute(query)).one_or_none()
            if known is None or await _merge_of(connection, survivor) is not None:
                raise MergeRefusedError("not a merge that this person may undo now")
            loser = str(known.person)
            await connection.execute(update(decisions).where(decisions.c.id == merge).values(undone=now))
            # Who was not told of the merge is told of its end alone.
            await connection.execute(
                delete(orders).where(orders.c.decision == merge, orders.c.told.is_(None))
            )
            await self._note(connection, decision, Purpose.UNMERGE, loser, survivor)
            await _plan(connection, decision, planning(await places.of(connection, [loser])))
            await belongings.give_back(connection, merge, loser, survivor)
        return loser

    async def delete(
        self, decision: str, person: str, planning: Planning, before: int | None = None
    ) -> list[str]:
        """Every row of a person goes, and of those who became them; the ids of all.

        before: only who has not signed in since (Unix seconds); else nobody goes. MergeRefusedError: the
        person became somebody else, whose word it is now.
        """
        async with self._database.writing() as connection:
            if await is_merged(connection, person):
                raise MergeRefusedError("they are somebody else already")
            if before is not None and not await belongings.is_known(connection, person, before):
                return []
            gone = await _and_losers(connection, person)
            plan = planning(await places.of(connection, gone))
            await belongings.remove(connection, gone)
            await close_without_teacher(connection)
            await self._note(connection, decision, Purpose.DELETE, None, None)
            await _plan(connection, decision, plan)
        return gone

    async def _note(
        self,
        connection: AsyncConnection,
        decision: str,
        purpose: Purpose,
        person: str | None,
        survivor: str | None,
    ) -> None:
        values = {"id": decision, "purpose": purpose.value, "person": person, "survivor": survivor}
        await connection.execute(insert(decisions).values(**values, decided=int(self._clock())))

    # -- who they are and were

    async def people_of(self, person: str) -> list[str]:
        """The person, and everybody who became them."""
        async with self._database.reading() as connection:
            return await _and_losers(connection, person)

    async def belongings_of(self, person: str) -> tuple[dict[str, list[belongings.Row]], list[Place]]:
        """What the person may be handed of the directory, and where they have been."""
        async with self._database.reading() as connection:
            everybody = await _and_losers(connection, person)
            return await belongings.read(connection, everybody), await places.of(connection, everybody)

    async def places_of(self, person: str) -> list[Place]:
        """Where the person has been, and everybody who became them."""
        async with self._database.reading() as connection:
            return await places.of(connection, await _and_losers(connection, person))

    async def merges_of(self, survivor: str) -> list[Receipt]:
        """Those that can be undone, the newest first."""
        query = (
            select(decisions)
            .where(_undoable(survivor, int(self._clock())))
            .order_by(decisions.c.decided.desc())
        )
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).all()
            return [await _receipt(connection, row) for row in found]

    async def receipt(self, decision: str) -> Receipt | None:
        async with self._database.reading() as connection:
            query = select(decisions).where(decisions.c.id == decision)
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else await _receipt(connection, row)

    # -- telling

    async def behind(self) -> list[str]:
        """The backends for which something is to be tried now."""
        query = select(orders.c.backend).where(orders.c.due <= int(self._clock())).distinct()
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def due(self, decision: str | None = None, backend: str | None = None) -> list[Order]:
        """What is to be tried now, the longest waiting first; of one decision: all that is not told yet.

        backend: for which; None: for all.
        """
        chosen = (
            orders.c.due <= int(self._clock())
            if decision is None
            else and_(orders.c.decision == decision, orders.c.due.is_not(None))
        )
        if backend is not None:
            chosen = and_(chosen, orders.c.backend == backend)
        query = (
            select(orders, decisions.c.purpose, decisions.c.survivor)
            .join(decisions, decisions.c.id == orders.c.decision)
            .where(chosen)
            .order_by(orders.c.due, orders.c.number)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.limit(AT_ONCE) if decision is None else query)).all()
        return [_order(row) for row in rows]

    async def finish(self, order: Order) -> None:
        """Nobody is named any more by a deletion that the backend knows of."""
        values: dict[str, int | str | None] = {"due": None, "told": int(self._clock())}
        if order.purpose is Purpose.DELETE:
            values["person"] = ""
        await self._change(order, values)

    async def postpone(self, order: Order, due: int) -> None:
        await self._change(order, {"due": due})

    async def stands(self, order: Order) -> bool:
        """Whether it is still to be told: since it was read another decision may have taken its place."""
        same = (orders.c.decision == order.decision, orders.c.number == order.number)
        async with self._database.reading() as connection:
            query = select(orders.c.due).where(*same, orders.c.due.is_not(None))
            return (await connection.execute(query)).one_or_none() is not None

    async def _change(self, order: Order, values: dict[str, int | str | None]) -> None:
        same = (orders.c.decision == order.decision, orders.c.number == order.number)
        async with self._database.writing() as connection:
            await connection.execute(update(orders).where(*same).values(**values, tries=order.tries + 1))

    # -- retention

    async def inactive(self, before: int, most: int = AT_ONCE) -> list[str]:
        """People who have not signed in since; before: Unix seconds."""
        merged = exists().where(decisions.c.person == people.c.id, decisions.c.undone.is_(None))
        query = select(people.c.id).where(people.c.seen < before, ~merged).order_by(people.c.seen)
        async with self._database.reading() as connection:
            return list((await connection.execute(query.limit(most))).scalars())

    async def purge(self) -> None:
        """Forgets receipts of deletions that have been done for long enough."""
        waiting = exists().where(orders.c.decision == decisions.c.id, orders.c.due.is_not(None))
        old = decisions.c.decided < int(self._clock()) - RECEIPT_LIFE
        over = select(decisions.c.id).where(decisions.c.purpose == Purpose.DELETE.value, old, ~waiting)
        async with self._database.writing() as connection:
            found = list((await connection.execute(over.limit(AT_ONCE))).scalars())
            await connection.execute(delete(orders).where(orders.c.decision.in_(found)))
            await connection.execute(delete(decisions).where(decisions.c.id.in_(found)))


def deletion_waits(person: str) -> ColumnElement[bool]:
    """Whether a backend is yet to be told that this person's work goes."""
    ours = (decisions.c.id == orders.c.decision, decisions.c.purpose == Purpose.DELETE.value)
    return exists().where(*ours, orders.c.person == person, orders.c.due.is_not(None))


async def is_merged(connection: AsyncConnection, person: str) -> bool:
    """Whether the person became somebody else."""
    return await _merge_of(connection, person) is not None


async def _merge_of(connection: AsyncConnection, loser: str) -> _Merge | None:
    query = select(decisions.c.id, decisions.c.survivor).where(
        decisions.c.person == loser,
        decisions.c.purpose == Purpose.MERGE.value,
        decisions.c.undone.is_(None),
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _Merge(row.id, row.survivor)


def _undoable(survivor: str, now: int) -> ColumnElement[bool]:
    """A guest has no row, and comes back no more."""
    return and_(
        decisions.c.purpose == Purpose.MERGE.value,
        decisions.c.survivor == survivor,
        decisions.c.undone.is_(None),
        decisions.c.decided > now - UNDOABLE,
        exists().where(people.c.id == decisions.c.person),
    )


async def _and_losers(connection: AsyncConnection, person: str) -> list[str]:
    found, new = [person], [person]
    while new:
        query = select(decisions.c.person).where(
            decisions.c.survivor.in_(new),
            decisions.c.purpose == Purpose.MERGE.value,
            decisions.c.undone.is_(None),
        )
        became = (await connection.execute(query)).scalars()
        new = [each for each in became if each is not None and each not in found]
        found += new
    return found


async def _plan(connection: AsyncConnection, decision: str, plan: Plan) -> None:
    rows: list[tuple[str, str, str, str, int | None]]
    rows = [(order.person, order.origin, order.book, order.backend, plan.due) for order in plan.orders]
    rows += [("", "", "", name, None) for name in plan.never]
    columns = ("person", "origin", "book", "backend", "due", "decision", "number", "tries")
    noted = [(*row, decision, number, 0) for number, row in enumerate(rows)]
    if noted:
        values = [dict(zip(columns, each, strict=True)) for each in noted]
        await connection.execute(insert(orders), values)


def _order(row: Row[tuple[object, ...]]) -> Order:
    return Order(
        purpose=Purpose(row.purpose),
        person=row.person,
        survivor=row.survivor,
        origin=row.origin,
        book=row.book,
        backend=row.backend,
        decision=row.decision,
        number=row.number,
        tries=row.tries,
    )


async def _receipt(connection: AsyncConnection, row: Row[tuple[object, ...]]) -> Receipt:
    query = select(orders.c.backend, orders.c.due, orders.c.told).where(orders.c.decision == row.id)
    found = (await connection.execute(query)).all()
    waiting = {each.backend for each in found if each.due is not None}
    never = {each.backend for each in found if each.due is None and each.told is None}
    told = {each.backend for each in found} - waiting - never
    return Receipt(
        id=row.id,
        purpose=Purpose(row.purpose),
        decided=row.decided,
        person=row.person,
        told=tuple(sorted(told)),
        waiting=tuple(sorted(waiting)),
        never=tuple(sorted(never)),
    )
