"""The signed identity: the key ring, the signer that keeps an assertion for half of its life, the JWKS."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol, Self

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.identity import (
    ALGORITHM,
    INTERNAL_TYPE,
    LIFE,
    TYPE,
    ClaimValue,
    Identity,
    Merge,
    assertion_header,
    claims,
    merge_claims,
)
from gateway.routes import Backend

PURPOSE: Final = "assertion-key"  # what the stored private keys are sealed for
KEPT: Final = 20_000  # assertions in memory; beyond it the oldest go
_SIGN: Final = ec.ECDSA(hashes.SHA256())


class StoredKey(Protocol):
    """A signing key as the directory keeps it."""

    @property
    def kid(self) -> str: ...
    @property
    def sealed(self) -> bytes: ...
    @property
    def created(self) -> int: ...


class KeyVault(Protocol):
    """Where all gateways of a site find the same keys: one JWKS everywhere."""

    async def signing_keys(self) -> Sequence[StoredKey]: ...
    async def add_signing_key(self, kid: str, sealed: bytes, created: int) -> None: ...


class Seal(Protocol):
    def seal(self, purpose: str, key: str, plain: bytes) -> bytes: ...
    def open(self, purpose: str, key: str, sealed: bytes) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ES256 key; `kid` is its RFC 7638 thumbprint."""

    kid: str
    private: ec.EllipticCurvePrivateKey
    created: int

    @classmethod
    def generate(cls, created: int) -> Self:
        return cls.of(ec.generate_private_key(ec.SECP256R1()), created)

    @classmethod
    def load(cls, der: bytes, created: int) -> Self:
        private = serialization.load_der_private_key(der, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
            raise ValueError("a signing key is on P-256")
        return cls.of(private, created)

    @classmethod
    def of(cls, private: ec.EllipticCurvePrivateKey, created: int) -> Self:
        point = _point(private)
        canonical = f'{{"crv":"P-256","kty":"EC","x":"{point["x"]}","y":"{point["y"]}"}}'
        return cls(_base64url(sha256(canonical.encode()).digest()), private, created)

    def dump(self) -> bytes:
        """PKCS 8, to be sealed before it is kept."""
        return self.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def jwk(self) -> dict[str, str]:
        return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": ALGORITHM, "kid": self.kid} | _point(
            self.private
        )


async def open_ring(vault: KeyVault, seal: Seal, now: int) -> tuple[SigningKey, ...]:
    """The site's keys; the first gateway ever to start makes one.

    Keys sealed with a root that is gone are left out: nobody can sign with them any more.
    """
    ring = _unseal(await vault.signing_keys(), seal)
    if ring:
        return ring
    first = SigningKey.generate(now)
    await vault.add_signing_key(first.kid, seal.seal(PURPOSE, first.kid, first.dump()), now)
    return _unseal(await vault.signing_keys(), seal)  # another gateway may have made one meanwhile


class Assertions:
    """Signs with the oldest key of the ring, which every JWKS has held longest."""

    def __init__(
        self,
        keys: Sequence[SigningKey],
        issuer: str,
        clock: Callable[[], float],
        token: Callable[[int], bytes],
        research_cap: int,
    ) -> None:
        self._keys = tuple(keys)
        self._key = min(keys, key=lambda key: (key.created, key.kid))
        self._issuer = issuer
        self._clock = clock
        self._token = token
        self._cap = research_cap
        self._head = self._head_of(TYPE)
        self._internal_head = self._head_of(INTERNAL_TYPE)
        self._made: dict[tuple[Identity, str, str], tuple[float, str]] = {}

    def header_for(self, identity: Identity, backend: Backend, generation: str) -> tuple[str, str]:
        """Name and value of the identity header; the same token for half of its life.

        generation: of the policy, so that a changed one is in the next request's assertion.
        """
        key = (identity, backend.name, generation)
        now = self._clock()
        kept = self._made.get(key)
        if kept is None or not 0 <= now - kept[0] < LIFE / 2:
            kept = (now, self._sign(identity, backend, int(now)))
            self._keep(key, kept)
        return assertion_header(backend.assertion, kept[1])

    def merge_header(self, merge: Merge, backend: Backend) -> tuple[str, str]:
        """Name and value of the identity header of a call that the gateway makes for itself."""
        said = merge_claims(
            merge,
            issuer=self._issuer,
            audience=_audience(backend),
            now=int(self._clock()),
            jti=_base64url(self._token(16)),
        )
        return assertion_header(backend.assertion, self._signed(self._internal_head, said))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """RFC 7517: every key of the ring, public halves only."""
        return {"keys": [key.jwk() for key in self._keys]}

    def _keep(self, key: tuple[Identity, str, str], made: tuple[float, str]) -> None:
        self._made.pop(key, None)  # to the end: insertion order is age
        if len(self._made) >= KEPT:
            del self._made[next(iter(self._made))]
        self._made[key] = made

    def _sign(self, identity: Identity, backend: Backend, now: int) -> str:
        said = claims(
            identity,
            backend.assertion,
            issuer=self._issuer,
            audience=_audience(backend),
            cap=self._cap,
            now=now,
            jti=_base64url(self._token(16)),
        )
        return self._signed(self._head, said)

    def _head_of(self, kind: str) -> str:
        return _base64url(msgspec.json.encode({"alg": ALGORITHM, "kid": self._key.kid, "typ": kind}))

    def _signed(self, head: str, said: Mapping[str, ClaimValue]) -> str:
        signed = f"{head}.{_base64url(msgspec.json.encode(said))}"
        r, s = decode_dss_signature(self._key.private.sign(signed.encode(), _SIGN))
        return f"{signed}.{_base64url(r.to_bytes(32) + s.to_bytes(32))}"  # RFC 7518 section 3.4


def _audience(backend: Backend) -> str:
    return backend.assertion.audience or backend.name


def _unseal(stored: Sequence[StoredKey], seal: Seal) -> tuple[SigningKey, ...]:
    opened = ((seal.open(PURPOSE, kept.kid, kept.sealed), kept.created) for kept in stored)
    return tuple(SigningKey.load(der, created) for der, created in opened if der is not None)


def _point(private: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = private.public_key().public_numbers()
    return {"x": _base64url(numbers.x.to_bytes(32)), "y": _base64url(numbers.y.to_bytes(32))}


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
