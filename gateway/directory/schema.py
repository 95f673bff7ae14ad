"""The directory's tables. A change here needs a migration beside it; a test compares the two."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

metadata = MetaData()

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("created", Integer, nullable=False),
    Column("seen", Integer, nullable=False),  # the last sign-in
)

# A person is found by (issuer, subject), never by e-mail (OpenID Connect Core section 5.7).
identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # Deferred: one transaction writes the identity first, whose row decides who the person is.
    Column(
        "person",
        Text,
        ForeignKey("people.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,
    ),
    Column("provider", Text, nullable=False),  # the block in gateway.yaml that it last came through
    Column("created", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    PrimaryKeyConstraint("issuer", "subject"),
)

approvals = Table(
    "approvals",
    metadata,
    Column(
        "person",
        Text,
        ForeignKey("people.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    Column("origin", Text, nullable=False),
    Column("approved", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    PrimaryKeyConstraint("person", "origin"),
)

# By which a guest goes on at another device. `code` is a keyed hash.
return_codes = Table(
    "return_codes",
    metadata,
    Column("code", Text, primary_key=True),
    Column("guest", Text, nullable=False, index=True),
    Column("origin", Text, nullable=False),
    Column("ends", Integer, nullable=False),
)

# Whose work whose became, for each backend that keeps any. `due`: of the next try; NULL: it knows.
merges = Table(
    "merges",
    metadata,
    Column("loser", Text, nullable=False),
    Column("survivor", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("backend", Text, nullable=False),
    Column("decided", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", Integer, index=True),
    PrimaryKeyConstraint("loser", "book", "backend"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Integer, nullable=False),
    Column("begins", Integer, nullable=False),  # it signs from then on
    # The key before it, empty of the first: however many gateways make the next key, one is kept.
    Column("follows", Text, nullable=False, unique=True),
)

# What ended sessions, in the order in which it was noted; a row lives until that would have ended by itself.
revocations = Table(
    "revocations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),  # a session's key, or a person's slot
    Column("place", Text),  # a provider or an origin
    Column("value", Integer),  # an epoch, or the second before which sessions have ended
    Column("at", Integer, nullable=False),
    Column("ends", Integer, nullable=False, index=True),
    Index("ix_revocations_target", "target", "kind"),
    sqlite_autoincrement=True,  # a number is never given twice, also when the last row is gone
)

# Sessions that began before have ended: of everybody (an empty target), by a provider, of an origin.
marks = Table(
    "marks",
    metadata,
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("not_before", Integer, nullable=False),
    PrimaryKeyConstraint("kind", "target"),
)

# What each entry of origins.yaml granted when it was read last, and since when.
origin_entries = Table(
    "origin_entries",
    metadata,
    Column("entry", Text, primary_key=True),
    Column("trust", Text, nullable=False),
    Column("expires", Text),  # the last day, as in the file
    Column("since", Integer, nullable=False),
    Column("trusted_since", Integer, nullable=False),
    Column("version", Integer, nullable=False, index=True),  # of the change that wrote it
)
