"""A DPoP client of the tests: a key of its own, and proofs right or wrong in every part."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_NUMBERS = count()


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class ProofKey:
    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self._private = ec.generate_private_key(curve or ec.SECP256R1())
        numbers = self._private.public_key().public_numbers()
        size = (self._private.key_size + 7) // 8
        self.jwk: dict[str, object] = {
            "kty": "EC",
            "crv": "P-256",
            "x": base64url(numbers.x.to_bytes(size, "big")),
            "y": base64url(numbers.y.to_bytes(size, "big")),
        }

    @property
    def jkt(self) -> str:
        members = {name: self.jwk[name] for name in ("crv", "kty", "x", "y")}
        return base64url(sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    @property
    def private_part(self) -> str:
        return base64url(self._private.private_numbers().private_value.to_bytes(32, "big"))

    def proof(
        self,
        method: str,
        url: str,
        now: int,
        token: str | None = None,
        header: Mapping[str, object] | None = None,
        **claims: object,
    ) -> str:
        """header and claims replace what is right; a claim that is None is left out."""
        right: dict[str, object] = {
            "htm": method,
            "htu": url,
            "iat": now,
            "jti": f"proof-{next(_NUMBERS):08}",
        }
        if token is not None:
            right["ath"] = base64url(sha256(token.encode()).digest())
        said = {name: value for name, value in {**right, **claims}.items() if value is not None}
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk, **(header or {})}
        return self.signed(json.dumps(head).encode(), json.dumps(said).encode())

    def signed(self, header: bytes, claims: bytes) -> str:
        text = f"{base64url(header)}.{base64url(claims)}"
        r, s = decode_dss_signature(self._private.sign(text.encode(), ec.ECDSA(SHA256())))
        size = (self._private.key_size + 7) // 8
        return f"{text}.{base64url(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"
