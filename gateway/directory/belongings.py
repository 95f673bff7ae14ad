"""Whatever is a person's, in any table: found by the columns that hold people's ids (schema.py)."""

import json
from collections.abc import Collection, Iterator
from typing import Final

from sqlalchemy import Column, LargeBinary, Table, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.directory.schema import metadata, moved, orders
from gateway.directory.schema import people as known_people

Value = str | int | float | bool | None
Row = dict[str, Value]

# A deletion's own orders name whom it is about until every backend knows.
_EXCEPT: Final = frozenset({orders.name})


def holding(table: Table) -> list[Column[str]]:
    """The columns of a table that hold ids of people."""
    return [column for column in table.columns if _holds_a_person(column)]


def _holds_a_person(column: Column[str]) -> bool:
    refers = any(key.target_fullname == "people.id" for key in column.foreign_keys)
    return column.name == "person" or refers or bool(column.info.get("person"))


def tables() -> Iterator[tuple[Table, list[Column[str]]]]:
    """Those with rows of people; whoever refers to a row before it."""
    for table in reversed(metadata.sorted_tables):
        columns = holding(table)
        if columns and table.name not in _EXCEPT:
            yield table, columns


async def is_known(connection: AsyncConnection, person: str, before: int | None = None) -> bool:
    """Whether there is such a person, no guest. before: who has not signed in since (Unix seconds)."""
    query = select(known_people.c.id).where(known_people.c.id == person)
    if before is not None:
        query = query.where(known_people.c.seen < before)
    return (await connection.execute(query)).one_or_none() is not None


async def remove(connection: AsyncConnection, people: Collection[str]) -> None:
    """Every row of these people."""
    for table, columns in tables():
        await connection.execute(delete(table).where(or_(*(column.in_(people) for column in columns))))


async def read(connection: AsyncConnection, people: Collection[str]) -> dict[str, list[Row]]:
    """What they may be handed, by table: all but hashes, secrets and sealed values."""
    found = {}
    for table, columns in tables():
        told = [
            column
            for column in table.columns
            if column.info.get("export", True) and not isinstance(column.type, LargeBinary)
        ]
        query = select(*told).where(or_(*(column.in_(people) for column in columns)))
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        if rows:
            found[table.name] = rows
    return found


# -- merges


def _moving() -> dict[str, tuple[Table, Column[str], list[Column[Value]]]]:
    """By name: tables whose rows a merge gives away, the column that says whose, the rest of the key."""
    found = {}
    for table in metadata.sorted_tables:
        for owner in holding(table):
            if owner.info.get("moves"):
                rest = [column for column in table.primary_key.columns if column is not owner]
                found[table.name] = (table, owner, rest)
    return found


async def give(connection: AsyncConnection, decision: str, loser: str, survivor: str) -> None:
    """What moves becomes the survivor's, noted. What the survivor has of the same key stays theirs."""
    for name, (table, owner, rest) in _moving().items():
        mine = {tuple(row) for row in await connection.execute(select(*rest).where(owner == survivor))}
        for row in (await connection.execute(select(*rest).where(owner == loser))).all():
            key = tuple(row)
            if key in mine:
                continue
            same = [column == value for column, value in zip(rest, key, strict=True)]
            change = update(table).where(and_(owner == loser, *same)).values({owner: survivor})
            await connection.execute(change)
            note = insert(moved).values(decision=decision, relation=name, key=json.dumps(key))
            await connection.execute(note)


async def give_back(connection: AsyncConnection, decision: str, loser: str, survivor: str) -> None:
    """What `give` noted is the loser's again, as far as it is there still."""
    moving = _moving()
    query = select(moved.c.relation, moved.c.key).where(moved.c.decision == decision)
    for row in (await connection.execute(query)).all():
        table, owner, rest = moving[row.relation]
        same = [column == value for column, value in zip(rest, json.loads(row.key), strict=True)]
        change = update(table).where(and_(owner == survivor, *same)).values({owner: loser})
        await connection.execute(change)
    await connection.execute(delete(moved).where(moved.c.decision == decision))
