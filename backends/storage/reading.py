"""Reads, each a function of a connection and a shelf."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping

from backends.problem import NotFound
from backends.storage import statements
from backends.storage.items import (
    AFTER_EVERY_NAME,
    KIB,
    OVERHEAD,
    QUOTA,
    Item,
    Key,
    Kind,
    Role,
    Shelf,
    Version,
)
from backends.storage.outcomes import Gone

INSIDE: Final = 256 * KIB  # the largest body that stands in a page; others are read by themselves
TOGETHER: Final = 1024 * KIB  # all bodies of a page


@dataclass(frozen=True, slots=True)
class Listing:
    """Which items are asked for: `after` is the last id of the page before."""

    course: str
    prefix: str
    kind: Kind | None
    since: int | None
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class AttemptsOf:
    """Which attempts are asked for: of one item of a course or of all, from `after` on (item, revision)."""

    course: str
    item: str | None
    since: int
    after: tuple[str, int]
    limit: int


@dataclass(frozen=True, slots=True)
class Usage:
    bytes: int
    limit: int
    items: int
    versions: int
    version_overhead: int = OVERHEAD


@dataclass(frozen=True, slots=True)
class Together:
    """Items that were asked for by name and are there; apart: those that are too much for one answer."""

    contents: list[tuple[Item, bytes]]
    apart: list[str]


@dataclass(frozen=True, slots=True)
class Content:
    """A body, and when it was saved."""

    saved: int
    body: bytes


def find_item(connection: Connection, shelf: Shelf, key: Key) -> Item | None:
    row = connection.execute(statements.ITEM, statements.item_scope(shelf, key)).mappings().one_or_none()
    return None if row is None else as_item(row)


def all_items(connection: Connection, shelf: Shelf) -> list[Item]:
    """Those too that were deleted, or never had content."""
    rows = connection.execute(statements.ALL_ITEMS, statements.scope(shelf)).mappings()
    return [as_item(row) for row in rows]


def content(connection: Connection, shelf: Shelf, key: Key) -> tuple[Item, bytes]:
    """An item with its body; raises NotFound or Gone."""
    row = connection.execute(statements.CURRENT, statements.item_scope(shelf, key)).mappings().one_or_none()
    item = None if row is None else as_item(row)
    if row is None or item is None or item.revision == 0:
        raise NotFound
    if item.deleted is not None:
        raise Gone
    return item, bytes(row["body"])


def page(connection: Connection, shelf: Shelf, listing: Listing) -> list[Item]:
    """At most `limit` items, by id."""
    asked: dict[str, object] = {
        "the_course": listing.course,
        "after": listing.after,
        "prefix": listing.prefix,
        "prefix_end": listing.prefix + AFTER_EVERY_NAME,
        "any_kind": int(listing.kind is None),
        "kind": "" if listing.kind is None else listing.kind.value,
        "since": listing.since or 0,
        "with_deleted": int(listing.since is not None),
        "at_most": listing.limit,
    }
    rows = connection.execute(statements.LIST, statements.scope(shelf) | asked).mappings()
    return [as_item(row) for row in rows]


def together(connection: Connection, shelf: Shelf, keys: list[Key], room: int) -> Together:
    """room: bytes of all bodies, which are not read beyond it."""
    found = Together([], [])
    for key in keys:
        item = find_item(connection, shelf, key)
        if item is None or not item.is_live:
            continue
        if item.size > room:
            found.apart.append(item.id)
            continue
        room -= item.size
        found.contents.append(content(connection, shelf, key))
    return found


def contents(connection: Connection, shelf: Shelf, course: str, prefix: str, limit: int) -> list[Content]:
    """At most `limit` items whose id begins with the prefix, by id."""
    asked = {
        "the_course": course,
        "prefix": prefix,
        "prefix_end": prefix + AFTER_EVERY_NAME,
        "at_most": limit,
    }
    rows = connection.execute(statements.CONTENTS, statements.scope(shelf) | asked)
    return [Content(row.updated, bytes(row.body)) for row in rows]


def history(connection: Connection, shelf: Shelf, key: Key, *, limit: int, room: int) -> list[Content]:
    """Every body of an item that was not deleted, oldest first: of many, the newest.

    limit: how many bodies; room: how many bytes, though always the newest one.
    """
    item = find_item(connection, shelf, key)
    if item is None or item.deleted is not None:
        return []
    found: list[Content] = []
    for row in connection.execute(statements.BODIES, statements.item_scope(shelf, key) | {"at_most": limit}):
        room -= len(row.body)
        if found and room < 0:
            break
        found.append(Content(row.saved, bytes(row.body)))
    return found[::-1]


def latest_course(connection: Connection, shelf: Shelf, item: str) -> str | None:
    """The course in which an item of this id was written last."""
    names = statements.scope(shelf) | {"the_item": item}
    return connection.execute(statements.LATEST_COURSE, names).scalar()


def versions(connection: Connection, shelf: Shelf, key: Key, before: int, limit: int) -> list[Version]:
    """Newest first, also of an item that was deleted."""
    if find_item(connection, shelf, key) is None:
        raise NotFound
    asked = {"before": before, "at_most": limit}
    rows = connection.execute(statements.VERSIONS, statements.item_scope(shelf, key) | asked).mappings()
    return [_version(row) for row in rows]


def attempts(
    connection: Connection, shelf: Shelf, wanted: AttemptsOf
) -> tuple[list[tuple[str, Version, bytes | None]], bool]:
    """Item, version and body of each, by item, the oldest first; and whether there are more.

    The body of one over INSIDE is read by itself; a page ends where its bodies are TOGETHER.
    """
    asked = {
        "the_course": wanted.course,
        "any_item": int(wanted.item is None),
        "the_item": wanted.item or "",
        "after_item": wanted.after[0],
        "after_revision": wanted.after[1],
        "since": wanted.since,
        "at_most": wanted.limit + 1,
    }
    rows = connection.execute(statements.ATTEMPTS, statements.scope(shelf) | asked).mappings().all()
    found: list[tuple[str, Version, bytes | None]] = []
    room = TOGETHER
    for row in rows[: wanted.limit]:
        content = None
        if row["size"] <= INSIDE:
            room -= row["size"]
            if room < 0:
                break
            names = statements.item_scope(shelf, Key(wanted.course, row["item"]))
            the_version = names | {"the_revision": row["revision"]}
            content = bytes(connection.execute(statements.VERSION, the_version).one().body)
        found.append((row["item"], _version(row), content))
    return found, len(found) < len(rows)


def version(connection: Connection, shelf: Shelf, key: Key, revision: int) -> tuple[Version, Kind, bytes]:
    """One, with the kind that its item has now; raises NotFound."""
    item = find_item(connection, shelf, key)
    names = statements.item_scope(shelf, key) | {"the_revision": revision}
    row = connection.execute(statements.VERSION, names).mappings().one_or_none()
    if row is None or item is None:
        raise NotFound
    return _version(row), item.kind, bytes(row["body"])


def usage(connection: Connection, shelf: Shelf) -> Usage:
    scope = statements.scope(shelf)
    row = connection.execute(statements.SHELF, scope).one_or_none()
    items = connection.execute(statements.COUNT_ITEMS, scope).scalar_one()
    return Usage(0 if row is None else row.bytes, QUOTA, items, 0 if row is None else row.versions)


def as_item(row: RowMapping) -> Item:
    columns = _columns(row, Item)
    return Item(**columns | {"kind": Kind(columns["kind"])})


def _version(row: RowMapping) -> Version:
    columns = _columns(row, Version)
    return Version(**columns | {"role": Role(columns["role"])})


def _columns(row: Mapping[Any, Any], value: type[Item | Version]) -> dict[str, Any]:
    """The columns that make the value."""
    return {name: row[name] for name in value.__dataclass_fields__}
