"""Personal tokens in the directory: hashes, what they are good for, and for how long."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, func, select, update

from gateway.directory.database import Database
from gateway.directory.schema import people, personal_tokens
from gateway.errors import InvalidTokenError, TooManyTokensError
from gateway.personal_tokens import TOKENS, PersonalToken, hash_of, mint
from gateway.sealing import Token, encoded

HOUR: Final = 3600
_ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks of a new token; as in PersonalToken. life: seconds."""

    name: str
    provider: str
    auth_time: int
    backends: frozenset[str]
    origin: str
    book: str
    life: int


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token as its person sees it. Unix seconds. used: to the hour; None: never."""

    id: str
    name: str
    backends: tuple[str, ...]
    origin: str
    book: str
    created: int
    ends: int
    used: int | None


class PersonalTokens:
    """Asked for each request that comes with one, so that what is revoked is revoked everywhere at once.

    Every method raises DirectoryUnavailableError when the database cannot answer.
    """

    def __init__(self, database: Database, clock: Callable[[], float], token: Token) -> None:
        self._database = database
        self._clock = clock
        self._token = token

    async def make(self, person: str, wanted: Wanted) -> str:
        """The new token, which is nowhere kept as it is. TooManyTokensError: they have as many as one may."""
        text, now = mint(self._token), int(self._clock())
        row = self._database.insert(personal_tokens).values(
            id=encoded(self._token(_ID_BYTES)),
            hash=hash_of(text),
            person=person,
            name=wanted.name,
            provider=wanted.provider,
            auth_time=wanted.auth_time,
            backends=json.dumps(sorted(wanted.backends)),
            origin=wanted.origin,
            book=wanted.book,
            created=now,
            ends=now + wanted.life,
        )
        async with self._database.writing() as connection:
            await connection.execute(delete(personal_tokens).where(personal_tokens.c.ends <= now))
            theirs = select(func.count()).where(personal_tokens.c.person == person)
            if (await connection.execute(theirs)).scalar_one() >= TOKENS:
                raise TooManyTokensError(f"{person} has {TOKENS} tokens")
            await connection.execute(row)
        return text

    async def find(self, text: str) -> PersonalToken:
        """InvalidTokenError: it is none, has run out, or was revoked. Its use is noted once an hour."""
        now = int(self._clock())
        query = (
            select(personal_tokens, people.c.name.label("called"))
            .join_from(personal_tokens, people, people.c.id == personal_tokens.c.person)
            .where(personal_tokens.c.hash == hash_of(text), personal_tokens.c.ends > now)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise InvalidTokenError("unknown, revoked or run out")
        if row.used is None or now - row.used >= HOUR:
            seen = update(personal_tokens).where(personal_tokens.c.id == row.id).values(used=now)
            async with self._database.writing() as connection:
                await connection.execute(seen)
        return PersonalToken(
            id=row.id,
            person=row.person,
            name=row.called,
            provider=row.provider,
            auth_time=row.auth_time,
            backends=frozenset(json.loads(row.backends)),
            origin=row.origin,
            book=row.book,
            ends=row.ends,
        )

    async def is_alive(self, token: PersonalToken) -> bool:
        """Whether what it opened may go on: it is still there, and the same person's."""
        query = select(personal_tokens.c.person).where(
            personal_tokens.c.id == token.id, personal_tokens.c.ends > int(self._clock())
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none() == token.person

    async def of(self, person: str) -> list[ListedToken]:
        """Those that are alive, the newest first."""
        columns = personal_tokens.c
        query = (
            select(
                columns.id,
                columns.name,
                columns.backends,
                columns.origin,
                columns.book,
                columns.created,
                columns.ends,
                columns.used,
            )
            .where(columns.person == person, columns.ends > int(self._clock()))
            .order_by(columns.created.desc(), columns.id)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [ListedToken(row.id, row.name, tuple(json.loads(row.backends)), *row[3:]) for row in rows]

    async def revoke(self, person: str, token_id: str) -> str | None:
        """The name of the token that is none any more; None: the person has no such token."""
        gone = delete(personal_tokens).where(_one_of(person, token_id)).returning(personal_tokens.c.name)
        async with self._database.writing() as connection:
            return (await connection.execute(gone)).scalar_one_or_none()

    async def revoke_all(self, person: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(personal_tokens).where(personal_tokens.c.person == person))

    async def revoke_for(self, person: str, origin: str) -> None:
        """All that reach the person's work in the books of an origin."""
        gone = delete(personal_tokens).where(
            personal_tokens.c.person == person, personal_tokens.c.origin == origin
        )
        async with self._database.writing() as connection:
            await connection.execute(gone)


def _one_of(person: str, token_id: str) -> ColumnElement[bool]:
    return and_(personal_tokens.c.person == person, personal_tokens.c.id == token_id)
