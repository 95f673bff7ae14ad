"""Whether a DPoP proof (RFC 9449) fits a request: the key, the method, the address, the time, the token."""

import hmac
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.errors import InvalidProofError, UseNonceError
from gateway.sealing import encoded

MAX_PROOF: Final = 2048
NONCE: Final = "dpop nonce"  # the purpose of the keys that nonces are made with
SKEW: Final = 60  # seconds to each side
NONCE_LIFE: Final = 120  # with SKEW: no proof is good for longer than its jti is remembered
KEYS: Final = 4096  # headers of proofs that are at hand, read
_VERIFY: Final = ECDSA(SHA256())
_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_JTI: Final = re.compile(r"[\x21-\x7e]{8,128}")
_NONCE_BYTES: Final = 24  # 8 of time, 16 of its MAC

T = TypeVar("T")


class Jwk(msgspec.Struct, frozen=True):
    """A public P-256 key (RFC 7518 section 6.2.1)."""

    kty: str
    crv: str
    x: str
    y: str
    d: object | msgspec.UnsetType = msgspec.UNSET  # the private part: must not be there


class _Header(msgspec.Struct, frozen=True):
    typ: str
    alg: str
    jwk: Jwk
    crit: object | msgspec.UnsetType = msgspec.UNSET


class _Claims(msgspec.Struct, frozen=True):
    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str | None = None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """jkt: thumbprint of the key that signed; jti: what tells this proof from its replay."""

    jkt: str
    jti: str
    iat: int


def verify(
    lines: Sequence[str],
    method: str,
    url: str,
    now: int,
    *,
    access_token: str | None,
    nonce_keys: Sequence[bytes],
) -> Proof:
    """Every check of RFC 9449 section 4.3 but the replay of jti, which needs memory.

    url: as the client sees it, without query and fragment. access_token: what the proof must be for; None: at
    the token endpoint. nonce_keys: a nonce by any of them is taken, the first makes new ones.
    UseNonceError: all is well but the clock.
    """
    if len(lines) != 1:
        raise InvalidProofError(f"{len(lines)} DPoP headers")
    key, claims = _signed(lines[0])
    if claims.htm != method or claims.htu != url:
        raise InvalidProofError("the proof is for another request")
    if not _JTI.fullmatch(claims.jti):
        raise InvalidProofError("jti is not of 8 to 128 visible characters")
    ath = None if access_token is None else encoded(sha256(access_token.encode()).digest())
    if ath is not None and claims.ath != ath:
        raise InvalidProofError("the proof is for another token")
    # Only a client whose clock is off needs a nonce (section 8); an old one beside a good time does no harm.
    if abs(now - claims.iat) > SKEW and not any(_good_nonce(claims.nonce, key, now) for key in nonce_keys):
        raise UseNonceError(mint_nonce(nonce_keys[0], now), "the client's clock is off")
    return Proof(key.jkt, claims.jti, int(claims.iat))


def thumbprint(jwk: Jwk) -> str:
    """RFC 7638 section 3: the required members in alphabetical order, without blanks."""
    text = json.dumps({"crv": jwk.crv, "kty": jwk.kty, "x": jwk.x, "y": jwk.y}, separators=(",", ":"))
    return encoded(sha256(text.encode()).digest())


def mint_nonce(nonce_key: bytes, now: int) -> str:
    """A nonce that needs no memory: our time and its MAC."""
    time = now.to_bytes(8, "big")
    return encoded(time + _mac(nonce_key, time))


def _good_nonce(nonce: str | None, nonce_key: bytes, now: int) -> bool:
    data = None if nonce is None else _decoded(nonce)
    if (
        data is None
        or len(data) != _NONCE_BYTES
        or not hmac.compare_digest(data[8:], _mac(nonce_key, data[:8]))
    ):
        return False
    return 0 <= now - int.from_bytes(data[:8], "big") <= NONCE_LIFE


def _mac(nonce_key: bytes, time: bytes) -> bytes:
    return hmac.digest(nonce_key, b"dpop nonce " + time, sha256)[:16]


@dataclass(frozen=True, slots=True)
class _Key:
    """Of a proof's header."""

    public: EllipticCurvePublicKey
    jkt: str


def _signed(proof: str) -> tuple[_Key, _Claims]:
    """Key and claims of a compact JWS (RFC 7515) whose signature is good under its own key."""
    parts = proof.split(".")
    if len(proof) > MAX_PROOF or len(parts) != 3:
        raise InvalidProofError("not a compact JWS of at most 2 KB")
    key, claims = _key(parts[0]), _parsed(parts[1], _Claims)
    signature = _decoded(parts[2])
    if signature is None or len(signature) != 64:
        raise InvalidProofError("the signature has not 64 bytes")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.public.verify(encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), _VERIFY)
    except InvalidSignature as error:
        raise InvalidProofError("the signature") from error
    return key, claims


@lru_cache(KEYS)
def _key(part: str) -> _Key:
    """The header of a book's proofs is always the same, and nothing in it is secret."""
    header = _parsed(part, _Header)
    if header.typ != "dpop+jwt" or header.alg != "ES256" or header.crit is not msgspec.UNSET:
        raise InvalidProofError("typ, alg or crit of the proof")
    return _Key(_public(header.jwk), thumbprint(header.jwk))


def _public(jwk: Jwk) -> EllipticCurvePublicKey:
    if jwk.kty != "EC" or jwk.crv != "P-256" or jwk.d is not msgspec.UNSET:
        raise InvalidProofError("the key is not a public one on P-256")
    x, y = (_decoded(part) if _COORDINATE.fullmatch(part) else None for part in (jwk.x, jwk.y))
    if x is None or y is None:
        raise InvalidProofError("the key's coordinates")
    numbers = EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), SECP256R1())
    try:
        return numbers.public_key()
    except ValueError as error:
        raise InvalidProofError("a point that is not on the curve") from error


def _parsed(part: str, kind: type[T]) -> T:
    data = _decoded(part)
    if data is None:
        raise InvalidProofError("not base64url")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidProofError("header or claims are not of the proof's form") from error


def _decoded(text: str) -> bytes | None:
    """Strict base64url (RFC 7515 section 2): no padding, one spelling for each value."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if encoded(data) == text else None
