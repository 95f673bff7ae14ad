"""Whose events became whose."""

import sqlalchemy as sa
from alembic import op

revision = "a0002"
down_revision = "a0001"


def upgrade() -> None:
    op.add_column("events", sa.Column("came_from", sa.String, nullable=True))
    op.create_table(
        "merges",
        sa.Column("pseudonym", sa.String(200), nullable=False),
        sa.Column("survivor", sa.String(200), nullable=False),
        sa.Column("merged", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("pseudonym"),
    )


def downgrade() -> None:
    op.drop_table("merges")
    with op.batch_alter_table("events") as events:
        events.drop_column("came_from")
