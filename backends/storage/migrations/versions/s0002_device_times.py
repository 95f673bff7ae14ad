"""When the writer's device says that a version was made."""

import sqlalchemy as sa
from alembic import op

revision = "s0002"
down_revision = "s0001"


def upgrade() -> None:
    # copied, not added to: a column behind the body would make every list read through the bodies
    with op.batch_alter_table("versions", recreate="always") as versions:
        versions.add_column(sa.Column("client_ts", sa.BigInteger, nullable=True), insert_before="body")


def downgrade() -> None:
    with op.batch_alter_table("versions") as versions:
        versions.drop_column("client_ts")
