"""What people hold themselves: passkeys, and personal tokens for scripts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "personal_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("person", sa.Text, _person(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("auth_time", sa.Integer, nullable=False),
        sa.Column("backends", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("ends", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer),
    )
    op.create_index("ix_personal_tokens_person", "personal_tokens", ["person"])
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, _person(), nullable=False),
        sa.Column("handle", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("transports", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer),
    )
    op.create_index("ix_passkeys_person", "passkeys", ["person"])
    op.create_table(
        "passkey_offers",
        sa.Column("person", sa.Text, _person(), primary_key=True),
        sa.Column("answered", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("passkey_offers", "passkeys", "personal_tokens"):
        op.drop_table(table)


def _person() -> sa.ForeignKey:
    return sa.ForeignKey("people.id", ondelete="CASCADE")
