"""A provider's signing keys: those of its JWKS (RFC 7517) that we know how to take."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from gateway.errors import ProviderUnavailableError

# Our own list, never the metadata's: no `none`, no HMAC (the public key would be its secret).
ALGORITHMS = MappingProxyType(
    {
        "ES256": "P-256",
        "ES384": "P-384",
        "ES512": "P-521",
        "RS256": "RSA",
        "RS384": "RSA",
        "RS512": "RSA",
        "PS256": "RSA",
        "PS384": "RSA",
        "PS512": "RSA",
    }
)
_CURVES = frozenset({"P-256", "P-384", "P-521"})
_MOST = 100  # keys that are looked at
_RSA_BYTES = range(256, 1025)  # modulus: 2048 to 8192 bits


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key. kind: a curve's name, or RSA. issuer: the only one that it signs for; None: not said."""

    kid: str | None
    alg: str | None
    kind: str
    key: RSAKey | ECKey
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class SigningKeys:
    keys: tuple[SigningKey, ...]

    def fitting(self, kid: str | None, alg: str) -> list[SigningKey]:
        """The keys that a header may mean; an algorithm fits one kind of key (RFC 8725 section 3.1)."""
        return [
            key
            for key in self.keys
            if key.kind == ALGORITHMS.get(alg) and key.alg in {None, alg} and kid in {None, key.kid}
        ]


def parse_jwks(document: Mapping[str, object]) -> SigningKeys:
    """The usable keys; others are passed over, so that one new curve breaks nobody's login."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ProviderUnavailableError("a JWKS without keys")
    found = (_signing_key(entry) for entry in entries[:_MOST] if isinstance(entry, dict))
    return SigningKeys(tuple(key for key in found if key is not None))


def _signing_key(entry: Mapping[str, object]) -> SigningKey | None:
    if entry.get("use", "sig") != "sig" or "d" in entry:  # a private key that was published signs nothing
        return None
    try:
        found = _public_key(entry)
    except (JoseError, ValueError):
        return None
    if found is None:
        return None
    # A set that many organisations share says whose each key is (learn.microsoft.com, "Claims validation").
    kid, alg, issuer = (_text(entry.get(name)) for name in ("kid", "alg", "issuer"))
    return SigningKey(kid, alg, *found, issuer)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _public_key(entry: Mapping[str, object]) -> tuple[str, RSAKey | ECKey] | None:
    match entry:
        case {"kty": "RSA", "n": str(n), "e": str(e)} if len(urlsafe_b64decode(n.encode())) in _RSA_BYTES:
            return "RSA", RSAKey.import_key({"kty": "RSA", "n": n, "e": e})
        case {"kty": "EC", "crv": str(crv), "x": str(x), "y": str(y)} if crv in _CURVES:
            return crv, ECKey.import_key({"kty": "EC", "crv": crv, "x": x, "y": y})
        case _:
            return None
