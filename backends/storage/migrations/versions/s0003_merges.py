"""Whose work became whose, and which versions came along."""

import sqlalchemy as sa
from alembic import op

revision = "s0003"
down_revision = "s0002"


def upgrade() -> None:
    # copied, not added to: a column behind the body would make every list read through the bodies
    with op.batch_alter_table("versions", recreate="always") as versions:
        versions.add_column(sa.Column("came_from", sa.String(200), nullable=True), insert_before="body")
    op.create_table(
        "merges",
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("book", sa.String(200), nullable=False),
        sa.Column("survivor", sa.String(200), nullable=False),
        sa.Column("merged", sa.BigInteger, nullable=False),
        sa.Column("items", sa.BigInteger, nullable=False),
        sa.Column("before", sa.LargeBinary, nullable=False),
        sa.Column("emptied", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("person", "book"),
    )
    op.create_index("merges_emptied", "merges", ["emptied", "merged"])


def downgrade() -> None:
    op.drop_table("merges")
    with op.batch_alter_table("versions") as versions:
        versions.drop_column("came_from")
