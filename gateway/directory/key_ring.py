"""The keys that sign assertions, sealed: all gateways of a site find the same ones here."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import delete, select, update

from gateway.directory.database import Database
from gateway.directory.schema import signing_keys


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as it lies here. begins: Unix seconds; follows: a kid, empty for the first."""

    kid: str
    sealed: bytes
    created: int
    begins: int
    follows: str


class KeyRing:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def signing_keys(self) -> Sequence[StoredKey]:
        """In the order in which they sign."""
        columns = signing_keys.c
        query = select(
            columns.kid, columns.sealed, columns.created, columns.begins, columns.follows
        ).order_by(columns.begins, columns.kid)
        async with self._database.reading() as connection:
            return list(starmap(StoredKey, await connection.execute(query)))

    async def add_signing_key(
        self, kid: str, sealed: bytes, *, created: int, begins: int, follows: str
    ) -> bool:
        """False: a key that follows the same one is there already."""
        row = self._database.insert(signing_keys).values(
            kid=kid, sealed=sealed, created=created, begins=begins, follows=follows
        )
        async with self._database.writing() as connection:
            done = await connection.execute(row.on_conflict_do_nothing().returning(signing_keys.c.kid))
            return done.scalar_one_or_none() is not None

    async def reseal_signing_key(self, kid: str, sealed: bytes) -> None:
        """The same key under another seal."""
        change = update(signing_keys).where(signing_keys.c.kid == kid).values(sealed=sealed)
        async with self._database.writing() as connection:
            await connection.execute(change)

    async def remove_signing_key(self, kid: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(signing_keys).where(signing_keys.c.kid == kid))
