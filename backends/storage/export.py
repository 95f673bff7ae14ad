"""All that a person has in a book, as lines of JSON: an item's head, then its versions with their bodies."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from backends.storage import shown, statements
from backends.storage.items import Item, Key, Shelf


def lines(connection: Connection, shelf: Shelf, item: Item) -> bytes:
    """One item, with all its versions, the oldest first."""
    key = Key(item.course, item.id)
    rows = connection.execute(statements.ALL_VERSIONS, statements.item_scope(shelf, key)).all()
    head: dict[str, object] = {
        "course": item.course,
        "item": item.id,
        "kind": item.kind.value,
        "revision": item.revision,
        "updated": item.updated,
        "deleted": item.deleted,
    }
    versions: list[dict[str, object]] = [
        {
            "course": item.course,
            "item": item.id,
            "revision": row.revision,
            "role": row.role,
            "saved": row.saved,
            "content_type": row.content_type,
            **shown.content(bytes(row.body)),
        }
        for row in rows
    ]
    return b"".join(_lines([head, *versions]))


def _lines(values: list[dict[str, object]]) -> Iterator[bytes]:
    for value in values:
        yield msgspec.json.encode(value) + b"\n"
