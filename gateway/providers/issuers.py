"""Whether an issuer is the one that a block names: byte for byte, or any organisation of one service."""

import re
from typing import Final

from gateway.provider_presets import TENANT

# An organisation's id, which is never ambiguous: lower case, as the service writes it.
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def is_issuer(configured: str, said: object) -> bool:
    """Whether `said` is the issuer that a block names (OpenID Connect Core section 3.1.3.7, rule 2)."""
    if not isinstance(said, str):
        return False
    return tenant_of(configured, said) is not None if is_shared(configured) else said == configured


def is_shared(configured: str) -> bool:
    """Whether many organisations issue at this place."""
    return TENANT in configured


def tenant_of(configured: str, said: str) -> str | None:
    """The organisation's id in an issuer of a shared place; None: there is none."""
    before, found, after = configured.partition(TENANT)
    if not found or not said.startswith(before) or not said.endswith(after):
        return None
    tenant = said[len(before) : len(said) - len(after)]
    return tenant if _ID.fullmatch(tenant) else None
