"""Classes, who is in them, and the cards by which people without e-mail come in."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "classes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("archived", sa.Integer),
        sa.Column("platform", sa.Text),
        sa.Column("context", sa.Text),
        sa.UniqueConstraint("platform", "context", "book", name="uq_classes_context"),
    )
    op.create_table(
        "class_members",
        sa.Column("class_id", sa.Text, _class(), nullable=False),
        sa.Column("person", sa.Text, _person(), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("joined", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("class_id", "person"),
    )
    op.create_index("ix_class_members_person", "class_members", ["person"])
    op.create_table(
        "class_cards",
        sa.Column("class_id", sa.Text, _class(), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("found_by", sa.Text, nullable=False),
        sa.Column("proved_by", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("person", sa.Text, _person()),
        sa.Column("printed", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("class_id", "number"),
    )
    op.create_index("ix_class_cards_found_by", "class_cards", ["found_by"])
    op.create_index("ix_class_cards_person", "class_cards", ["person"])


def downgrade() -> None:
    for table in ("class_cards", "class_members", "classes"):
        op.drop_table(table)


def _class() -> sa.ForeignKey:
    return sa.ForeignKey("classes.id", ondelete="CASCADE")


def _person() -> sa.ForeignKey:
    return sa.ForeignKey("people.id", ondelete="CASCADE")
