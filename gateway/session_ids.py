"""The form of ids, keys and tokens: what a browser holds, and under what the store has it.

An issued id is `SECRET.SLOT`; its key `SLOT.HASH` is what the rest of the house passes around. The slot says
which Redis node has all of that person's keys, so that one look reads a session, its parent and the epoch.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from gateway.sealing import SLOT_CHARS, Token, encoded, hashed

_SECRET_BYTES: Final = 32
_HASH_CHARS: Final = 22  # 132 bits of SHA-256
_RANDOM: Final = "[A-Za-z0-9_-]{43}"
_SLOT: Final = f"[A-Za-z0-9_-]{{{SLOT_CHARS}}}"
_HASH: Final = f"[A-Za-z0-9_-]{{{_HASH_CHARS}}}"
_ISSUED: Final = re.compile(f"({_RANDOM})\\.({_SLOT})")
_BOOK: Final = re.compile(f"({_RANDOM}\\.({_SLOT}))(?:\\.({_HASH}))?")
_BEARER: Final = re.compile(f"({_RANDOM})\\.({_SLOT})\\.({_HASH})(?:\\.({_HASH}))?")
_KEY: Final = re.compile(f"({_SLOT})\\.({_HASH})")


def short_hash(text: str) -> str:
    return hashed(text)[:_HASH_CHARS]


def provider_session(issuer: str, session: str) -> str:
    """How a session at a provider is kept: by a hash of its `sid`, which is unique at its issuer alone."""
    return hashed(f"{issuer} {session}")  # an issuer is a URL: there is no blank in it


@dataclass(frozen=True, slots=True)
class Issued:
    """An id of ours and its key."""

    id: str
    key: str

    @classmethod
    def mint(cls, slot: str, token: Token) -> Self:
        return cls._of(f"{encoded(token(_SECRET_BYTES))}.{slot}", slot)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = _ISSUED.fullmatch(text)
        return None if found is None else cls._of(text, found[2])

    @classmethod
    def _of(cls, text: str, slot: str) -> Self:
        return cls(text, f"{slot}.{short_hash(text)}")


def book_id(issued: Issued, parent_key: str | None) -> str:
    """What a book's cookie holds: it names the parent too, so that both are read at once.

    parent_key: None of a guest's session.
    """
    return issued.id + _parent_part(parent_key)


def parse_book_id(text: str) -> tuple[str, str | None] | None:
    """The keys of a book session and of its parent."""
    found = _BOOK.fullmatch(text)
    if found is None:
        return None
    issued, slot, parent = found.groups()
    return f"{slot}.{short_hash(issued)}", _parent_key(slot, parent)


def _parent_part(parent_key: str | None) -> str:
    return "" if parent_key is None else f".{parent_key.partition('.')[2]}"


def _parent_key(slot: str, found: str | None) -> str | None:
    return None if found is None else f"{slot}.{found}"


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access or refresh token: it lives as a field of its book session, and ends with it."""

    id: str
    key: str
    parent_key: str | None
    field: str  # without the letter of its kind

    @classmethod
    def mint(cls, key: str, parent_key: str | None, token: Token) -> Self:
        slot, _, book = key.partition(".")
        secret = encoded(token(_SECRET_BYTES))
        text = f"{secret}.{slot}.{book}{_parent_part(parent_key)}"
        return cls(text, key, parent_key, short_hash(secret))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = _BEARER.fullmatch(text)
        if found is None:
            return None
        secret, slot, book, parent = found.groups()
        return cls(text, f"{slot}.{book}", _parent_key(slot, parent), short_hash(secret))


def slot_of(key: str) -> str:
    return key.partition(".")[0]


def store_key(kind: str, key: str) -> str:
    """Where the store has it; the braces keep a slot on one node of a cluster."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError("not a key of ours")
    return f"{kind}:{{{found[1]}}}:{found[2]}"
