"""One shelf's items, versions and first results become another's: nothing is lost where both had an item."""

from dataclasses import replace
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, Row

from backends.storage import progress, statements
from backends.storage.items import Item, Key, Kind, Role, Shelf, digest
from backends.storage.reading import all_items, find_item
from backends.storage.room import Room

Version = Row[Any]  # of `versions`, with its body


class Content(Enum):
    """What an item has afterwards that both had."""

    MINE = auto()
    THEIRS = auto()
    UNION = auto()


def content_of(mine: Item, mine_saved: int, theirs: Item, theirs_saved: int) -> Content:
    """By kind; times are the server's. What does not win is kept as a version."""
    if not theirs.is_live:
        return Content.MINE
    if not mine.is_live:
        return Content.THEIRS
    if mine.kind is not theirs.kind or (mine.digest, mine.content_type) == (
        theirs.digest,
        theirs.content_type,
    ):
        return Content.MINE
    if mine.kind is Kind.PROGRESS:
        return Content.UNION
    return Content.THEIRS if theirs_saved > mine_saved else Content.MINE


class Joining:
    """Copies what is on one shelf to another, in one transaction. What is there of the first stays.

    came_from: whose the copies are noted to be; None: as it stands with them.
    """

    def __init__(
        self, connection: Connection, source: Shelf, target: Shelf, now: int, came_from: str | None
    ) -> None:
        self._connection = connection
        self._source = source
        self._target = target
        self._now = now
        self._came_from = came_from
        self._room = Room(connection, target)
        self.both: list[tuple[str, str, int]] = []  # course, id and revision before of what was on both

    def join(self) -> int:
        """How many items there were to copy."""
        theirs = all_items(self._connection, self._source)
        for item in theirs:
            self._take(item)
        self._room.settle()
        self._take_replays()
        return len(theirs)

    def _take(self, theirs: Item) -> None:
        key = Key(theirs.course, theirs.id)
        mine = find_item(self._connection, self._target, key)
        rows = self._connection.execute(
            statements.ALL_VERSIONS, statements.item_scope(self._source, key)
        ).all()
        if mine is None:
            for row in rows:
                self._copy(key, row, 0, row.role)
            taken = replace(theirs, updated=self._now, changed=self._room.change())
            self._connection.execute(statements.ADD_ITEM, statements.item_row(self._target, taken))
            return
        self.both.append((key.course, key.id, mine.revision))
        self._join(key, mine, theirs, list(rows))

    def _join(self, key: Key, mine: Item, theirs: Item, rows: list[Version]) -> None:
        their_row = next((row for row in rows if row.revision == theirs.revision), None)
        my_row = self._connection.execute(
            statements.VERSION, statements.item_scope(self._target, key) | {"the_revision": mine.revision}
        ).one_or_none()
        content = content_of(
            mine,
            0 if my_row is None else my_row.saved,
            theirs,
            0 if their_row is None else their_row.saved,
        )
        differs = mine.digest != theirs.digest
        for row in rows:
            loses = row is their_row and content is Content.MINE and differs and row.role == Role.MAIN
            self._copy(key, row, mine.last_revision, Role.BRANCH if loses else row.role)
        changed = self._room.change()
        new = replace(mine, last_revision=mine.last_revision + theirs.last_revision, changed=changed)
        if content is Content.THEIRS:
            if mine.is_live and my_row is not None and my_row.role == Role.MAIN:
                demoted = {"the_revision": mine.revision, "new_role": Role.BRANCH.value}
                self._connection.execute(
                    statements.SET_ROLE, statements.item_scope(self._target, key) | demoted
                )
            revision = mine.last_revision + theirs.revision
            new = replace(
                theirs,
                revision=revision,
                last_revision=new.last_revision,
                updated=self._now,
                deleted=None,
                changed=changed,
            )
        elif content is Content.UNION and my_row is not None and their_row is not None:
            new = self._unite(key, new, my_row, their_row)
        self._connection.execute(statements.CHANGE_ITEM, statements.item_row(self._target, new))

    def _unite(self, key: Key, item: Item, my_row: Version, their_row: Version) -> Item:
        """Progress: as far as either came."""
        earlier, later = sorted((my_row, their_row), key=lambda row: int(row.saved))
        body = progress.union(bytes(earlier.body), bytes(later.body))
        revision = item.last_revision + 1
        self._room.take_over(len(body))
        new = {
            "new_revision": revision,
            "new_role": Role.MAIN.value,
            "new_base": my_row.revision,
            "new_digest": digest(body),
            "new_size": len(body),
            "new_content_type": later.content_type,
            "new_saved": later.saved,
            "new_client_ts": later.client_ts,
            "new_came_from": self._came_from,
            "new_body": body,
        }
        self._connection.execute(statements.ADD_VERSION, statements.item_scope(self._target, key) | new)
        return replace(
            item,
            revision=revision,
            last_revision=revision,
            digest=digest(body),
            size=len(body),
            content_type=later.content_type,
            updated=self._now,
        )

    def _copy(self, key: Key, row: Version, offset: int, role: str) -> None:
        """offset: added to revisions, which begin after the survivor's own."""
        self._room.take_over(row.size)
        columns = ("digest", "size", "content_type", "saved", "client_ts", "body")
        new = {f"new_{name}": getattr(row, name) for name in columns} | {
            "new_revision": row.revision + offset,
            "new_base": None if row.base is None else row.base + offset,
            "new_role": str(role),
            "new_came_from": self._came_from or row.came_from,
        }
        self._connection.execute(statements.ADD_VERSION, statements.item_scope(self._target, key) | new)

    def _take_replays(self) -> None:
        """What went out under a guest's name and is sent again as the person is one write still."""
        scope = statements.scope(self._source)
        for row in self._connection.execute(statements.ALL_REPLAYS, scope).all():
            names = statements.scope(self._target) | {"the_key": row.key}
            if self._connection.execute(statements.REPLAY, names).one_or_none() is None:
                kept = {"new_request": row.request, "new_outcome": row.outcome, "new_created": row.created}
                self._connection.execute(statements.ADD_REPLAY, names | kept)
