"""How ids are hashed and values sealed: Redis learns neither what a browser holds nor what it stands for."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Token = Callable[[int], bytes]
Record = TypeVar("Record", bound=msgspec.Struct)

ROOT_BYTES: Final = 32
SLOT_CHARS: Final = 16
_VERSION: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12  # RFC 8452: AES-GCM-SIV takes 96 bits
_HEADER_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES


def derive(root: bytes, purpose: str, length: int = 32) -> bytes:
    """A key of its own for each purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), length, salt=None, info=b"bookgate " + purpose.encode()).derive(root)


def encoded(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def hashed(text: str) -> str:
    """SHA-256 as 43 base64url characters. For ids of 256 random bits: nothing to guess, so no key."""
    return encoded(sha256(text.encode()).digest())


class Sealer:
    """Seals with the root key, opens with it or a previous one: the header says which.

    AES-256-GCM-SIV (RFC 8452): a nonce that repeats reveals no more than that two values are equal.
    """

    def __init__(self, root: bytes, previous: tuple[bytes, ...], token: Token) -> None:
        if any(len(key) < ROOT_BYTES for key in (root, *previous)):
            raise ValueError("a root key has at least 32 bytes")
        self._current = derive(root, "key id", _KEY_ID_BYTES)
        self._roots = {derive(key, "key id", _KEY_ID_BYTES): key for key in (*previous, root)}
        self._slot_keys = tuple(derive(key, "slot") for key in (root, *previous))
        self._ciphers: dict[tuple[bytes, str], AESGCMSIV] = {}
        self._token = token

    def seal(self, purpose: str, key: str, plain: bytes) -> bytes:
        """`plain` under lock, of use only for this purpose and under this store key."""
        nonce = self._token(_NONCE_BYTES)
        box = self._cipher(self._current, purpose).encrypt(nonce, plain, _bound(purpose, key))
        return _VERSION + self._current + nonce + box

    def open(self, purpose: str, key: str, sealed: bytes) -> bytes | None:
        """What was sealed; None: not ours, tampered with, moved from another key, or its root is gone."""
        if len(sealed) < _HEADER_BYTES or not sealed.startswith(_VERSION):
            return None
        key_id = sealed[1 : 1 + _KEY_ID_BYTES]
        if key_id not in self._roots:
            return None
        nonce, box = sealed[1 + _KEY_ID_BYTES : _HEADER_BYTES], sealed[_HEADER_BYTES:]
        try:
            return self._cipher(key_id, purpose).decrypt(nonce, box, _bound(purpose, key))
        except InvalidTag:
            return None

    def seal_record(self, purpose: str, key: str, record: msgspec.Struct) -> bytes:
        return self.seal(purpose, key, msgspec.msgpack.encode(record))

    def open_record(self, purpose: str, key: str, sealed: bytes, kind: type[Record]) -> Record | None:
        """None also for a record whose form is not today's: it ends, it is not guessed at."""
        plain = self.open(purpose, key, sealed)
        if plain is None:
            return None
        try:
            return msgspec.msgpack.decode(plain, type=kind)
        except msgspec.DecodeError:
            return None

    def slots(self, person: str) -> tuple[str, ...]:
        """The person's slot: what keeps all of one person's keys on one Redis node. The first is today's,
        the others belong to previous roots and still have sessions.
        """
        return tuple(
            encoded(hmac.digest(key, person.encode(), sha256))[:SLOT_CHARS] for key in self._slot_keys
        )

    def _cipher(self, key_id: bytes, purpose: str) -> AESGCMSIV:
        cipher = self._ciphers.get((key_id, purpose))
        if cipher is None:
            cipher = AESGCMSIV(derive(self._roots[key_id], f"seal {purpose}"))
            self._ciphers[key_id, purpose] = cipher
        return cipher


def _bound(purpose: str, key: str) -> bytes:
    """The additional data: a sealed value moved to another key or purpose does not open there."""
    return purpose.encode() + b"\x00" + key.encode()
