"""Personal tokens: their form, which scanners of secrets know, and what one is good for.

`bg_`, 43 characters of 256 random bits, 6 of a checksum. Only its hash is kept anywhere.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from gateway.errors import InvalidTokenError
from gateway.sealing import Token, hashed

PREFIX: Final = "bg_"
DAY: Final = 86400
LIVES: Final = (7, 30, 90, 365)  # days
TOKENS: Final = 20  # of one person
NAME: Final = 60  # characters

_SECRET_BYTES: Final = 32
_SECRET: Final = 43  # characters that hold them
_CHECKSUM: Final = 6
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN: Final = re.compile(f"{PREFIX}([0-9A-Za-z]{{{_SECRET}}})([0-9A-Za-z]{{{_CHECKSUM}}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A token that was just found alive.

    name: of the person. provider: the way in of the sign-in that made it, and auth_time that sign-in's.
    origin, book: whose work it reaches; both empty: that of no book. ends: Unix seconds.
    """

    id: str
    person: str
    name: str | None
    provider: str
    auth_time: int
    backends: frozenset[str]
    origin: str
    book: str
    ends: int

    @property
    def ended_by(self) -> tuple[str, ...]:
        """By what an open stream of it is found; no key of a session looks like it."""
        return (f"token:{self.id}",)


def mint(token: Token) -> str:
    """token: gives so many random bytes."""
    secret = _digits(int.from_bytes(token(_SECRET_BYTES)), _SECRET)
    return f"{PREFIX}{secret}{_checksum(secret)}"


def hash_of(text: str) -> str:
    """Under what the directory knows a token.

    InvalidTokenError: it is none, which its checksum tells without a question to the directory (and a scanner
    of secrets without one to us): CRC-32 in base 62, as GitHub's tokens have it.
    """
    found = _TOKEN.fullmatch(text)
    if found is None or _checksum(found[1]) != found[2]:
        raise InvalidTokenError("not of the form of a token")
    return hashed(text)


def parse_name(text: str) -> str | None:
    """What a person calls a token, on one line; None: nothing that could be read."""
    name = " ".join(text.split())
    return name if 0 < len(name) <= NAME and name.isprintable() else None


def parse_life(text: str) -> int | None:
    """Seconds; None: not one of `LIVES`."""
    return next((days * DAY for days in LIVES if text == str(days)), None)


def parse_backends(chosen: Collection[str], offered: Collection[str]) -> frozenset[str] | None:
    """None: none, or one that takes no tokens."""
    return frozenset(chosen) if chosen and set(chosen) <= set(offered) else None


def _checksum(secret: str) -> str:
    return _digits(crc32(secret.encode()), _CHECKSUM)


def _digits(number: int, length: int) -> str:
    text = ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text
