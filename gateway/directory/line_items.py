"""Columns of gradebooks that pages of books were launched for, and scores that are yet to be told to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory import belongings
from gateway.directory.database import Database
from gateway.directory.schema import identities, line_items

AT_ONCE: Final = 20  # of one platform
LEASE: Final = 20  # seconds in which whoever took a score tells it, before anybody else tries
LIFE: Final = 400 * 86400  # seconds since the last launch: a course and the time to appeal


@dataclass(frozen=True, slots=True)
class LineItem:
    """Where a person's score of a page goes. platform: an identity's issuer, whose subject this is."""

    person: str
    origin: str
    page: str
    platform: str
    subject: str
    address: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A score that is yet to be told. scored: Unix milliseconds, later than any score before it."""

    to: LineItem
    points: float
    maximum: float
    comment: str
    scored: int
    tries: int


class LineItems:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def note(self, item: LineItem) -> None:
        """Scores of the page go there from now on; one that waits for another gradebook is forgotten."""
        values = {"platform": item.platform, "subject": item.subject, "address": item.address}
        now = int(self._clock())
        async with self._database.writing() as connection:
            if not await belongings.is_known(connection, item.person):
                return  # deleted a moment ago
            other = and_(_same(item), line_items.c.address != item.address)
            await connection.execute(delete(line_items).where(other))
            row = self._database.insert(line_items).values(
                person=item.person, origin=item.origin, page=item.page, launched=now, tries=0, **values
            )
            keys = [line_items.c.person, line_items.c.origin, line_items.c.page]
            await connection.execute(
                row.on_conflict_do_update(index_elements=keys, set_={**values, "launched": now})
            )

    async def forget(self, person: str, origin: str, page: str) -> None:
        """The page was launched where nobody grades it."""
        async with self._database.reading() as connection:
            if await _find(connection, person, origin, page) is None:
                return
        one = and_(line_items.c.person == person, line_items.c.origin == origin, line_items.c.page == page)
        async with self._database.writing() as connection:
            await connection.execute(delete(line_items).where(one))

    async def find(self, person: str, origin: str, pages: Sequence[str]) -> LineItem | None:
        """Of the first of these pages that has one, as long as the person comes in from that platform."""
        async with self._database.reading() as connection:
            for page in pages:
                if (found := await _find(connection, person, origin, page)) is not None:
                    return found
        return None

    async def report(self, item: LineItem, points: float, maximum: float, comment: str) -> Waiting | None:
        """Note a score in the place of any that waits; None: the line item is gone."""
        now = self._clock()
        async with self._database.writing() as connection:
            query = select(line_items.c.scored).where(_same(item))
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            scored = max(int(now * 1000), (row.scored or 0) + 1)
            values = {"points": points, "maximum": maximum, "comment": comment, "scored": scored}
            told = update(line_items).where(_same(item)).values(**values, tries=0, due=int(now) + LEASE)
            await connection.execute(told)
        return Waiting(item, points, maximum, comment, scored, 0)

    async def take_due(self) -> list[Waiting]:
        """Scores to be told now, which nobody else takes for a while; of each platform the oldest."""
        now = int(self._clock())
        due = line_items.c.due <= now
        async with self._database.reading() as connection:
            if (await connection.execute(select(line_items.c.due).where(due).limit(1))).one_or_none() is None:
                return []
        # each in its own queue: one that hangs keeps no other's scores back
        place = func.row_number().over(partition_by=line_items.c.platform, order_by=line_items.c.due)
        queue = select(*_ITEM, *_SCORE, place.label("place")).where(due).subquery()
        columns = [queue.c[column.name] for column in (*_ITEM, *_SCORE)]
        async with self._database.writing() as connection:
            query = select(*columns).where(queue.c.place <= AT_ONCE)
            found = [
                Waiting(LineItem(*row[: len(_ITEM)]), *row[len(_ITEM) :])
                for row in await connection.execute(query)
            ]
            for waiting in found:
                taken = update(line_items).where(_same(waiting.to)).values(due=now + LEASE)
                await connection.execute(taken)
        return found

    async def finish(self, waiting: Waiting) -> None:
        """It is told, or never will be: nothing of it is kept but when it was."""
        await self._change(waiting, points=None, maximum=None, comment=None, due=None, tries=0)

    async def postpone(self, waiting: Waiting, due: int) -> None:
        """due: Unix seconds of the next try."""
        await self._change(waiting, due=due, tries=waiting.tries + 1)

    async def purge(self) -> None:
        """Forgets those whose course is over."""
        old = line_items.c.launched < int(self._clock()) - LIFE
        async with self._database.writing() as connection:
            await connection.execute(delete(line_items).where(old))

    async def _change(self, waiting: Waiting, **values: str | float | None) -> None:
        # not a newer one, which was reported meanwhile
        this = and_(_same(waiting.to), line_items.c.scored == waiting.scored)
        async with self._database.writing() as connection:
            await connection.execute(update(line_items).where(this).values(**values))


_ITEM = tuple(getattr(line_items.c, name) for name in LineItem.__slots__)
_SCORE = tuple(getattr(line_items.c, name) for name in Waiting.__slots__ if name != "to")


def _same(item: LineItem) -> ColumnElement[bool]:
    return and_(
        line_items.c.person == item.person,
        line_items.c.origin == item.origin,
        line_items.c.page == item.page,
    )


async def _find(connection: AsyncConnection, person: str, origin: str, page: str) -> LineItem | None:
    theirs = and_(
        identities.c.issuer == line_items.c.platform,
        identities.c.subject == line_items.c.subject,
        identities.c.person == line_items.c.person,
    )
    query = (
        select(*_ITEM)
        .join(identities, theirs)
        .where(line_items.c.person == person, line_items.c.origin == origin, line_items.c.page == page)
    )
    return next(starmap(LineItem, await connection.execute(query)), None)
