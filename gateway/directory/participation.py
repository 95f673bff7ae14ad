"""What people answered to studies: the newest answer to each."""

from collections.abc import Callable

from sqlalchemy import select

from gateway.directory import belongings
from gateway.directory.database import Database
from gateway.directory.schema import participation


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
            index_elements=[participation.c.person, participation.c.study],
            set_={"answer": answer, "answered": now},
        )
        async with self._database.writing() as connection:
            if await belongings.is_known(connection, person):  # else deleted a moment ago
                await connection.execute(changed)

    async def of_person(self, person: str) -> dict[str, str]:
        """The answers, by study."""
        query = select(participation.c.study, participation.c.answer).where(participation.c.person == person)
        async with self._database.reading() as connection:
            return {row.study: row.answer for row in await connection.execute(query)}
