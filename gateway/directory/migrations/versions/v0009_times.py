"""Times outlive 2038: an INTEGER has 32 bits in PostgreSQL, up to 64 in SQLite already."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TIMES = {
    "people": ("created", "seen"),
    "identities": ("created", "seen"),
    "approvals": ("approved", "used"),
    "return_codes": ("ends",),
    "signing_keys": ("created", "begins"),
    "revocations": ("at", "ends"),
    "marks": ("not_before",),
    "origin_entries": ("since", "trusted_since"),
    "places": ("since",),
    "decisions": ("decided", "undone"),
    "orders": ("due", "told"),
    "classes": ("created", "archived"),
    "class_members": ("joined",),
    "class_cards": ("printed",),
    "personal_tokens": ("auth_time", "created", "ends", "used"),
    "passkeys": ("created", "used"),
    "passkey_offers": ("answered",),
    "participation": ("answered",),
}


def upgrade() -> None:
    _alter(sa.Integer(), sa.BigInteger())


def downgrade() -> None:
    _alter(sa.BigInteger(), sa.Integer())


def _alter(before: sa.Integer, now: sa.Integer) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in _TIMES.items():
        for column in columns:
            op.alter_column(table, column, existing_type=before, type_=now)
