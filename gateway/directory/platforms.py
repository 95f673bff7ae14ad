"""Learning platforms that registered themselves by an invitation (LTI Dynamic Registration 1.0)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from gateway.directory.database import Database
from gateway.directory.schema import lti_platforms
from gateway.sealing import encoded

INVITATION: Final = 86400  # seconds that one is good for


@dataclass(frozen=True, slots=True)
class Registered:
    """A platform as it registered. deployments: those it named, or that were added since.

    books: that it may open; empty: all that take people from courses. scores: books may report them.
    invited: until when an invitation counts that was not used, in Unix seconds. client_id: None: it has not
    registered yet.
    """

    name: str
    issuer: str
    books: tuple[str, ...]
    scores: bool
    invited: int | None
    client_id: str | None
    deployments: tuple[str, ...]
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class Registering:
    """What a platform said of itself at its registration."""

    client_id: str
    deployments: tuple[str, ...]
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Platforms:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, clock: Callable[[], float], token: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._token = token

    async def invite(
        self, name: str, issuer: str, books: Sequence[str] = (), *, scores: bool = False
    ) -> str | None:
        """The secret of a new invitation, whose hash alone is kept; one before it counts no more.

        None: by that name another site has registered.
        """
        secret = encoded(self._token(32))
        values = {
            "issuer": issuer,
            "books": "\n".join(books),
            "scores": scores,
            "invitation": _hash(secret),
            "ends": int(self._clock()) + INVITATION,
        }
        row = self._database.insert(lti_platforms).values(name=name, **values)
        free = or_(lti_platforms.c.client_id.is_(None), lti_platforms.c.issuer == issuer)
        changed = row.on_conflict_do_update(
            index_elements=[lti_platforms.c.name], set_=values, where=free
        ).returning(lti_platforms.c.name)
        async with self._database.writing() as connection:
            made = (await connection.execute(changed)).scalar_one_or_none()
        return None if made is None else secret

    async def invited(self, secret: str) -> tuple[str, str] | None:
        """Name and issuer of a platform whose invitation this is; None: used, too old, or none."""
        query = select(lti_platforms.c.name, lti_platforms.c.issuer).where(self._open(secret))
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).one_or_none()
        return None if found is None else (found.name, found.issuer)

    async def register(self, secret: str, said: Registering) -> bool:
        """Once for an invitation, in place of what was registered by that name. False: it counts no more."""
        values = {
            "client_id": said.client_id,
            "deployments": "\n".join(said.deployments),
            "authorization_endpoint": said.authorization_endpoint,
            "token_endpoint": said.token_endpoint,
            "jwks_uri": said.jwks_uri,
            "invitation": None,
            "ends": None,
        }
        change = update(lti_platforms).where(self._open(secret)).values(**values)
        async with self._database.writing() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def add_deployment(self, name: str, deployment: str) -> bool:
        """False: nobody has registered by that name."""
        known = and_(lti_platforms.c.name == name, lti_platforms.c.client_id.is_not(None))
        async with self._database.writing() as connection:
            found = await connection.execute(select(lti_platforms.c.deployments).where(known))
            before = found.scalar_one_or_none()
            if before is None:
                return False
            both = "\n".join(dict.fromkeys([*before.split("\n"), deployment] if before else [deployment]))
            await connection.execute(update(lti_platforms).where(known).values(deployments=both))
            return True

    async def remove(self, name: str) -> bool:
        """Its launches count no more, nor does an invitation. False: there is none of that name."""
        async with self._database.writing() as connection:
            gone = await connection.execute(delete(lti_platforms).where(lti_platforms.c.name == name))
            return gone.rowcount == 1

    async def all(self) -> Sequence[Registered]:
        """By name; those that are only invited too."""
        query = select(lti_platforms).order_by(lti_platforms.c.name)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Registered(
                row.name,
                row.issuer,
                _lines(row.books),
                row.scores,
                row.ends,
                row.client_id,
                _lines(row.deployments),
                row.authorization_endpoint or "",
                row.token_endpoint or "",
                row.jwks_uri or "",
            )
            for row in rows
        ]

    def _open(self, secret: str) -> ColumnElement[bool]:
        now = int(self._clock())
        return and_(lti_platforms.c.invitation == _hash(secret), lti_platforms.c.ends > now)


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (text or "").split("\n")))


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
