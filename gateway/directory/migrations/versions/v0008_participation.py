"""What people answered to studies."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "participation",
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("study", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("person", "study"),
    )


def downgrade() -> None:
    op.drop_table("participation")
