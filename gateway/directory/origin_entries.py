"""What the entries of origins.yaml granted when they were read last, for whoever did not see an edit."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory.database import Database
from gateway.directory.kinds import Insert
from gateway.directory.schema import origin_entries
from gateway.origins import OriginEntry, Trust

Decide = Callable[[list[OriginEntry]], Awaitable[list[OriginEntry]]]

_COLUMNS: Final = (
    origin_entries.c.entry,
    origin_entries.c.trust,
    origin_entries.c.expires,
    origin_entries.c.since,
    origin_entries.c.trusted_since,
)


class OriginEntries:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self) -> int:
        """Greater after every change that others have to know of."""
        async with self._database.reading() as connection:
            return await _version(connection)

    async def read(self) -> tuple[int, list[OriginEntry]]:
        """The version, and what is kept."""
        async with self._database.reading() as connection:
            return await _version(connection), await _kept(connection)

    async def change(self, decide: Decide) -> int:
        """Replace what is kept by what `decide` makes of it, while nobody else may; the version then."""
        async with self._database.writing() as connection:
            version, kept = await _version(connection), await _kept(connection)
            known = {one.entry: one for one in kept}
            wanted = {one.entry: one for one in await decide(kept)}
            new = [_values(one, version + 1) for one in wanted.values() if known.get(one.entry) != one]
            gone = [{"gone": entry} for entry in known.keys() - wanted.keys()]
            await _write(connection, self._database.insert(origin_entries), new, gone)
            return version + bool(new)


async def _write(
    connection: AsyncConnection,
    row: Insert,
    new: list[dict[str, str | int | None]],
    gone: list[dict[str, str]],
) -> None:
    if new:
        columns = [column for column in row.excluded if not column.primary_key]
        kept = row.on_conflict_do_update(
            index_elements=[origin_entries.c.entry], set_={column.name: column for column in columns}
        )
        await connection.execute(kept, new)
    if gone:
        await connection.execute(
            delete(origin_entries).where(origin_entries.c.entry == bindparam("gone")), gone
        )


async def _version(connection: AsyncConnection) -> int:
    newest = select(func.coalesce(func.max(origin_entries.c.version), 0))
    return int((await connection.execute(newest)).scalar_one())


async def _kept(connection: AsyncConnection) -> list[OriginEntry]:
    return [
        OriginEntry(
            entry,
            Trust(trust),
            None if expires is None else date.fromisoformat(expires),
            since,
            trusted_since,
        )
        for entry, trust, expires, since, trusted_since in await connection.execute(select(*_COLUMNS))
    ]


def _values(one: OriginEntry, version: int) -> dict[str, str | int | None]:
    return {
        "entry": one.entry,
        "trust": str(one.trust),
        "expires": None if one.expires is None else one.expires.isoformat(),
        "since": one.since,
        "trusted_since": one.trusted_since,
        "version": version,
    }
