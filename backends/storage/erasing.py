"""All of somebody's work in a book goes, at their own wish."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from backends.storage import merging, statements
from backends.storage.items import Shelf
from backends.storage.reading import usage


@dataclass(frozen=True, slots=True)
class Erased:
    """What there was. `at` in milliseconds."""

    items: int
    versions: int
    bytes: int
    at: int


def erase(connection: Connection, shelf: Shelf, now: int) -> Erased:
    """Theirs, and the rows that a merge left with whom they were before.

    Whose work became whose stays known: what is under way as a guest is not a guest's anew.
    """
    had = usage(connection, shelf)
    for former in _formers(connection, shelf):
        merging.empty(connection, former, now)
    if connection.execute(statements.MERGED, statements.scope(shelf)).one_or_none() is None:
        merging.clear(connection, shelf)
    else:
        merging.empty(connection, shelf, now)
    return Erased(had.items, had.versions, had.bytes, now)


def _formers(connection: Connection, shelf: Shelf) -> Iterator[Shelf]:
    """Whom they were: a guest, and who that guest had been."""
    waiting = [shelf]
    while waiting:
        of = waiting.pop()
        for row in connection.execute(statements.LOSERS_OF, statements.scope(of)).all():
            former = replace(shelf, person=row.person)
            waiting.append(former)
            yield former
