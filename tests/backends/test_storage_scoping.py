"""No statement can reach another person's rows: each one binds the person, and only known ones run."""

import uuid
from collections.abc import Mapping
from types import ModuleType

import pytest
from sqlalchemy import BindParameter, Connection, Delete, Executable, Insert, Select, Table, Update, event
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BooleanClauseList,
    ClauseElement,
    ReleaseSavepointClause,
    RollbackToSavepointClause,
    SavepointClause,
)
from sqlalchemy.sql.selectable import Join

from backends.analytics import schema as analytics_schema
from backends.analytics import statements as analytics_statements
from backends.storage import schema as storage_schema
from backends.storage import statements as storage_statements
from backends.storage.moving import move
from tests.backends.services import Running

Statement = Select[tuple[object, ...]] | Insert | Update | Delete

# Which columns of every table hold the person, and the parameters that alone may be compared with them.
STORAGE = {"person": "own_person", "book": "own_book"}
ANALYTICS = {"pseudonym": "own_pseudonym"}


def catalogue(module: ModuleType) -> dict[str, Executable]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Select | Insert | Update | Delete)
    }


def conjuncts(clause: ClauseElement | None) -> list[ClauseElement]:
    """The parts of a condition that all must hold."""
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        return [part for one in clause.clauses for part in conjuncts(one)]
    return [] if clause is None else [clause]


def bound(clauses: list[ClauseElement]) -> set[tuple[str, str, str]]:
    """(table, column, parameter) of every `column = parameter`."""
    return {
        (one.left.table.name, one.left.name, str(one.right.key))
        for one in clauses
        if isinstance(one, BinaryExpression)
        and one.operator is operators.eq
        and isinstance(one.right, BindParameter)
        and hasattr(one.left, "table")
    }


def parts(statement: Statement) -> list[object]:
    """Everything that the statement is made of, also what it reads from."""
    origins = statement.get_final_froms() if isinstance(statement, Select) else []
    return [part for root in (statement, *origins) for part in visitors.iterate(root)]


def conditions(statement: Statement) -> list[ClauseElement]:
    """All that must hold of every row that the statement touches, also in the joins."""
    where = [] if isinstance(statement, Insert) else conjuncts(statement.whereclause)
    joins = [part for part in parts(statement) if isinstance(part, Join)]
    return where + [clause for join in joins for clause in conjuncts(join.onclause)]


def faults(statement: Statement, scope: Mapping[str, str]) -> list[str]:
    """What is missing for the statement to be about one person."""
    tables = {part.name for part in parts(statement) if isinstance(part, Table)}
    if isinstance(statement, Insert):
        values = {str(part.key) for part in parts(statement) if isinstance(part, BindParameter)}
        return [column for column, parameter in scope.items() if parameter not in values]
    said = bound(conditions(statement))
    return [
        f"{table}.{column}"
        for table in sorted(tables)
        for column, parameter in scope.items()
        if (table, column, parameter) not in said
    ]


@pytest.mark.parametrize("name", catalogue(storage_statements))
def test_storage_statements_bind_person_and_book(name: str) -> None:
    wrong = faults(getattr(storage_statements, name), STORAGE)
    assert bool(wrong) == (name in storage_schema.ACROSS_PEOPLE)


@pytest.mark.parametrize("name", catalogue(analytics_statements))
def test_analytics_statements_bind_the_pseudonym(name: str) -> None:
    wrong = faults(getattr(analytics_statements, name), ANALYTICS)
    assert bool(wrong) == (name in analytics_schema.ACROSS_PEOPLE)


