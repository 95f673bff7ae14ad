"""The directory's tables. A change here needs a migration beside it; a test compares the two."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text

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
)
