"""The keys that sign assertions: which one signs when, which ones are published, when the next is made.

Keys form a chain: each has one successor at most, whoever makes it. A successor is published before it signs,
so that every service knows it by then, and its predecessor until nothing that it signed is valid.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final, Protocol, Self, TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.identity import ALGORITHM, LIFE

PURPOSE: Final = "assertion-key"  # what the stored private keys are sealed for
# Seconds that a key is published after its last signature: the life of that, and what clocks and workers that
# look only once in a while may lag.
LINGER: Final = LIFE + 300


@dataclass(frozen=True, slots=True)
class Rotation:
    """Seconds: how long a key signs, and how long before that it is published."""

    every: int = 30 * 86400
    publish_before: int = 86400


class Scheduled(Protocol):
    """What signs from a second on (Unix time)."""

    @property
    def kid(self) -> str: ...
    @property
    def begins(self) -> int: ...


Key = TypeVar("Key", bound=Scheduled)


class StoredKey(Scheduled, Protocol):
    """A signing key as the directory keeps it. follows: a kid, empty for the first."""

    @property
    def sealed(self) -> bytes: ...
    @property
    def follows(self) -> str: ...


class KeyVault(Protocol):
    """Where all gateways of a site find the same keys: one JWKS everywhere."""

    async def signing_keys(self) -> Sequence[StoredKey]: ...
    async def add_signing_key(
        self, kid: str, sealed: bytes, *, created: int, begins: int, follows: str
    ) -> bool: ...


class Seal(Protocol):
    def seal(self, purpose: str, key: str, plain: bytes) -> bytes: ...
    def open(self, purpose: str, key: str, sealed: bytes) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ES256 key; `kid` is its RFC 7638 thumbprint. begins: Unix seconds; it signs from then on."""

    kid: str
    private: ec.EllipticCurvePrivateKey
    begins: int

    @classmethod
    def generate(cls, begins: int) -> Self:
        return cls.of(ec.generate_private_key(ec.SECP256R1()), begins)

    @classmethod
    def load(cls, der: bytes, begins: int) -> Self:
        private = serialization.load_der_private_key(der, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
            raise ValueError("a signing key is on P-256")
        return cls.of(private, begins)

    @classmethod
    def of(cls, private: ec.EllipticCurvePrivateKey, begins: int) -> Self:
        point = _point(private)
        canonical = f'{{"crv":"P-256","kty":"EC","x":"{point["x"]}","y":"{point["y"]}"}}'
        return cls(_base64url(sha256(canonical.encode()).digest()), private, begins)

    def dump(self) -> bytes:
        """PKCS 8, to be sealed before it is kept."""
        return self.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def jwk(self) -> dict[str, str]:
        return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": ALGORITHM, "kid": self.kid} | _point(
            self.private
        )


Ring = tuple[SigningKey, ...]


def in_order(keys: Sequence[SigningKey]) -> Ring:
    """By the time when they sign. Every gateway orders alike."""
    return tuple(sorted(keys, key=lambda key: (key.begins, key.kid)))


def signing(ring: Sequence[Key], now: float) -> Key:
    """The youngest that has begun. Before any has (a clock that is behind): the first."""
    return next((key for key in reversed(ring) if key.begins <= now), ring[0])


def published(ring: Sequence[Key], now: float) -> tuple[Key, ...]:
    """Those that sign now or later, and those whose signatures may still be valid."""
    ends = {key.kid: after.begins for key, after in pairwise(ring)}
    return tuple(key for key in ring if now < ends.get(key.kid, now + 1) + LINGER)


def is_due(stored: Sequence[Scheduled], rotation: Rotation, now: float) -> bool:
    """Whether the next key is to be made, so that it is published for long enough before it signs."""
    newest = max((key.begins for key in stored), default=0)
    return now >= newest + rotation.every - rotation.publish_before


def next_begins(stored: Sequence[Scheduled], rotation: Rotation, now: float) -> int:
    """When the next key is to sign: in its turn, and never before it was published for long enough."""
    newest = max((key.begins for key in stored), default=0)
    return max(newest + rotation.every, int(now) + rotation.publish_before)


def last_of(stored: Sequence[StoredKey]) -> str:
    """The kid that no key follows yet; empty: there is none at all."""
    followed = {key.follows for key in stored}
    return next((key.kid for key in reversed(stored) if key.kid not in followed), "")


async def make_next(
    vault: KeyVault, seal: Seal, stored: Sequence[StoredKey], *, now: int, begins: int
) -> bool:
    """The successor of the last key. False: another gateway has made it meanwhile."""
    key = SigningKey.generate(begins)
    sealed = seal.seal(PURPOSE, key.kid, key.dump())
    return await vault.add_signing_key(key.kid, sealed, created=now, begins=begins, follows=last_of(stored))


async def open_ring(vault: KeyVault, seal: Seal, now: int) -> Ring:
    """The site's keys; the first gateway ever to start makes one.

    Keys sealed with a root that is gone are left out: nobody can sign with them any more.
    """
    stored = await vault.signing_keys()
    ring = unsealed(stored, seal)
    if ring:
        return ring
    await make_next(vault, seal, stored, now=now, begins=now)
    return unsealed(await vault.signing_keys(), seal)  # another gateway may have made it


def unsealed(stored: Sequence[StoredKey], seal: Seal) -> Ring:
    """Those that open."""
    opened = ((seal.open(PURPOSE, kept.kid, kept.sealed), kept.begins) for kept in stored)
    return in_order([SigningKey.load(der, begins) for der, begins in opened if der is not None])


def _point(private: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = private.public_key().public_numbers()
    return {"x": _base64url(numbers.x.to_bytes(32)), "y": _base64url(numbers.y.to_bytes(32))}


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
