"""Items, their versions, shelves and first results."""

import sqlalchemy as sa
from alembic import op

revision = "s0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("book", sa.String(200), nullable=False),
        sa.Column("course", sa.String(200), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("last_revision", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("content_type", sa.String(200), nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("person", "book", "course", "id"),
    )
    op.create_index("items_deleted", "items", ["deleted"])
    op.create_table(
        "versions",
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("book", sa.String(200), nullable=False),
        sa.Column("course", sa.String(200), nullable=False),
        sa.Column("item", sa.String(200), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("base", sa.BigInteger, nullable=True),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("content_type", sa.String(200), nullable=False),
        sa.Column("saved", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("person", "book", "course", "item", "revision"),
    )
    op.create_table(
        "shelves",
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("book", sa.String(200), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("versions", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person", "book"),
    )
    op.create_table(
        "replays",
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("book", sa.String(200), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("outcome", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person", "book", "key"),
    )
    op.create_index("replays_created", "replays", ["created"])


def downgrade() -> None:
    for table in ("replays", "shelves", "versions", "items"):
        op.drop_table(table)
