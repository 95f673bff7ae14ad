"""What the levels above 1 keep, who is no reader, and the events of a book by their time."""

import sqlalchemy as sa
from alembic import op

revision = "a0003"
down_revision = "a0002"

KEPT = (
    ("correct", sa.Boolean()),
    ("score", sa.Float()),
    ("dur_ms", sa.BigInteger()),
    ("code_sha", sa.String(64)),
    ("error_type", sa.String(100)),
    ("error_line", sa.BigInteger()),
    ("answer", sa.String()),
    ("error", sa.String()),
    ("delta", sa.String()),
    ("x", sa.String()),
)


def upgrade() -> None:
    for name, kind in KEPT:
        op.add_column("events", sa.Column(name, kind, nullable=True))
    op.add_column("events", sa.Column("staff", sa.Boolean, nullable=True))
    # Who had a role then had it written down; who taught had not, and is in the counts of that time.
    events = sa.table("events", sa.column("staff", sa.Boolean), sa.column("roles", sa.String))
    op.execute(events.update().values(staff=events.c.roles != "[]"))
    with op.batch_alter_table("events") as table:
        table.alter_column("staff", existing_type=sa.Boolean(), nullable=False)
    op.create_index("events_of_a_book", "events", ["book", "t"])


def downgrade() -> None:
    op.drop_index("events_of_a_book", "events")
    with op.batch_alter_table("events") as table:
        table.drop_column("staff")
        for name, _ in reversed(KEPT):
            table.drop_column(name)
