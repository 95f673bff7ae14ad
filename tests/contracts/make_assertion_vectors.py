"""Writes assertion.json: the vectors that every verifier of the gateway's assertion must agree with.

Run `python tests/contracts/make_assertion_vectors.py`. The key is made up, derived from a constant, and
signatures are deterministic (RFC 6979), so that a run changes nothing unless the contract changed.
"""

import json
from base64 import urlsafe_b64encode
from hmac import digest
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.identity import LIFE, TYPE, Caller, Identity, claims
from gateway.routes import AssertionRule
from gateway.signing_keys import SigningKey

CLOCK = 1_790_000_000
ISSUER = "https://gw.example.edu"
AUDIENCE = "storage"
FILE = Path(__file__).with_name("assertion.json")

_KEY = SigningKey.of(ec.derive_private_key(0xB00C6A7E << 200, ec.SECP256R1()), CLOCK)
_STRANGER = SigningKey.of(ec.derive_private_key(0xBAD << 230, ec.SECP256R1()), CLOCK)


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header: dict[str, object], payload: dict[str, object]) -> str:
    parts = (json.dumps(part, separators=(",", ":"), sort_keys=True).encode() for part in (header, payload))
    return ".".join(encode(part) for part in parts)


def es256(payload: dict[str, object], key: SigningKey = _KEY, **header: object) -> str:
    head = {"alg": "ES256", "kid": _KEY.kid, "typ": TYPE} | header
    text = unsigned(head, payload)
    der = key.private.sign(text.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return f"{text}.{encode(r.to_bytes(32) + s.to_bytes(32))}"


def hs256(payload: dict[str, object]) -> str:
    """Key confusion: an HMAC with the public key as its secret."""
    text = unsigned({"alg": "HS256", "kid": _KEY.kid, "typ": TYPE}, payload)
    secret = json.dumps(_KEY.jwk()).encode()
    return f"{text}.{encode(digest(secret, text.encode(), 'sha256'))}"


def tampered(token: str, **changed: object) -> str:
    head, _, signature = token.split(".")
    payload = unsigned({}, good() | changed).partition(".")[2]
    return f"{head}.{payload}.{signature}"


def good() -> dict[str, object]:
    caller = Caller("slot.key", "person-1", "Ada", "campus", "https://books.example.edu", CLOCK - 600)
    said = claims(
        Identity(caller, "person-1", "books.example.edu"),
        AssertionRule(),
        issuer=ISSUER,
        audience=AUDIENCE,
        cap=1,
        now=CLOCK,
        jti="AAAAAAAAAAAAAAAAAAAAAA",
    )
    return dict(said)


def vectors() -> list[dict[str, object]]:
    said = good()
    late = said | {"iat": CLOCK - LIFE - 31, "exp": CLOCK - 31}
    skewed = said | {"iat": CLOCK - LIFE - 29, "exp": CLOCK - 29}
    accepted = [("good", es256(said)), ("expired within 30 s of skew", es256(skewed))]
    refused = [
        ("expired", es256(late)),
        ("issued in the future", es256(said | {"iat": CLOCK + 31, "exp": CLOCK + 31 + LIFE})),
        ("wrong aud", es256(said | {"aud": "analytics"})),
        ("wrong iss", es256(said | {"iss": "https://gw.example.net"})),
        ("wrong typ", es256(said, typ="bookgate-internal+jwt")),
        ("no sub", es256({name: value for name, value in said.items() if name != "sub"})),
        ("no exp", es256({name: value for name, value in said.items() if name != "exp"})),
        ("wrong alg", hs256(said)),
        ("unsigned", unsigned({"alg": "none", "kid": _KEY.kid, "typ": TYPE}, said) + "."),
        ("signature cut off", es256(said).rpartition(".")[0] + "."),
        ("unknown kid", es256(said, kid="nobody")),
        ("another key under our kid", es256(said, _STRANGER)),
        ("key embedded in the header", es256(said, _STRANGER, jwk=_STRANGER.jwk())),
        ("unknown critical header", es256(said, crit=["b64"], b64=False)),
        ("payload changed", tampered(es256(said), sub="person-2")),
        ("not a token", "good"),
    ]
    return [
        *({"name": name, "token": token, "accepted": True} for name, token in accepted),
        *({"name": name, "token": token, "accepted": False} for name, token in refused),
    ]


def document() -> dict[str, object]:
    return {
        "clock": CLOCK,
        "skew": 30,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "typ": TYPE,
        "jwks": {"keys": [_KEY.jwk()]},
        "claims": good(),
        "vectors": vectors(),
    }


def main() -> None:
    FILE.write_text(json.dumps(document(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
