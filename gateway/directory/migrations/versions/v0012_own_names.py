"""Names that people chose themselves; and every answer to a study, not only the newest."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SECONDS = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_COPY = """
INSERT INTO participation (person, study, answer, answered)
SELECT person, study, answer, answered FROM participation_before
"""
_ONLY_THE_NEWEST = """
DELETE FROM participation WHERE answered < (
  SELECT max(answered) FROM participation AS later
  WHERE later.person = participation.person AND later.study = participation.study
)
"""


def upgrade() -> None:
    op.add_column("people", sa.Column("named", _SECONDS))
    _participation("person", "study", "answered")


def downgrade() -> None:
    op.execute(_ONLY_THE_NEWEST)
    _participation("person", "study")
    op.drop_column("people", "named")


def _participation(*key: str) -> None:
    """The same rows under another key, which SQLite cannot change in place."""
    op.rename_table("participation", "participation_before")
    op.create_table(
        "participation",
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("study", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("answered", _SECONDS, nullable=False),
        sa.PrimaryKeyConstraint(*key),
    )
    op.execute(_COPY)
    op.drop_table("participation_before")
