"""The directory: who people are, which books they approved, and the sealed signing keys."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import starmap
from typing import Self

from sqlalchemy import ColumnElement, and_, case, delete, func, null, select, update

from gateway.directory import belongings, ids
from gateway.directory.cards import Cards
from gateway.directory.classes import Classes
from gateway.directory.database import RETRY_AFTER, Database
from gateway.directory.guests import Guests
from gateway.directory.identities import Identities
from gateway.directory.key_ring import KeyRing
from gateway.directory.line_items import LineItems
from gateway.directory.orders import Orders, deletion_waits, is_merged
from gateway.directory.origin_entries import OriginEntries
from gateway.directory.participation import Participation
from gateway.directory.passkeys import Passkeys
from gateway.directory.personal_tokens import PersonalTokens
from gateway.directory.places import Places
from gateway.directory.platforms import Platforms
from gateway.directory.revocations import Revocations
from gateway.directory.schema import approvals, identities, people
from gateway.errors import DeletionPendingError

DAY = 86400
APPROVAL_LIFE = 180 * DAY  # unused for longer: asked again


@dataclass(frozen=True, slots=True)
class Person:
    """A person as sessions know them."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word that an origin may save their work. Times in Unix seconds."""

    origin: str
    approved: int
    used: int


class Directory:
    """Every method raises DirectoryUnavailableError when the database cannot answer.

    keeps_names: whether people have names here; if not, those that there are go as their people sign in.
    """

    def __init__(
        self, database: Database, people_key: bytes, clock: Callable[[], float], *, keeps_names: bool = True
    ) -> None:
        self._database = database
        self._keeps_names = keeps_names
        self._people_key = people_key
        self._clock = clock
        self.identities = Identities(database, clock, self._nobody)
        self.guests = Guests(database, people_key, clock)
        self.orders = Orders(database, clock)
        self.places = Places(database, clock)
        self.participation = Participation(database, clock)
        self.classes = Classes(database, clock, secrets.token_bytes)
        self.cards = Cards(database, people_key, clock, secrets.token_bytes)
        self.line_items = LineItems(database, clock)
        self.platforms = Platforms(database, clock, secrets.token_bytes)
        self.passkeys = Passkeys(database, clock)
        self.personal_tokens = PersonalTokens(database, clock, secrets.token_bytes)
        self.key_ring = KeyRing(database)
        self.revocations = Revocations(database, clock)
        self.origin_entries = OriginEntries(database)

    @classmethod
    async def open(
        cls, url: str, people_key: bytes, clock: Callable[[], float], *, keeps_names: bool = True
    ) -> Self:
        """The directory in the SQLite file of `url`, migrated to this version."""
        database = Database(url)
        try:
            await database.migrate()
        except BaseException:
            await database.close()
            raise
        return cls(database, people_key, clock, keeps_names=keeps_names)

    async def close(self) -> None:
        await self._database.close()

    def _nobody(self) -> str:
        """The id of a person that nobody is yet."""
        return ids.person_id(self._people_key, "urn:bookgate:unlinked", secrets.token_hex(16))

    async def sign_in(self, issuer: str, subject: str, name: str | None, provider: str) -> Person:
        """The person behind an identity, made if new.

        A name that is no longer told is kept, and one that they chose themselves is not touched.
        """
        now = int(self._clock())
        derived = ids.person_id(self._people_key, issuer, subject)
        identity = (
            self._database.insert(identities)
            .values(
                issuer=issuer,
                subject=subject,
                person=derived,
                provider=provider,
                created=now,
                seen=now,
            )
            .on_conflict_do_update(
                index_elements=[identities.c.issuer, identities.c.subject],
                set_={"provider": provider, "seen": now},
            )
            .returning(identities.c.person)
        )
        async with self._database.writing() as connection:
            # The row decides, not the derivation: an identity may have been linked to another person.
            person = (await connection.execute(identity)).scalar_one()
            if (await connection.execute(select(deletion_waits(person)))).scalar_one():
                raise DeletionPendingError("a backend is yet to be told", retry_after=RETRY_AFTER)
            told = name if self._keeps_names else None
            row = self._database.insert(people).values(id=person, name=told, created=now, seen=now)
            told_now = func.coalesce(row.excluded.name, people.c.name)
            own = case((people.c.named.is_(None), told_now), else_=people.c.name)
            known = own if self._keeps_names else null()
            kept = row.on_conflict_do_update(
                index_elements=[people.c.id],
                set_={"name": known, "seen": now},
            ).returning(people.c.name)
            return Person(person, (await connection.execute(kept)).scalar_one())

    @property
    def keeps_names(self) -> bool:
        return self._keeps_names

    async def rename(self, person: str, name: str | None) -> None:
        """What somebody wants to be called. None: what a provider tells at the next sign-in."""
        said = {"named": None} if name is None else {"name": name, "named": int(self._clock())}
        async with self._database.writing() as connection:
            await connection.execute(update(people).where(people.c.id == person).values(said))

    async def person_of(self, issuer: str, subject: str) -> str | None:
        """The id of the person behind an identity; None: nobody has signed in by it."""
        query = select(identities.c.person).where(
            identities.c.issuer == issuer, identities.c.subject == subject
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def is_somebody(self, person: str) -> bool:
        """Whether there is such a person, who became nobody else: a sign-in may have been overtaken."""
        async with self._database.reading() as connection:
            return await belongings.is_known(connection, person) and not await is_merged(connection, person)

    async def approved(self, person: str, origin: str) -> bool:
        """Whether an approval stands; asking is using it, noted at most once a day."""
        now = int(self._clock())
        async with self._database.reading() as connection:
            query = select(approvals.c.used).where(_approval(person, origin))
            used = (await connection.execute(query)).scalar_one_or_none()
        if used is None or now - used > APPROVAL_LIFE:
            return False
        if now - used > DAY:
            async with self._database.writing() as connection:
                await connection.execute(update(approvals).where(_approval(person, origin)).values(used=now))
        return True

    async def approve(self, person: str, origin: str) -> None:
        now = int(self._clock())
        row = self._database.insert(approvals).values(person=person, origin=origin, approved=now, used=now)
        async with self._database.writing() as connection:
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=[approvals.c.person, approvals.c.origin],
                    set_={"approved": now, "used": now},
                )
            )

    async def withdraw(self, person: str, origin: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(approvals).where(_approval(person, origin)))

    async def approvals(self, person: str) -> list[Approval]:
        """The approvals that stand, by origin."""
        oldest = int(self._clock()) - APPROVAL_LIFE
        query = (
            select(approvals.c.origin, approvals.c.approved, approvals.c.used)
            .where(approvals.c.person == person, approvals.c.used >= oldest)
            .order_by(approvals.c.origin)
        )
        async with self._database.reading() as connection:
            return list(starmap(Approval, await connection.execute(query)))


def _approval(person: str, origin: str) -> ColumnElement[bool]:
    return and_(approvals.c.person == person, approvals.c.origin == origin)
