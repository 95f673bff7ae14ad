"""What changed on a shelf, page by page."""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from backends.problem import InvalidParameter
from backends.storage import statements
from backends.storage.items import Item, Key, Shelf
from backends.storage.reading import INSIDE, TOGETHER, as_item

CURSOR: Final = re.compile(r"([0-9a-f]{0,16})\.([0-9]{1,16})\.([0-9]{1,16})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to which change a device has read a shelf.

    known: whatever left without a tombstone before this change, the device does not have.
    """

    epoch: str
    sequence: int
    known: int

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        form = CURSOR.fullmatch(text)
        if form is None:
            raise InvalidParameter("cursor comes from an earlier answer.")
        return cls(form[1], int(form[2]), int(form[3]))

    def spell(self) -> str:
        return f"{self.epoch}.{self.sequence}.{self.known}"


@dataclass(frozen=True, slots=True)
class Changes:
    """cursor: where the next page begins; None: the shelf was never written to.

    anew: they begin with the shelf's first change, and what is not among them and their next pages is gone.
    """

    items: list[tuple[Item, bytes | None]]
    cursor: Cursor | None
    more: bool
    anew: bool


def page(connection: Connection, shelf: Shelf, cursor: Cursor | None, limit: int) -> Changes:
    """At most `limit` items that changed since, the latest change last; bodies as far as there is room."""
    row = connection.execute(statements.SHELF, statements.scope(shelf)).one_or_none()
    if row is None:
        return Changes([], None, more=False, anew=True)
    goes_on = cursor is not None and (
        cursor.epoch == row.epoch and cursor.sequence <= row.sequence and cursor.known >= row.horizon
    )
    if cursor is None or not goes_on:
        cursor = Cursor(row.epoch, 0, row.sequence)
    asked = {"after": cursor.sequence, "at_most": limit + 1}
    rows = connection.execute(statements.CHANGES, statements.scope(shelf) | asked).mappings().all()
    found: list[tuple[Item, bytes | None]] = []
    room = TOGETHER
    for item in map(as_item, rows[:limit]):
        content = None
        if item.is_live and item.size <= INSIDE:
            room -= item.size
            if room < 0:
                break
            content = _body(connection, shelf, item)
        found.append((item, content))
    more = len(found) < len(rows)
    last = found[-1][0].changed if more else row.sequence
    return Changes(found, Cursor(row.epoch, last, max(last, cursor.known)), more, anew=not goes_on)


def _body(connection: Connection, shelf: Shelf, item: Item) -> bytes:
    names = statements.item_scope(shelf, Key(item.course, item.id))
    return bytes(connection.execute(statements.CURRENT, names).one().body)
