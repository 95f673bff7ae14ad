"""People, identities, approvals and the key ring."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
    )
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("person", sa.Text, _person(), nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_identities_person", "identities", ["person"])
    op.create_table(
        "approvals",
        sa.Column("person", sa.Text, _person(), nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("approved", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("person", "origin"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("signing_keys", "approvals", "identities", "people"):
        op.drop_table(table)


def _person() -> sa.ForeignKey:
    return sa.ForeignKey("people.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")
