"""The private keys by which the gateway shows others which client it is, and what it signs with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

LIFE: Final = 60  # seconds that an assertion is good for
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA_BITS: Final = 2048


class ClientKeyError(ValueError):
    """A text that holds no private key that may be used; the message says why, and nothing of the key."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A private key. kid: its RFC 7638 thumbprint, or what the provider calls it."""

    kid: str
    alg: str
    key: ECKey | RSAKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """The first signs; all are published, so that a provider knows the next one before it is used."""

    keys: tuple[ClientKey, ...]

    def jwks(self) -> Mapping[str, object]:
        """The public halves (RFC 7517 section 5)."""
        return {"keys": [_public(each) for each in self.keys]}

    def named(self, kid: str) -> "ClientKeys":
        """The same, the first under the name that the provider gave it."""
        return ClientKeys((replace(self.keys[0], kid=kid), *self.keys[1:]))

    def assertion(self, client_id: str, audience: str, now: int, jti: str) -> str:
        """Who asks (RFC 7523 section 3). jti: fresh and random: it counts once. now: Unix seconds."""
        claims = {"iss": client_id, "sub": client_id, "aud": audience, "jti": jti}
        return self.signed({**claims, "iat": now, "exp": now + LIFE})

    def secret(self, team: str, client_id: str, audience: str, now: int) -> str:
        """A signed client secret, as Apple takes it (developer.apple.com, "Creating a client secret")."""
        claims = {"iss": team, "sub": client_id, "aud": audience}
        return self.signed({**claims, "iat": now, "exp": now + LIFE})

    def signed(self, claims: Mapping[str, object]) -> str:
        """A JWT of the claims as they are, by the first key."""
        first = self.keys[0]
        header = {"alg": first.alg, "kid": first.kid, "typ": "JWT"}
        return jws.serialize_compact(header, orjson.dumps(claims), first.key, algorithms=[first.alg])


def parse_client_keys(text: str) -> ClientKeys:
    """The keys of PEM blocks, one after the other: EC (P-256, P-384, P-521) or RSA of 2048 bits and more.

    Raises ClientKeyError.
    """
    found = tuple(_parsed(match.group(0)) for match in _PEM.finditer(text))
    if not found:
        raise ClientKeyError("it holds no PEM block of a private key")
    if len({each.kid for each in found}) < len(found):
        raise ClientKeyError("it holds one key twice")
    return ClientKeys(found)


def _parsed(pem: str) -> ClientKey:
    try:
        private = load_pem_private_key(pem.encode(), None)
    except TypeError:
        raise ClientKeyError("the key is locked with a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ClientKeyError("the key is broken, or of a kind that nobody here knows") from None
    match private:
        case EllipticCurvePrivateKey(curve=curve) if curve.name in _CURVES:
            elliptic = ECKey.import_key(pem)
            return ClientKey(elliptic.thumbprint(), _CURVES[curve.name], elliptic)
        case RSAPrivateKey(key_size=bits) if bits >= _RSA_BITS:
            rsa = RSAKey.import_key(pem)
            return ClientKey(rsa.thumbprint(), "RS256", rsa)
        case _:
            raise ClientKeyError(f"it takes EC on P-256, P-384 or P-521, or RSA of {_RSA_BITS} bits")


def _public(each: ClientKey) -> Mapping[str, object]:
    return {**each.key.as_dict(private=False), "kid": each.kid, "alg": each.alg, "use": "sig"}
