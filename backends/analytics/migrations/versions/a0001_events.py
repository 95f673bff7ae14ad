"""Events."""

import sqlalchemy as sa
from alembic import op

revision = "a0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("pseudonym", sa.String(200), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("t", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=True),
        sa.Column("session", sa.String(200), nullable=True),
        sa.Column("page", sa.String(1000), nullable=True),
        sa.Column("item", sa.String(200), nullable=True),
        sa.Column("item_kind", sa.String(200), nullable=True),
        sa.Column("attempt", sa.BigInteger, nullable=True),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("book", sa.String(200), nullable=False),
        sa.Column("classes", sa.String, nullable=False),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", "id"),
    )


def downgrade() -> None:
    op.drop_table("events")
