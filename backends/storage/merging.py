"""Two people become one: the loser's items, versions and first results become the survivor's.

Everything is copied and nothing replaced for good: the loser's rows stay as they are until retention ends
them, and `merges` says what the survivor's items were before, so that a merge can be undone.
"""

from dataclasses import dataclass, replace
from typing import Final

import msgspec
from sqlalchemy import Connection

from backends.problem import InvalidRequest, MergedElsewhere
from backends.storage import statements
from backends.storage.items import Shelf
from backends.storage.joining import Joining

FARTHEST: Final = 100  # merges in a row: a guest, who became a guest, who became a person


@dataclass(frozen=True, slots=True)
class Merged:
    """items: how many the loser had; both: in how many of them the survivor had one of the same name."""

    items: int
    both: int


def home(connection: Connection, shelf: Shelf) -> Shelf:
    """Where the work of this shelf is now."""
    for _ in range(FARTHEST):
        row = connection.execute(statements.MERGED, statements.scope(shelf)).one_or_none()
        if row is None:
            break
        shelf = replace(shelf, person=row.survivor)
    return shelf


def empty(connection: Connection, shelf: Shelf, now: int) -> None:
    """Nothing of what was copied is left with the loser; that it became somebody's stays known."""
    clear(connection, shelf)
    connection.execute(statements.SET_EMPTIED, statements.scope(shelf) | {"new_emptied": now})


def clear(connection: Connection, shelf: Shelf) -> None:
    """Nothing of this shelf is left."""
    scope = statements.scope(shelf)
    for statement in (
        statements.EMPTY_VERSIONS,
        statements.EMPTY_ITEMS,
        statements.EMPTY_REPLAYS,
        statements.EMPTY_SHELF,
    ):
        connection.execute(statement, scope)


class Merging:
    """One merge in one book, in one transaction."""

    def __init__(self, connection: Connection, loser: Shelf, survivor: Shelf, now: int) -> None:
        self._connection = connection
        self._loser = loser
        self._survivor = home(connection, survivor)
        self._now = now

    def merge(self) -> Merged:
        """InvalidRequest: a circle. MergedElsewhere: the loser is somebody else already."""
        scope = statements.scope(self._loser)
        done = self._connection.execute(statements.MERGED, scope).one_or_none()
        if done is not None:
            if home(self._connection, self._loser) != self._survivor:
                raise MergedElsewhere
            return Merged(done.items, len(msgspec.json.decode(done.before)))
        if self._survivor.person == self._loser.person:
            raise InvalidRequest("Nobody becomes themselves.")
        joining = Joining(self._connection, self._loser, self._survivor, self._now, self._loser.person)
        found = joining.join()
        row = {
            "new_survivor": self._survivor.person,
            "new_merged": self._now,
            "new_items": found,
            "new_before": msgspec.json.encode(joining.both),
            "new_emptied": None,
        }
        self._connection.execute(statements.ADD_MERGE, scope | row)
        return Merged(found, len(joining.both))
