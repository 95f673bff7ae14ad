"""Storage's tables. Every one begins with the person, so that the tables can be spread by it."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, PrimaryKeyConstraint, String, Table

metadata = MetaData()

# Times are milliseconds since the epoch. `revision` is the current content's; 0: there never was one (only
# branches of writes that lost). `last_revision` also counts branches and deletions. `deleted`: a tombstone.
# `changed`: which of the shelf's changes was the last one of this item.
items = Table(
    "items",
    metadata,
    Column("person", String(200), nullable=False),
    Column("book", String(200), nullable=False),
    Column("course", String(200), nullable=False),
    Column("id", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("last_revision", BigInteger, nullable=False),
    Column("digest", String(16), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=True),
    Column("changed", BigInteger, nullable=False),
    PrimaryKeyConstraint("person", "book", "course", "id"),
    Index("items_deleted", "deleted"),
    Index("items_changed", "person", "book", "changed"),
)

# `base` is the revision that the writer began from, as far as it was said. `client_ts` is when the writer's
# device says that it was made, `saved` when it came here. `came_from` is whom it was of before a merge. The
# body stands last, so that lists do not read it.
versions = Table(
    "versions",
    metadata,
    Column("person", String(200), nullable=False),
    Column("book", String(200), nullable=False),
    Column("course", String(200), nullable=False),
    Column("item", String(200), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("role", String(10), nullable=False),
    Column("base", BigInteger, nullable=True),
    Column("digest", String(16), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("saved", BigInteger, nullable=False),
    Column("client_ts", BigInteger, nullable=True),
    Column("came_from", String(200), nullable=True),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("person", "book", "course", "item", "revision"),
)

# What one person's work in one book takes: bodies of all versions, and OVERHEAD for each. Its changes are
# numbered: `sequence` is the last one; who does not know of `horizon` missed an item that went without a
# tombstone. `epoch`: a shelf that begins anew counts anew, and no number of before fits.
shelves = Table(
    "shelves",
    metadata,
    Column("person", String(200), nullable=False),
    Column("book", String(200), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("versions", BigInteger, nullable=False),
    Column("epoch", String(16), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("horizon", BigInteger, nullable=False),
    PrimaryKeyConstraint("person", "book"),
)

# First results by Idempotency-Key.
replays = Table(
    "replays",
    metadata,
    Column("person", String(200), nullable=False),
    Column("book", String(200), nullable=False),
    Column("key", String(200), nullable=False),
    Column("request", String(64), nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    PrimaryKeyConstraint("person", "book", "key"),
    Index("replays_created", "created"),
)

# Whose work in a book is another person's now. What was copied stays with the loser for 30 days; `emptied` is
# when it went. `before`: the survivor's items that were in both, as JSON: [course, id, revision before].
merges = Table(
    "merges",
    metadata,
    Column("person", String(200), nullable=False),
    Column("book", String(200), nullable=False),
    Column("survivor", String(200), nullable=False),
    Column("merged", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("before", LargeBinary, nullable=False),
    Column("emptied", BigInteger, nullable=True),
    PrimaryKeyConstraint("person", "book"),
    Index("merges_emptied", "emptied", "merged"),
    Index("merges_survivor", "survivor", "book"),
)

# The statements that may speak of more than one person, each with its reason. A test refuses any other.
ACROSS_PEOPLE: Final[Mapping[str, str]] = {
    "EXPIRED_TOMBSTONES": "finds what retention ends; each is then purged by a statement of its person",
    "LOSERS_OF": "finds whom somebody was before merges; each is then emptied by statements of its person",
    "KEPT_LOSERS": "finds what retention ends; each is then emptied by statements of its person",
    "READERS": "finds whose work a book that moves has; each is then moved by statements of its person",
    "MERGED_IN": "finds who became somebody else in it; each is then moved by statements of its person",
    "FORGET_REPLAYS": "retention of first results, which hold no work",
}
