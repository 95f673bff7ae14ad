"""A book in token mode: its key, and a fresh proof (RFC 9449) for each request."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.dpop import Jwk, thumbprint
from gateway.sealing import encoded

_numbers = count()


class ProofKey:
    """Proofs of one key."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        numbers = self._private.public_key().public_numbers()
        self._jwk = {"kty": "EC", "crv": "P-256", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}

    @property
    def jkt(self) -> str:
        return thumbprint(Jwk("EC", "P-256", self._jwk["x"], self._jwk["y"]))

    def proof(self, method: str, url: str, token: str) -> str:
        claims = {
            "jti": f"bench-{next(_numbers):010}",
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "ath": encoded(sha256(token.encode()).digest()),
        }
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self._jwk}
        text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self._private.sign(text.encode(), ec.ECDSA(SHA256())))
        return f"{text}.{encoded(r.to_bytes(32) + s.to_bytes(32))}"


@dataclass(frozen=True, slots=True)
class TokenSession:
    """A session in token mode and the key that its token is bound to."""

    key: ProofKey
    token: str


def heads(sessions: Sequence[TokenSession], public_url: str, origin: str, number: int) -> Iterator[bytes]:
    """So many requests, the sessions in turn, each with a proof of its own."""
    host = public_url.partition("//")[2]
    for each in range(number):
        session = sessions[each % len(sessions)]
        proof = session.key.proof("GET", f"{public_url}/app/json", session.token)
        yield (
            f"GET /app/json?q={each} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n"
            f"Referer: {origin}/chapter/items?page={each}\r\nAccept: application/json, text/plain, */*\r\n"
            "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0\r\n"
            f"Authorization: DPoP {session.token}\r\nDPoP: {proof}\r\n\r\n"
        ).encode()


def _coordinate(number: int) -> str:
    return encoded(number.to_bytes(32))
