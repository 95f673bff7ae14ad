"""How much room a shelf takes, counted with every version that is kept or dropped; and its changes."""

import secrets
from typing import Final

from sqlalchemy import Connection

from backends.storage import statements
from backends.storage.items import OVERHEAD, QUOTA, Shelf
from backends.storage.outcomes import QuotaExceeded

AT_ONCE: Final = 1000


class Room:
    """One shelf's counts, read once in a transaction and written back by `settle`."""

    def __init__(self, connection: Connection, shelf: Shelf) -> None:
        self._connection = connection
        self._scope = statements.scope(shelf)
        row = connection.execute(statements.SHELF, self._scope).one_or_none()
        self._is_new = row is None
        self._bytes = 0 if row is None else int(row.bytes)
        self._versions = 0 if row is None else int(row.versions)
        self._sequence = 0 if row is None else int(row.sequence)
        self._horizon = 0 if row is None else int(row.horizon)

    def take(self, size: int) -> None:
        """Room for one more version. Old contents make way before a save is refused."""
        missing = self._bytes + size + OVERHEAD - QUOTA
        if missing > 0:
            missing -= self._drop_superseded(missing)
        if missing > 0:
            raise QuotaExceeded(members={"used": self._bytes, "limit": QUOTA})
        self._bytes += size + OVERHEAD
        self._versions += 1

    def take_over(self, size: int) -> None:
        """Room for work that is kept already, elsewhere: it is never refused. The next save may be."""
        self._bytes += size + OVERHEAD
        self._versions += 1

    def give_back(self, size: int, versions: int = 1) -> None:
        self._bytes -= size + versions * OVERHEAD
        self._versions -= versions

    def change(self) -> int:
        """The number of one more change of this shelf."""
        self._sequence += 1
        return self._sequence

    def lose_sight(self, changed: int) -> None:
        """An item goes without a tombstone: who has not seen this change must read everything anew."""
        self._horizon = max(self._horizon, changed)

    def settle(self) -> None:
        counts = self._scope | {
            "new_bytes": self._bytes,
            "new_versions": self._versions,
            "new_sequence": self._sequence,
            "new_horizon": self._horizon,
        }
        if self._is_new:
            self._connection.execute(statements.ADD_SHELF, counts | {"new_epoch": secrets.token_hex(8)})
        else:
            self._connection.execute(statements.CHANGE_SHELF, counts)
        self._is_new = False

    def _drop_superseded(self, wanted: int) -> int:
        """Drops replaced contents of any item on the shelf, oldest first, until `wanted` bytes are free."""
        freed = 0
        while freed < wanted:
            oldest = self._connection.execute(statements.SUPERSEDED, self._scope | {"at_most": AT_ONCE}).all()
            if not oldest:
                break
            for row in oldest:
                drop_version(self._connection, self._scope, row.course, row.item, row.revision)
                self.give_back(row.size)
                freed += row.size + OVERHEAD
                if freed >= wanted:
                    break
        return freed


def drop_version(
    connection: Connection, scope: dict[str, object], course: str, item: str, revision: int
) -> None:
    names = {"the_course": course, "the_item": item, "the_revision": revision}
    connection.execute(statements.REMOVE_VERSION, scope | names)
