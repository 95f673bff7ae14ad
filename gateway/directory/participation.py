"""What people answered to studies: every answer with its time; the newest to each counts."""

from collections.abc import Callable, Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory import belongings
from gateway.directory.database import Database
from gateway.directory.schema import identities, participation, places


class Participation:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def answer(self, person: str, study: str, answer: str) -> None:
        """answer: the version of the text that was agreed to, or `no`."""
        now = int(self._clock())
        row = self._database.insert(participation).values(
            person=person, study=study, answer=answer, answered=now
        )
        changed = row.on_conflict_do_update(
            index_elements=list(participation.primary_key.columns), set_={"answer": answer}
        )
        async with self._database.writing() as connection:
            if not await belongings.is_known(connection, person):
                return  # deleted a moment ago
            if (await _newest(connection, person)).get(study) != answer:
                await connection.execute(changed)

    async def of_person(self, person: str) -> dict[str, str]:
        """The newest answers, by study."""
        async with self._database.reading() as connection:
            return await _newest(connection, person)

    async def answers_to(self, study: str) -> dict[str, tuple[str, int]]:
        """The newest answer to a study, and its second, by person."""
        query = (
            select(participation.c.person, participation.c.answer, participation.c.answered)
            .where(participation.c.study == study)
            .order_by(participation.c.answered)
        )
        async with self._database.reading() as connection:
            return {row.person: (row.answer, row.answered) for row in await connection.execute(query)}

    async def readers(self, books: Collection[str]) -> list[tuple[str, str]]:
        """(person, book) of everybody who signed in and has been in one of the books."""
        query = (
            select(places.c.person, places.c.book)
            .distinct()
            .where(places.c.book.in_(books), places.c.person.in_(select(identities.c.person)))
            .order_by(places.c.book, places.c.person)
        )
        async with self._database.reading() as connection:
            return [(row.person, row.book) for row in await connection.execute(query)]


async def _newest(connection: AsyncConnection, person: str) -> dict[str, str]:
    query = (
        select(participation.c.study, participation.c.answer)
        .where(participation.c.person == person)
        .order_by(participation.c.answered)
    )
    return {row.study: row.answer for row in await connection.execute(query)}
