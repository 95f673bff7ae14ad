"""When a signing key begins to sign, and which one it follows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.rename_table("signing_keys", "signing_keys_before")
    if (
        op.get_bind().dialect.name == "postgresql"
    ):  # there the index keeps its name, which the new table needs
        op.execute(sa.text("ALTER INDEX signing_keys_pkey RENAME TO signing_keys_before_pkey"))
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("begins", sa.Integer, nullable=False),
        sa.Column("follows", sa.Text, nullable=False, unique=True),
    )
    # Until now the oldest key signed and all were published: each has begun, in the order of their making.
    op.execute(
        sa.text(
            "INSERT INTO signing_keys (kid, sealed, created, begins, follows)"
            " SELECT kid, sealed, created, created,"
            " coalesce(lag(kid) OVER (ORDER BY created, kid), '') FROM signing_keys_before"
        )
    )
    op.drop_table("signing_keys_before")


def downgrade() -> None:
    with op.batch_alter_table("signing_keys") as table:
        table.drop_column("follows")
        table.drop_column("begins")
