"""What ended sessions, marks, and since when origins are granted what they are."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


_START = {
    "sqlite": "INSERT INTO sqlite_sequence (name, seq) VALUES ('revocations', :start)",
    "postgresql": "SELECT setval('revocations_id_seq', :start)",
}


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("place", sa.Text),
        sa.Column("value", sa.BigInteger),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("ends", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_revocations_ends", "revocations", ["ends"])
    op.create_index("ix_revocations_target", "revocations", ["target", "kind"])
    # Redis remembers up to which row it was told: those of a directory that is made anew must lie above.
    start = sa.text(_START[op.get_bind().dialect.name])
    op.execute(start.bindparams(start=time.time_ns() // 1000))
    op.create_table(
        "marks",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("not_before", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("kind", "target"),
    )
    op.create_table(
        "origin_entries",
        sa.Column("entry", sa.Text, primary_key=True),
        sa.Column("trust", sa.Text, nullable=False),
        sa.Column("expires", sa.Text),
        sa.Column("since", sa.Integer, nullable=False),
        sa.Column("trusted_since", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("ix_origin_entries_version", "origin_entries", ["version"])


def downgrade() -> None:
    for table in ("origin_entries", "marks", "revocations"):
        op.drop_table(table)
