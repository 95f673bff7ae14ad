"""The directory's tables. A change here needs a migration beside it; a test compares the two.

A column that holds a person's id is called `person`, refers to `people.id`, or says so in its `info`: so
belongings.py finds whatever is a person's. `info`: `moves` (a merge gives the row to the survivor), `export`
(False: a hash or a secret, which nobody is handed).
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# Unix seconds, which outlive 2038: an INTEGER has 32 bits in PostgreSQL, up to 64 in SQLite.
SECONDS: Final = BigInteger().with_variant(Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True, info={"person": True}),
    Column("name", Text),
    Column("created", SECONDS, nullable=False),
    Column("seen", SECONDS, nullable=False),  # the last sign-in
    Column("named", SECONDS),  # since when the name is their own word; NULL: a provider's
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
        info={"moves": True},
    ),
    Column("provider", Text, nullable=False),  # the block in gateway.yaml that it last came through
    Column("created", SECONDS, nullable=False),
    Column("seen", SECONDS, nullable=False),
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
    Column("approved", SECONDS, nullable=False),
    Column("used", SECONDS, nullable=False),
    PrimaryKeyConstraint("person", "origin"),
)

# By which a guest goes on at another device. `code` is a keyed hash.
return_codes = Table(
    "return_codes",
    metadata,
    Column("code", Text, primary_key=True, info={"export": False}),
    Column("guest", Text, nullable=False, index=True, info={"person": True}),
    Column("origin", Text, nullable=False),
    Column("ends", SECONDS, nullable=False),
)

# Where a person had a session of a book: what is deleted is deleted there.
places = Table(
    "places",
    metadata,
    Column("person", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("since", SECONDS, nullable=False),
    PrimaryKeyConstraint("person", "origin", "book"),
)

# What was decided about people: `merge` (`person` is the survivor's now), `unmerge`, `delete`.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),  # on the receipt; known to the person alone
    Column("purpose", Text, nullable=False),
    Column("person", Text, index=True),  # NULL: of a deletion, which names nobody
    Column("survivor", Text, index=True, info={"person": True}),
    Column("decided", SECONDS, nullable=False),
    Column("undone", SECONDS),  # of a merge: when it was taken back
)

# Which backend is to be told of it. `due`: of the next try. `told`: since when it knows. Neither: it does not
# take such orders. `person` is empty where a deletion is done.
orders = Table(
    "orders",
    metadata,
    Column("decision", Text, ForeignKey("decisions.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("person", Text, nullable=False, index=True),
    Column("origin", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("backend", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", SECONDS, index=True),
    Column("told", SECONDS),
    PrimaryKeyConstraint("decision", "number"),
)

# What a merge gave to the survivor: a row of `relation` by the rest of its key, as JSON.
moved = Table(
    "moved",
    metadata,
    Column("decision", Text, ForeignKey("decisions.id", ondelete="CASCADE"), nullable=False),
    Column("relation", Text, nullable=False),
    Column("key", Text, nullable=False),
    PrimaryKeyConstraint("decision", "relation", "key"),
)

# What people answered to studies, each answer: the newest counts, the others show who had agreed to what
# when. `answer`: the version of the text that they agreed to, or `no`.
participation = Table(
    "participation",
    metadata,
    Column("person", Text, nullable=False, info={"moves": True}),
    Column("study", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered", SECONDS, nullable=False),
    PrimaryKeyConstraint("person", "study", "answered"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("begins", SECONDS, nullable=False),  # it signs from then on
    # The key before it, empty of the first: however many gateways make the next key, one is kept.
    Column("follows", Text, nullable=False, unique=True),
)

# What ended sessions, in the order in which it was noted; a row lives until that would have ended by itself.
revocations = Table(
    "revocations",
    metadata,
    # SQLite numbers rows of a plain INTEGER only; here it counts from microseconds
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),  # a session's key, or a person's slot
    Column("place", Text),  # a provider or an origin
    Column("value", BigInteger),  # an epoch, or the second before which sessions have ended
    Column("at", SECONDS, nullable=False),
    Column("ends", SECONDS, nullable=False, index=True),
    Index("ix_revocations_target", "target", "kind"),
    sqlite_autoincrement=True,  # a number is never given twice, also when the last row is gone
)

# Sessions that began before have ended: of everybody (an empty target), by a provider, of an origin.
marks = Table(
    "marks",
    metadata,
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("not_before", SECONDS, nullable=False),
    PrimaryKeyConstraint("kind", "target"),
)

# What each entry of origins.yaml granted when it was read last, and since when.
origin_entries = Table(
    "origin_entries",
    metadata,
    Column("entry", Text, primary_key=True),
    Column("trust", Text, nullable=False),
    Column("expires", Text),  # the last day, as in the file
    Column("since", SECONDS, nullable=False),
    Column("trusted_since", SECONDS, nullable=False),
    Column("version", Integer, nullable=False, index=True),  # of the change that wrote it
)

# A class has one book for as long as it lives; `code` lets people in while `open`.
classes = Table(
    "classes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("address", Text, nullable=False),  # where the book is read
    Column("code", Text, nullable=False, unique=True),
    Column("open", Boolean, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("archived", SECONDS),
    # The learning platform and its own id of the class, where it was made there (LTI 1.3, section 5.4.1).
    Column("platform", Text),
    Column("context", Text),
    Column("memberships", Text),  # where the platform says who is in it
    UniqueConstraint("platform", "context", "book", name="uq_classes_context"),
)

class_members = Table(
    "class_members",
    metadata,
    Column("class_id", Text, ForeignKey("classes.id", ondelete="CASCADE"), nullable=False),
    Column(
        "person",
        Text,
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        info={"moves": True},
    ),
    Column("role", Text, nullable=False),  # student | teacher
    Column("name", Text),  # what they are called there, where nobody else said a name
    Column("joined", SECONDS, nullable=False),
    PrimaryKeyConstraint("class_id", "person"),
)

# A person without e-mail, by a card that a teacher prints; only hashes of its words are kept.
class_cards = Table(
    "class_cards",
    metadata,
    Column("class_id", Text, ForeignKey("classes.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("subject", Text, nullable=False, info={"export": False}),  # of the identity
    Column("found_by", Text, nullable=False, index=True, info={"export": False}),  # the first two words
    Column("proved_by", Text, nullable=False, info={"export": False}),  # all of them
    Column("name", Text, nullable=False),
    # Whose it is, once somebody came in by it.
    Column("person", Text, ForeignKey("people.id", ondelete="CASCADE"), index=True, info={"moves": True}),
    Column("printed", SECONDS, nullable=False),
    PrimaryKeyConstraint("class_id", "number"),
)

# Learning platforms that registered themselves (LTI Dynamic Registration), and those that are invited to:
# `invitation` is the hash of a secret that counts until `ends`, once.
lti_platforms = Table(
    "lti_platforms",
    metadata,
    Column("name", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("books", Text),  # that it may open, a line each
    Column("scores", Boolean, nullable=False),  # whether books may report scores to it
    Column("invitation", Text, unique=True),
    Column("ends", SECONDS),
    Column("client_id", Text),
    Column("deployments", Text),  # a line each
    Column("authorization_endpoint", Text),
    Column("token_endpoint", Text),
    Column("jwks_uri", Text),
)

# Where scores of a page go that somebody launched for a gradebook (LTI Assignment and Grade Services), by the
# newest launch; and the newest score while it waits to be told.
line_items = Table(
    "line_items",
    metadata,
    Column("person", Text, ForeignKey("people.id", ondelete="CASCADE"), nullable=False, info={"moves": True}),
    Column("origin", Text, nullable=False),
    Column("page", Text, nullable=False),
    Column("platform", Text, nullable=False),  # issuer and subject of the identity that was launched
    Column("subject", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("launched", SECONDS, nullable=False),
    Column("points", Float),
    Column("maximum", Float),
    Column("comment", Text),
    Column("scored", SECONDS),  # milliseconds: of the newest score, told or not
    Column("tries", Integer, nullable=False),
    Column("due", SECONDS, index=True),  # of the next try; NULL: nothing waits
    PrimaryKeyConstraint("person", "origin", "page"),
)

# By which scripts ask in a person's name; `hash` of a token that is nowhere kept.
personal_tokens = Table(
    "personal_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True, info={"export": False}),
    Column(
        "person",
        Text,
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        info={"moves": True},
    ),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),  # way in of the sign-in that made it
    Column("auth_time", SECONDS, nullable=False),  # of that sign-in
    Column("backends", Text, nullable=False),  # names, as JSON
    Column("origin", Text, nullable=False),  # whose work it reaches; both empty: of no book
    Column("book", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("ends", SECONDS, nullable=False),
    Column("used", SECONDS),  # to the hour
)

# Keys by which people sign in without a provider (WebAuthn).
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Text, primary_key=True),  # of the credential, base64url
    Column(
        "person",
        Text,
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        info={"moves": True},
    ),
    Column("handle", Text, nullable=False, info={"export": False}),  # what the device calls its person
    Column("public_key", LargeBinary, nullable=False),
    Column("counter", BigInteger, nullable=False),  # of its signatures; devices that keep none say 0
    Column("transports", Text, nullable=False, info={"export": False}),  # as JSON
    Column("name", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("used", SECONDS),
)

# Who was asked whether they want one; nobody is asked twice.
passkey_offers = Table(
    "passkey_offers",
    metadata,
    Column("person", Text, ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Column("answered", SECONDS, nullable=False),
)
