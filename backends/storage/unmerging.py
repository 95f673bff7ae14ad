"""A merge is taken back: what came from the loser leaves the survivor, whose items are as they were before.

What the survivor saved after the merge stays theirs, also where it went on from the loser's work.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row

from backends.storage import statements
from backends.storage.items import Item, Key, Role, Shelf
from backends.storage.reading import all_items
from backends.storage.room import Room, drop_version

ALL: Final = 2**62

Version = Row[Any]  # of `versions`, without its body


@dataclass(frozen=True, slots=True)
class Unmerged:
    """items: in how many of the survivor's items there was something of the loser's."""

    items: int


def unmerge(connection: Connection, loser: Shelf, survivor: Shelf, now: int) -> Unmerged:
    """Nothing was merged: nothing changes. The loser's own rows are gone: the only copies stay."""
    done = connection.execute(statements.MERGED, statements.scope(loser)).one_or_none()
    if done is None or done.survivor != survivor.person:
        return Unmerged(0)
    if done.emptied is not None:  # what the loser saves from now on is the loser's all the same
        connection.execute(statements.REMOVE_MERGE, statements.scope(loser))
        return Unmerged(0)
    before = {Key(course, item): revision for course, item, revision in msgspec.json.decode(done.before)}
    taking = _Taking(connection, loser.person, survivor, now)
    found = sum(
        taking.back(item, before.get(Key(item.course, item.id))) for item in all_items(connection, survivor)
    )
    taking.room.settle()
    connection.execute(statements.REMOVE_MERGE, statements.scope(loser))
    return Unmerged(found)


class _Taking:
    """What came from the loser, out of the survivor's shelf."""

    def __init__(self, connection: Connection, loser: str, survivor: Shelf, now: int) -> None:
        self._connection = connection
        self._loser = loser
        self._shelf = survivor
        self._now = now
        self.room = Room(connection, survivor)

    def back(self, item: Item, before: int | None) -> bool:
        """Whether there was anything. before: the revision that the survivor had, if any."""
        key = Key(item.course, item.id)
        names = statements.item_scope(self._shelf, key)
        rows = self._connection.execute(statements.VERSIONS, names | {"before": ALL, "at_most": ALL}).all()
        theirs = [row for row in rows if row.came_from == self._loser]
        if not theirs:
            return False
        for row in theirs:
            drop_version(self._connection, statements.scope(self._shelf), key.course, key.id, row.revision)
            self.room.give_back(row.size)
        mine = [row for row in rows if row.came_from != self._loser]
        if not mine:
            self._connection.execute(statements.REMOVE_ITEM, names)
            self.room.lose_sight(self.room.change())
        elif item.revision in {row.revision for row in theirs}:
            self._restore(key, item, next((row for row in mine if row.revision == before), mine[0]))
        return True

    def _restore(self, key: Key, item: Item, chosen: Version) -> None:
        names = statements.item_scope(self._shelf, key)
        role = {"the_revision": chosen.revision, "new_role": Role.MAIN.value}
        if chosen.role == Role.BRANCH:
            self._connection.execute(statements.SET_ROLE, names | role)
        was = replace(
            item,
            revision=chosen.revision,
            digest=chosen.digest,
            size=chosen.size,
            content_type=chosen.content_type,
            updated=self._now,
            deleted=None,
            changed=self.room.change(),
        )
        self._connection.execute(statements.CHANGE_ITEM, statements.item_row(self._shelf, was))
