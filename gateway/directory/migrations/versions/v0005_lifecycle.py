"""What was decided about people, whom it is told to, and where they have been; merges become a part of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "places",
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("since", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("person", "origin", "book"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("survivor", sa.Text),
        sa.Column("decided", sa.Integer, nullable=False),
        sa.Column("undone", sa.Integer),
    )
    op.create_index("ix_decisions_person", "decisions", ["person"])
    op.create_index("ix_decisions_survivor", "decisions", ["survivor"])
    op.create_table(
        "orders",
        sa.Column("decision", sa.Text, _decision(), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due", sa.Integer),
        sa.Column("told", sa.Integer),
        sa.PrimaryKeyConstraint("decision", "number"),
    )
    op.create_index("ix_orders_person", "orders", ["person"])
    op.create_index("ix_orders_due", "orders", ["due"])
    op.create_table(
        "moved",
        sa.Column("decision", sa.Text, _decision(), nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("decision", "relation", "key"),
    )
    # A loser had one survivor, so its id names the decision.
    op.execute(
        sa.text(
            "INSERT INTO decisions (id, purpose, person, survivor, decided)"
            " SELECT 'guest-' || loser, 'merge', loser, min(survivor), min(decided)"
            " FROM merges GROUP BY loser"
        )
    )
    op.execute(
        sa.text(
            "INSERT INTO orders (decision, number, person, origin, book, backend, tries, due, told)"
            " SELECT 'guest-' || loser,"
            " row_number() OVER (PARTITION BY loser ORDER BY book, backend) - 1,"
            " loser, origin, book, backend, tries, due, CASE WHEN due IS NULL THEN decided END FROM merges"
        )
    )
    for who in ("loser", "survivor"):
        op.execute(
            sa.text(
                "INSERT INTO places (person, origin, book, since)"  # ruff: ignore[hardcoded-sql-expression]  # ours
                f" SELECT {who}, origin, book, min(decided) FROM merges GROUP BY {who}, origin, book"
            )
        )
    op.drop_table("merges")


def downgrade() -> None:
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
    op.execute(
        sa.text(
            "INSERT INTO merges (loser, survivor, origin, book, backend, decided, tries, due)"
            " SELECT orders.person, survivor, min(origin), book, backend, min(decided), min(tries), min(due)"
            " FROM orders JOIN decisions ON decisions.id = orders.decision"
            " WHERE purpose = 'merge' AND undone IS NULL AND orders.person <> ''"
            " GROUP BY orders.person, survivor, book, backend"
        )
    )
    for table in ("moved", "orders", "decisions", "places"):
        op.drop_table(table)


def _decision() -> sa.ForeignKey:
    return sa.ForeignKey("decisions.id", ondelete="CASCADE")
