"""Which change of its shelf was an item's last one, for devices that ask what changed."""

import sqlalchemy as sa
from alembic import op

revision = "s0004"
down_revision = "s0003"

# what was there before counts as changed in the order in which it was written
NUMBERED = """
UPDATE items SET changed = numbered.number FROM (
    SELECT person, book, course, id,
           row_number() OVER (PARTITION BY person, book ORDER BY updated, course, id) AS number
    FROM items
) AS numbered
WHERE items.person = numbered.person AND items.book = numbered.book
  AND items.course = numbered.course AND items.id = numbered.id
"""
COUNTED = """
UPDATE shelves SET sequence = (
    SELECT count(*) FROM items WHERE items.person = shelves.person AND items.book = shelves.book
)
"""


def upgrade() -> None:
    op.add_column("items", sa.Column("changed", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("shelves", sa.Column("epoch", sa.String(16), nullable=False, server_default=""))
    op.add_column("shelves", sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("shelves", sa.Column("horizon", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(NUMBERED)
    op.execute(COUNTED)
    op.create_index("items_changed", "items", ["person", "book", "changed"])


def downgrade() -> None:
    op.drop_index("items_changed", "items")
    op.drop_column("items", "changed")
    for column in ("horizon", "sequence", "epoch"):
        op.drop_column("shelves", column)
