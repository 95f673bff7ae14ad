"""Gradebooks of learning platforms, and where a course's people are listed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_SECONDS = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("classes", sa.Column("memberships", sa.Text))
    op.create_table(
        "line_items",
        sa.Column("person", sa.Text, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("page", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("launched", _SECONDS, nullable=False),
        sa.Column("points", sa.Float),
        sa.Column("maximum", sa.Float),
        sa.Column("comment", sa.Text),
        sa.Column("scored", _SECONDS),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due", _SECONDS, index=True),
        sa.PrimaryKeyConstraint("person", "origin", "page"),
    )


def downgrade() -> None:
    op.drop_table("line_items")
    op.drop_column("classes", "memberships")
