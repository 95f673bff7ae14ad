"""Whom somebody was before merges is found by who they are now."""

from alembic import op

revision = "s0005"
down_revision = "s0004"


def upgrade() -> None:
    op.create_index("merges_survivor", "merges", ["survivor", "book"])


def downgrade() -> None:
    op.drop_index("merges_survivor", "merges")
