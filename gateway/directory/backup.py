"""Everything that the directory holds as lines of JSON, and back; from either database to either.

The first line says which version of the tables it is of. What is sealed stays sealed, and the key that ids of
people are made with is not in it: it is backed up apart.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from typing import Final, Self

import orjson
from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory.database import Database
from gateway.directory.schema import metadata
from gateway.errors import GatewayError

KIND: Final = "bookgate directory"
_DEADLINE: Final = 3600.0  # seconds
_AT_ONCE: Final = 1000  # rows
_BYTES: Final = "base64"


class BackupRefusedError(GatewayError):
    """It cannot be restored; `detail` says why, and nothing was changed."""

    status = 409
    code = "backup_refused"
    description = "This backup cannot be restored here."


class Backup:
    """Raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, url: str) -> Self:
        """The directory at `url`, brought to this version's tables."""
        database = Database(url)
        try:
            await database.migrate()
        except BaseException:
            await database.close()
            raise
        return cls(database)

    async def close(self) -> None:
        await self._database.close()

    async def write(self, put: Callable[[bytes], object]) -> int:
        """Put all of it as it is at one moment, by lines; how many rows. Nobody waits for it."""
        count = 0
        async with self._database.one_moment(_DEADLINE) as connection:
            put(orjson.dumps({"kind": KIND, "version": await _version(connection)}) + b"\n")
            for table in metadata.sorted_tables:
                async with connection.stream(select(table)) as rows:
                    async for row in rows:
                        put(orjson.dumps([table.name, _written(table, row)]) + b"\n")
                        count += 1
        return count

    async def restore(self, lines: Iterable[bytes]) -> int:
        """Fill an empty directory; how many rows. All of it, or none.

        Raises BackupRefusedError: not such a file, of another version, or there are people here already.
        """
        remaining = iter(lines)
        async with self._database.writing(_DEADLINE) as connection:
            _check_head(next(remaining, b""), await _version(connection))
            for table in metadata.sorted_tables:
                if (await connection.execute(select(func.count()).select_from(table))).scalar_one():
                    raise BackupRefusedError(
                        f"the table {table.name} is not empty: restore into a new directory"
                    )
            return await _fill(connection, remaining)


async def _fill(connection: AsyncConnection, lines: Iterable[bytes]) -> int:
    """Rows come table by table, those that others refer to first."""
    count, waiting, current = 0, list[dict[str, object]](), ""
    for line in lines:
        name, row = _parsed(line)
        if name != current or len(waiting) == _AT_ONCE:
            await _insert(connection, current, waiting)
            current, waiting = name, []
        waiting.append(row)
        count += 1
    await _insert(connection, current, waiting)
    return count


async def _insert(connection: AsyncConnection, name: str, rows: list[dict[str, object]]) -> None:
    if rows:
        await connection.execute(_table(name).insert(), rows)


def _table(name: str) -> Table:
    if name not in metadata.tables:
        raise BackupRefusedError(f"there is no table {name!r:.60}")
    return metadata.tables[name]


async def _version(connection: AsyncConnection) -> str:
    found = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
    return str(found.scalar_one())


def _check_head(line: bytes, version: str) -> None:
    try:
        head = orjson.loads(line)
    except orjson.JSONDecodeError:
        head = None
    match head:
        case {"kind": kind, "version": of} if kind == KIND:
            if of != version:
                raise BackupRefusedError(f"it is of version {of!r:.20}, and these tables are of {version}")
        case _:
            raise BackupRefusedError("it is no backup of a directory")


def _written(table: Table, row: Iterable[object]) -> dict[str, object]:
    said = zip((str(column.name) for column in table.columns), row, strict=True)
    return {name: {_BYTES: b64encode(it).decode()} if isinstance(it, bytes) else it for name, it in said}


def _parsed(line: bytes) -> tuple[str, dict[str, object]]:
    try:
        match orjson.loads(line):
            case [str(name), {**row}]:
                return name, {str(key): _read(value) for key, value in row.items()}
    except ValueError as error:
        raise BackupRefusedError("a line of it is broken") from error
    raise BackupRefusedError("a line of it is broken")


def _read(value: object) -> object:
    match value:
        case {"base64": str(text)}:
            return b64decode(text, validate=True)
        case _:
            return value
