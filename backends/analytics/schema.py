"""The tables of events and of merges. Each begins with the pseudonym; there is no person id anywhere."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("pseudonym", String(200), nullable=False),
    Column("id", String(36), nullable=False),
    Column("type", String(50), nullable=False),
    Column("t", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=True),
    Column("session", String(200), nullable=True),
    Column("page", String(1000), nullable=True),
    Column("item", String(200), nullable=True),
    Column("item_kind", String(200), nullable=True),
    Column("attempt", BigInteger, nullable=True),
    Column("correct", Boolean, nullable=True),
    Column("score", Float, nullable=True),
    Column("dur_ms", BigInteger, nullable=True),
    Column("code_sha", String(64), nullable=True),
    Column("error_type", String(100), nullable=True),
    Column("error_line", BigInteger, nullable=True),
    # JSON, as far as the level keeps them.
    Column("answer", String, nullable=True),
    Column("error", String, nullable=True),
    Column("delta", String, nullable=True),
    Column("x", String, nullable=True),
    Column("received", BigInteger, nullable=False),
    Column("book", String(200), nullable=False),
    Column("classes", String, nullable=False),
    Column("roles", String, nullable=False),
    # Sent by somebody who teaches, writes or runs the book: in no figure about readers.
    Column("staff", Boolean, nullable=False),
    Column("level", Integer, nullable=False),
    Column("schema", Integer, nullable=False),
    # Whose it was before merges, the last one first, with spaces between them.
    Column("came_from", String, nullable=True),
    PrimaryKeyConstraint("pseudonym", "id"),
    Index("events_of_a_book", "book", "t"),
)

# Whose events are another person's now. `events`: how many there were.
merges = Table(
    "merges",
    metadata,
    Column("pseudonym", String(200), nullable=False),
    Column("survivor", String(200), nullable=False),
    Column("merged", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    PrimaryKeyConstraint("pseudonym"),
)

# The statements that may speak of more than one person, each with its reason. A test refuses any other.
ACROSS_PEOPLE: Final[Mapping[str, str]] = {
    "ITEMS": "how hard an item is for the readers of a book; people are counted, five at least",
    "WRONG": "wrong answers that five people gave at least",
    "PAGES": "how many people saw a page; five at least",
    "ERRORS": "what people ran into: counted, and what fewer than five met left out, before it is said",
    "HOURS": "how many people worked in an hour of the week; five at least",
}
