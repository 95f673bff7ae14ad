"""By which identities at providers a person comes in: several may be one person's, each is one person's."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory.database import Database
from gateway.directory.schema import identities, people


@dataclass(frozen=True, slots=True)
class Identity:
    """provider: the block that it last came through. Times in Unix seconds."""

    issuer: str
    subject: str
    provider: str
    created: int
    seen: int


class Identities:
    """Every method raises DirectoryUnavailableError when the database cannot answer.

    fresh: an id of a person that nobody has.
    """

    def __init__(self, database: Database, clock: Callable[[], float], fresh: Callable[[], str]) -> None:
        self._database = database
        self._clock = clock
        self._fresh = fresh

    async def came_by(self, provider: str) -> bool:
        """Whether anybody's identity came through this block last, configured or not any more."""
        query = select(identities.c.person).where(identities.c.provider == provider).limit(1)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none() is not None

    async def of_person(self, person: str) -> list[Identity]:
        """The oldest first."""
        async with self._database.reading() as connection:
            return await _of(connection, person)

    async def link(self, issuer: str, subject: str, provider: str, person: str) -> str:
        """Whose the identity is now: `person`, or whoever had it. Both were proved by whoever calls."""
        now = int(self._clock())
        row = self._database.insert(identities).values(
            issuer=issuer, subject=subject, person=person, provider=provider, created=now, seen=now
        )
        async with self._database.writing() as connection:
            await connection.execute(
                row.on_conflict_do_nothing(index_elements=[identities.c.issuer, identities.c.subject])
            )
            query = select(identities.c.person).where(_is(issuer, subject))
            return str((await connection.execute(query)).scalar_one())

    async def unlink(
        self, issuer: str, subject: str, person: str, keeps: Callable[[list[Identity]], bool]
    ) -> bool:
        """Take an identity from a person. keeps: whether those that stay are a way in.

        It becomes somebody's who has nothing: the id that is derived from it may be this person's own, and a
        deleted row would lead there again. False: it is not theirs, or the last way in.
        """
        now, nobody = int(self._clock()), self._fresh()
        async with self._database.writing() as connection:
            # writers take turns: of two tabs that unlink one each the second sees what the first one left
            found = await _of(connection, person)
            staying = [each for each in found if (each.issuer, each.subject) != (issuer, subject)]
            if len(staying) == len(found) or not keeps(staying):
                return False
            await connection.execute(insert(people).values(id=nobody, name=None, created=now, seen=now))
            await connection.execute(update(identities).where(_is(issuer, subject)).values(person=nobody))
        return True


def _is(issuer: str, subject: str) -> ColumnElement[bool]:
    return and_(identities.c.issuer == issuer, identities.c.subject == subject)


async def _of(connection: AsyncConnection, person: str) -> list[Identity]:
    columns = (getattr(identities.c, name) for name in Identity.__slots__)
    query = select(*columns).where(identities.c.person == person)
    found = starmap(Identity, await connection.execute(query.order_by(identities.c.created)))
    return list(found)
