"""Passkeys in the directory: the public halves of keys that people's devices hold."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, delete, func, literal, or_, select, update

from gateway.directory.database import RETRY_AFTER, Database
from gateway.directory.orders import deletion_waits
from gateway.directory.schema import passkey_offers, passkeys, people
from gateway.errors import DeletionPendingError, PasskeyRefusedError, TooManyPasskeysError

PASSKEYS: Final = 20  # of one person


@dataclass(frozen=True, slots=True)
class Passkey:
    """id: of the credential, base64url. handle: what the device calls its person.

    called: the person's name.
    """

    id: str
    person: str
    called: str | None
    handle: str
    public_key: bytes
    counter: int


@dataclass(frozen=True, slots=True)
class NewPasskey:
    id: str
    handle: str
    public_key: bytes
    counter: int
    transports: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class ListedPasskey:
    """As its person sees it. Unix seconds; used: None: never."""

    id: str
    name: str
    transports: tuple[str, ...]
    created: int
    used: int | None


class Passkeys:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def add(self, person: str, new: NewPasskey) -> None:
        """TooManyPasskeysError: they have as many as one may. PasskeyRefusedError: it is there already
        (WebAuthn Level 3, section 7.1, step 26).
        """
        row = self._database.insert(passkeys).values(
            id=new.id,
            person=person,
            handle=new.handle,
            public_key=new.public_key,
            counter=new.counter,
            transports=json.dumps(new.transports),
            name=new.name,
            created=int(self._clock()),
        )
        async with self._database.writing() as connection:
            theirs = select(func.count()).where(passkeys.c.person == person)
            if (await connection.execute(theirs)).scalar_one() >= PASSKEYS:
                raise TooManyPasskeysError(f"{person} has {PASSKEYS} passkeys")
            kept = row.on_conflict_do_nothing(index_elements=[passkeys.c.id]).returning(passkeys.c.id)
            if (await connection.execute(kept)).scalar_one_or_none() is None:
                raise PasskeyRefusedError("the credential is registered already")

    async def find(self, credential: str) -> Passkey | None:
        query = (
            select(
                passkeys.c.id,
                passkeys.c.person,
                people.c.name,
                passkeys.c.handle,
                passkeys.c.public_key,
                passkeys.c.counter,
            )
            .join_from(passkeys, people, people.c.id == passkeys.c.person)
            .where(passkeys.c.id == credential)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Passkey(*row)

    async def use(self, credential: str, person: str, counter: int) -> None:
        """Note that it signed. PasskeyRefusedError: by its counter it is a copy, or it is gone meanwhile.

        The row decides, in one statement: of two with one counter only one gets through (WebAuthn Level 3,
        section 7.2, step 22). DeletionPendingError: as `Directory.sign_in`.
        """
        now = int(self._clock())
        further = or_(passkeys.c.counter < counter, and_(passkeys.c.counter == 0, literal(counter) == 0))
        use = (
            update(passkeys)
            .where(passkeys.c.id == credential, passkeys.c.person == person, further)
            .values(counter=counter, used=now)
            .returning(passkeys.c.id)
        )
        async with self._database.writing() as connection:
            if (await connection.execute(select(deletion_waits(person)))).scalar_one():
                raise DeletionPendingError("a backend is yet to be told", retry_after=RETRY_AFTER)
            if (await connection.execute(use)).scalar_one_or_none() is None:
                raise PasskeyRefusedError(f"{credential}: counter back at {counter}, or gone")
            await connection.execute(update(people).where(people.c.id == person).values(seen=now))

    async def of(self, person: str) -> list[ListedPasskey]:
        """The newest first."""
        query = (
            select(passkeys.c.id, passkeys.c.name, passkeys.c.transports, passkeys.c.created, passkeys.c.used)
            .where(passkeys.c.person == person)
            .order_by(passkeys.c.created.desc(), passkeys.c.id)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            ListedPasskey(row.id, row.name, tuple(json.loads(row.transports)), row.created, row.used)
            for row in rows
        ]

    async def remove(self, person: str, credential: str) -> bool:
        gone = (
            delete(passkeys)
            .where(passkeys.c.id == credential, passkeys.c.person == person)
            .returning(passkeys.c.id)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(gone)).scalar_one_or_none() is not None

    async def remove_all(self, person: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(passkeys).where(passkeys.c.person == person))

    async def is_to_be_offered(self, person: str) -> bool:
        """Whether they have none and were never asked."""
        has = select(passkeys.c.id).where(passkeys.c.person == person).exists()
        asked = select(passkey_offers.c.person).where(passkey_offers.c.person == person).exists()
        async with self._database.reading() as connection:
            return not (await connection.execute(select(or_(has, asked)))).scalar_one()

    async def note_answer(self, person: str) -> None:
        """They were asked, whatever they said."""
        row = self._database.insert(passkey_offers).values(person=person, answered=int(self._clock()))
        async with self._database.writing() as connection:
            await connection.execute(row.on_conflict_do_nothing())