def test_the_check_finds_what_it_looks_for() -> None:
    items, versions = storage_schema.items, storage_schema.versions
    own = storage_statements.ITEM.whereclause
    assert own is not None
    other: BindParameter[str] = BindParameter("own_person", None)
    assert faults(items.select(), STORAGE) == ["items.person", "items.book"]
    assert faults(items.select().where(items.c.person == other), STORAGE) == ["items.book"]
    assert faults(items.select().where(items.c.person != other), STORAGE) == ["items.person", "items.book"]
    assert faults(items.select().where(own | (items.c.id == "x")), STORAGE) == ["items.person", "items.book"]
    joined = items.select().join(versions, versions.c.item == items.c.id).where(own)
    assert faults(joined, STORAGE) == ["versions.person", "versions.book"]
    assert faults(versions.delete(), STORAGE) == ["versions.person", "versions.book"]
    assert faults(items.insert().values(id="x"), STORAGE) == ["person", "book"]


def test_every_table_begins_with_the_person() -> None:
    tables = [*storage_schema.metadata.sorted_tables, *analytics_schema.metadata.sorted_tables]
    assert {next(iter(table.primary_key.columns)).name for table in tables} == {"person", "pseudonym"}


async def test_only_statements_of_the_catalogue_run(own_store: Running) -> None:
    known = {id(statement) for statement in catalogue(storage_statements).values()}
    seen: set[int] = set()

    def before(_connection: Connection, statement: object, *_rest: object) -> None:
        if isinstance(statement, str):
            assert statement.startswith("BEGIN")
        elif not isinstance(statement, SavepointClause | RollbackToSavepointClause | ReleaseSavepointClause):
            seen.add(id(statement))

    for engine in (own_store.file.writer, own_store.file.reader):
        event.listen(engine, "before_execute", before)
    ada = own_store.reader(sub=str(uuid.uuid4()))
    mary = own_store.reader(sub="mary")
    for path in ("/v1/items/x?mode=lww", "/v1/items/y?mode=append", "/v1/items/x"):
        await ada.put(path, b"1", idempotency_key=str(uuid.uuid4()))
    await ada.put("/v1/items/x", b"2", if_none_match="*")
    for path in (
        "/v1/items",
        "/v1/items/x",
        "/v1/items/x/versions",
        "/v1/items/x/versions/1",
        "/v1/me/usage",
        "/v1/attempts",
    ):
        assert (await ada.get(path)).status == 200
    assert (await ada.post("/ns/assessment/gethist", b'{"acid":"x"}')).status == 200
    assert (await ada.post("/ns/assessment/gethist", b'{"acid":"x","course":"c"}')).status == 200
    await ada.post("/ns/logger/runlog", b'{"div_id":"x","code":"1","course":"c"}')
    assert (await ada.post("/ns/assessment/gethist", b'{"acid":"x"}')).status == 200
    assert (await ada.get("/ns/logger/getAllCompletionStatus")).status == 200
    assert (
        await ada.post("/v1/sync", b'{"changes":[{"mutation_id":"m","id":"x","body":"3"}]}')
    ).status == 200
    await ada.delete("/v1/items/x?mode=lww")
    guest = own_store.reader(sub="guest", auth_level="guest")
    for path, kind in (("x", "program"), ("y", "progress"), ("z", "program")):
        await guest.put(f"/v1/items/{path}?mode=lww&kind={kind}", b"{}", idempotency_key=str(uuid.uuid4()))
        await mary.put(f"/v1/items/{path}?mode=lww&kind={kind}", b"1")
    await guest.put("/v1/items/z?mode=lww&kind=program", b"2")
    assert (await own_store.internal("guest", "mary").post("/v1/internal/merge", b"")).status == 200
    assert (await own_store.class_of("mary").post("/v1/internal/grid", b"")).status == 200
    await move(own_store.file, "book-1", "book-2", 1)
    await mary.put("/v1/items/x?mode=lww", b"1")
    await move(own_store.file, "book-1", "book-2", 1)
    assert (await own_store.reader("mary", "book-2").delete("/v1/me")).status == 202
    own_store.clock.ahead += 100 * 86400
    await own_store.sweep()
    assert seen <= known
    assert len(known - seen) <= 3  # the rest: what a full shelf and a long history need
