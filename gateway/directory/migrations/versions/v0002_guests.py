"""Guests' return codes, and the merges that were decided."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "return_codes",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("guest", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("ends", sa.Integer, nullable=False),
    )
    op.create_index("ix_return_codes_guest", "return_codes", ["guest"])
    op.create_table(
        "merges",
        sa.Column("loser", sa.Text, nullable=False),
        sa.Column("survivor", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("decided", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due", sa.Integer),
        sa.PrimaryKeyConstraint("loser", "book", "backend"),
    )
    op.create_index("ix_merges_due", "merges", ["due"])


def downgrade() -> None:
    for table in ("merges", "return_codes"):
        op.drop_table(table)
