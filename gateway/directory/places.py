"""Where people have been: which books, at which origins. What is deleted is deleted there."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory import belongings
from gateway.directory.database import Database
from gateway.directory.schema import approvals, places

REMEMBERED = 20_000  # by one worker: who comes back asks the database nothing


@dataclass(frozen=True, slots=True)
class Place:
    """book: empty where only the origin is known."""

    person: str
    origin: str
    book: str


class Places:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[tuple[str, str, tuple[str, ...]], None] = {}

    async def note(self, session: str, person: str, origin: str, books: tuple[str, ...]) -> None:
        """Before anything of theirs can be saved there. session: key of the sign-in session, which a deletion
        ends: whoever comes back after it is noted anew, by every worker.
        """
        known = session, origin, books
        if known in self._noted:
            return
        async with self._database.writing() as connection:
            if not await belongings.is_known(connection, person):
                return  # deleted a moment ago, with the session: no row of theirs is left behind
            wanted = [Place(person, origin, book) for book in books]
            await add(self._database, connection, wanted, int(self._clock()))
        if len(self._noted) >= REMEMBERED:
            del self._noted[next(iter(self._noted))]
        self._noted[known] = None


async def add(database: Database, connection: AsyncConnection, wanted: Iterable[Place], now: int) -> None:
    """Those that are not there yet; two who note the same place note it once."""
    for place in wanted:
        row = database.insert(places).values(
            person=place.person, origin=place.origin, book=place.book, since=now
        )
        await connection.execute(row.on_conflict_do_nothing())


async def of(connection: AsyncConnection, people: Collection[str]) -> list[Place]:
    """Where they have been, and what they approved."""
    been = select(places.c.person, places.c.origin, places.c.book).where(places.c.person.in_(people))
    approved = select(approvals.c.person, approvals.c.origin).where(approvals.c.person.in_(people))
    found = list(starmap(Place, await connection.execute(been)))
    found += [Place(*row, "") for row in await connection.execute(approved)]
    return found
