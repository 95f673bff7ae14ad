"""Learning platforms that registered themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_SECONDS = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "lti_platforms",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("books", sa.Text),
        sa.Column("scores", sa.Boolean, nullable=False),
        sa.Column("invitation", sa.Text, unique=True),
        sa.Column("ends", _SECONDS),
        sa.Column("client_id", sa.Text),
        sa.Column("deployments", sa.Text),
        sa.Column("authorization_endpoint", sa.Text),
        sa.Column("token_endpoint", sa.Text),
        sa.Column("jwks_uri", sa.Text),
    )


def downgrade() -> None:
    op.drop_table("lti_platforms")
