"""A device with passkeys, as WebAuthn Level 3 has it, and as it would be if it lied."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "===")


@dataclass
class Authenticator:
    """One key. Whatever may be a lie is a field; None of `counter`: it counts by itself."""

    origin: str
    rp_id: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential: bytes = field(default_factory=lambda: token_bytes(16))
    flags: int = PRESENT | VERIFIED
    counter: int = 0
    handle: str | None = None
    kind: str | None = None  # what client data say it is for; None: the truth
    cross_origin: bool = False
    challenge: str | None = None  # another than the one that was asked
    attachment: str = "platform"

    def create(self, options: dict[str, object]) -> str:
        """`navigator.credentials.create`, as JSON."""
        user = options["user"]
        assert isinstance(user, dict)
        self.handle = user["id"]
        public = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32), -3: public.y.to_bytes(32)})
        attested = bytes(16) + len(self.credential).to_bytes(2) + self.credential + cose
        data = self._data(ATTESTED) + attested
        response = {
            "clientDataJSON": encoded(self._client_data("webauthn.create", options)),
            "attestationObject": encoded(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal"],
        }
        return self._json(response)

    def get(self, options: dict[str, object]) -> str:
        """`navigator.credentials.get`, as JSON."""
        data, client = self._data(0), self._client_data("webauthn.get", options)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": encoded(client),
            "authenticatorData": encoded(data),
            "signature": encoded(signature),
            "userHandle": self.handle,
        }
        return self._json(response)

    def _data(self, more: int) -> bytes:
        flags = bytes([self.flags | more])
        return sha256(self.rp_id.encode()).digest() + flags + self.counter.to_bytes(4)

    def _client_data(self, kind: str, options: dict[str, object]) -> bytes:
        said = {
            "type": self.kind or kind,
            "challenge": self.challenge or options["challenge"],
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return json.dumps(said).encode()

    def _json(self, response: Mapping[str, object]) -> str:
        return json.dumps(
            {
                "id": encoded(self.credential),
                "rawId": encoded(self.credential),
                "type": "public-key",
                "authenticatorAttachment": self.attachment,
                "clientExtensionResults": {},
                "response": {name: value for name, value in response.items() if value is not None},
            }
        )
