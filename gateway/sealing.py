"""How ids are hashed and values sealed: Redis learns neither what a browser holds nor what it stands for."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Self, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Token = Callable[[int], bytes]
Record = TypeVar("Record", bound=msgspec.Struct)

ROOT_BYTES: Final = 32
SLOT_CHARS: Final = 16
_SLOT_BYTES: Final = 12
_NAME_BYTES: Final = 12
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


OnMissing = Callable[[str], bool]


def key_id(root: bytes) -> str:
    """What tells one root from another, and nothing about it: eight hexadecimal digits, for people."""
    return derive(root, "key id", _KEY_ID_BYTES).hex()


@dataclass(frozen=True, slots=True)
class _Ring:
    """Root keys by id, the one that seals first, and what was made of them already."""

    roots: Mapping[bytes, bytes]
    ciphers: dict[tuple[bytes, str], AESGCMSIV] = field(default_factory=dict)
    keys: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, roots: Sequence[bytes]) -> Self:
        if any(len(root) < ROOT_BYTES for root in roots):
            raise ValueError("a root key has at least 32 bytes")
        return cls({bytes.fromhex(key_id(root)): root for root in dict.fromkeys(roots)})

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        made = self.keys.get(purpose)
        if made is None:
            made = tuple(derive(root, purpose) for root in self.roots.values())
            self.keys[purpose] = made
        return made

    def cipher(self, kid: bytes, purpose: str) -> AESGCMSIV:
        cipher = self.ciphers.get((kid, purpose))
        if cipher is None:
            cipher = AESGCMSIV(derive(self.roots[kid], f"seal {purpose}"))
            self.ciphers[kid, purpose] = cipher
        return cipher


class Sealer:
    """Seals with the root key, opens with it or a previous one: the header says which.

    AES-256-GCM-SIV (RFC 8452): a nonce that repeats reveals no more than that two values are equal.

    on_missing: told the id of a key that sealed what came and that is not in the ring; answers whether the
    ring has it now. before_slots: called before a person's slots are told, which must be all of them.
    on_replace: called when there are other keys.
    """

    def __init__(self, root: bytes, previous: Sequence[bytes], token: Token) -> None:
        self._ring = _Ring.of((root, *previous))
        self._token = token
        self.on_missing: OnMissing = _stays_missing
        self.on_replace: list[Callable[[], None]] = []
        self.before_slots: Callable[[], None] = _as_it_is

    def replace(self, root: bytes, previous: Sequence[bytes]) -> None:
        """Other keys from now on. ValueError: one is too short, and all stay what they were."""
        self._ring = _Ring.of((root, *previous))
        for on_replace in self.on_replace:
            on_replace()

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The keys of the ring; the first seals."""
        return tuple(kid.hex() for kid in self._ring.roots)

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """A key of each root for one purpose; the first is today's, the others are still accepted."""
        return self._ring.derived(purpose)

    def seal(self, purpose: str, key: str, plain: bytes) -> bytes:
        """`plain` under lock, of use only for this purpose and under this store key."""
        ring = self._ring
        kid = next(iter(ring.roots))
        nonce = self._token(_NONCE_BYTES)
        return _VERSION + kid + nonce + ring.cipher(kid, purpose).encrypt(nonce, plain, _bound(purpose, key))

    def open(self, purpose: str, key: str, sealed: bytes) -> bytes | None:
        """What was sealed; None: not ours, tampered with, moved from another key, or its root is not here."""
        if len(sealed) < _HEADER_BYTES or not sealed.startswith(_VERSION):
            return None
        kid = sealed[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES]
        if kid not in self._ring.roots and not self.on_missing(kid.hex()):
            return None
        ring = self._ring  # after the call, which may have put another here
        if kid not in ring.roots:
            return None
        nonce, box = sealed[len(_VERSION) + _KEY_ID_BYTES : _HEADER_BYTES], sealed[_HEADER_BYTES:]
        try:
            return ring.cipher(kid, purpose).decrypt(nonce, box, _bound(purpose, key))
        except InvalidTag:
            return None

    def is_current(self, sealed: bytes) -> bool:
        """Whether today's key sealed it."""
        return sealed.startswith(_VERSION + next(iter(self._ring.roots)))

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
        self.before_slots()
        return tuple(_slots(self.derived("slot"), person))

    def name_for_logs(self, person: str) -> str:
        """What a log line says instead of a person: the same for as long as the root key is."""
        return encoded(hmac.digest(self.derived("person in logs")[0], person.encode(), sha256)[:_NAME_BYTES])

    def has_slot(self, person: str, slot: str) -> bool:
        """Whether it is one of the person's, by the ring as it is: asked at every load."""
        return slot in _slots(self.derived("slot"), person)


def _slots(keys: Sequence[bytes], person: str) -> Generator[str]:
    for key in keys:
        yield encoded(hmac.digest(key, person.encode(), sha256)[:_SLOT_BYTES])


def _stays_missing(_: str) -> bool:
    return False


def _as_it_is() -> None:
    pass


def _bound(purpose: str, key: str) -> bytes:
    """The additional data: a sealed value moved to another key or purpose does not open there."""
    return purpose.encode() + b"\x00" + key.encode()
