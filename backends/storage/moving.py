"""A book that is called something else from now on keeps its readers' work."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection

from backends.database import Database
from backends.storage import merging, statements
from backends.storage.items import Shelf
from backends.storage.joining import Joining

AT_ONCE: Final = 200  # people of one look


@dataclass(frozen=True, slots=True)
class Moved:
    """people: whose work was moved; both: how many of them had some under the new name already."""

    people: int
    both: int


async def move(database: Database, old: str, new: str, now: int) -> Moved:
    """Everybody's work, one person a transaction: what was moved stays so, whatever happens to the rest."""
    people = both = 0
    after = ""
    while found := await database.read(partial(_people, book=old, after=after)):
        for person in found:
            both += await database.write(partial(_move_one, person=person, old=old, new=new, now=now))
        people += len(found)
        after = found[-1]
    return Moved(people, both)


def _people(connection: Connection, book: str, after: str) -> list[str]:
    """Who has anything in the book, in order; some of those behind `after`."""
    asked = {"the_book": book, "after": after, "at_most": AT_ONCE}
    rows = [*connection.execute(statements.READERS, asked), *connection.execute(statements.MERGED_IN, asked)]
    return sorted({str(row.person) for row in rows})[:AT_ONCE]


def _move_one(connection: Connection, person: str, old: str, new: str, now: int) -> bool:
    """Whether they had work in both: then nothing of either is lost, as when two people become one."""
    source, target = Shelf(person, old), Shelf(person, new)
    shelves = [
        connection.execute(statements.SHELF, statements.scope(shelf)).one_or_none()
        for shelf in (source, target)
    ]
    has_both = None not in shelves
    if has_both:
        Joining(connection, source, target, now, came_from=None).join()
        merging.clear(connection, source)
    renamed = statements.scope(source) | {"new_book": new}
    for statement in (
        statements.RENAME_VERSIONS,
        statements.RENAME_ITEMS,
        statements.RENAME_REPLAYS,
        statements.RENAME_SHELF,
    ):
        connection.execute(statement, renamed)
    if connection.execute(statements.MERGED, statements.scope(target)).one_or_none() is None:
        connection.execute(statements.RENAME_MERGE, renamed)
    else:
        connection.execute(statements.REMOVE_MERGE, statements.scope(source))
    return has_both
