"""A key by which learning platforms know a house."""

from functools import cache
from pathlib import Path

from joserfc.jwk import RSAKey


@cache
def _pem() -> bytes:
    return RSAKey.generate_key(2048).as_pem(private=True)


def write_tool_key(folder: Path) -> None:
    """Where a house in that folder looks for it."""
    keys = folder / "state" / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "lti").write_bytes(_pem())
