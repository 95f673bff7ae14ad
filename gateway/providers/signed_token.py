"""Whether an issuer signed a token: a JWS in compact form (RFC 7515), and what all of its tokens must say."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from gateway.errors import ProviderRefusedError
from gateway.providers.issuers import is_issuer, tenant_of
from gateway.providers.keys import ALGORITHMS, SigningKey, SigningKeys

LONGEST = 64 * 1024  # characters of a token
SKEW = 30  # seconds that clocks may differ
OLDEST = 600  # seconds since `iat`: the token was made for this very exchange

# Where a key could come from that is not the issuer's JWKS (Core section 2), and extensions: we know none.
_FOREIGN = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"})


class UnknownKeyError(ProviderRefusedError):
    """No key of the set fits the token's header: the keys may have been rotated."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A token whose signature is the issuer's; nothing of what it says is proved by that."""

    header: Mapping[str, object]
    claims: Mapping[str, object]


def opened(token: str, keys: SigningKeys, kind: str, types: frozenset[str]) -> Opened:
    """The token's header and claims, or ProviderRefusedError.

    kind: how refusals call it. types: the `typ` that it may have, in upper case; none counts as JWT. One
    kind of token must never pass for another (RFC 8725 section 3.11).
    """
    header = _header(token, kind)
    alg = str(header.get("alg"))
    if alg not in ALGORITHMS:
        raise ProviderRefusedError(f"{kind}: alg {alg[:40]!r}")
    foreign = _FOREIGN & header.keys()
    if foreign:
        raise ProviderRefusedError(f"{kind}: header has {sorted(foreign)}")
    if str(header.get("typ", "JWT")).upper() not in types:
        raise ProviderRefusedError(f"{kind}: typ {header.get('typ')!r:.60}")
    kid = header.get("kid")
    fitting = keys.fitting(kid if isinstance(kid, str) else None, alg)
    if not fitting:
        raise UnknownKeyError(f"{kind}: no key {kid!r:.100} for {alg}")
    key, payload = _payload(token, fitting, alg, kind)
    claims = _claims(payload, kind)
    if key.issuer is not None and not is_issuer(key.issuer, claims.get("iss")):
        raise ProviderRefusedError(f"{kind}: the key is another issuer's")
    return Opened(header, claims)


def _header(token: str, kind: str) -> Mapping[str, object]:
    if len(token) > LONGEST or not token.isascii() or token.count(".") != 2:
        raise ProviderRefusedError(f"{kind}: not a JWS")  # 4 dots: encrypted, which was never agreed
    try:
        header = orjson.loads(urlsafe_b64decode(token.partition(".")[0].encode()))
    except ValueError as error:
        raise ProviderRefusedError(f"{kind}: the header is not JSON") from error
    if not isinstance(header, dict):
        raise ProviderRefusedError(f"{kind}: header is no object")
    return header


def _payload(token: str, fitting: list[SigningKey], alg: str, kind: str) -> tuple[SigningKey, bytes]:
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = LONGEST  # theirs is 512 bytes
    for each in fitting:
        try:
            signed = jws.deserialize_compact(token.encode(), each.key, registry=registry)
        except (JoseError, ValueError) as error:
            failure = error
        else:
            return each, signed.payload or b""
    raise ProviderRefusedError(f"{kind}: {failure!r:.200}") from failure


def _claims(payload: bytes, kind: str) -> Mapping[str, object]:
    try:
        claims = orjson.loads(payload)  # refuses NaN and infinite numbers
    except orjson.JSONDecodeError as error:
        raise ProviderRefusedError(f"{kind}: the payload is not JSON") from error
    if not isinstance(claims, dict):
        raise ProviderRefusedError(f"{kind}: the payload is no object")
    return claims


def party_fault(claims: Mapping[str, object], issuer: str, client_id: str) -> str | None:
    """Whose token it is and for whom; None: this issuer's, for us alone."""
    said = claims.get("iss")
    if not is_issuer(issuer, said):
        return f"iss {said!r:.200}"
    tenant = tenant_of(issuer, str(said))
    if tenant is not None and claims.get("tid") != tenant:
        return f"tid {claims.get('tid')!r:.100} of {tenant}"
    # More audiences than us are not trusted (Core section 3.1.3.7, rule 3).
    if claims.get("aud") not in (client_id, [client_id]):
        return f"aud {claims.get('aud')!r:.200}"
    return None


def time_fault(claims: Mapping[str, object], now: int) -> str | None:
    """What is wrong with the token's times; None: made just now, and not over. now: Unix seconds."""
    times = {name: _time(claims.get(name)) for name in ("exp", "iat", "nbf", "auth_time") if name in claims}
    if None in times.values() or not times.keys() >= {"exp", "iat"}:
        return f"times {times}"
    issued = times["iat"] or 0
    if not now - OLDEST <= issued <= now + SKEW:
        return f"iat {issued}, now {now}"
    if (times["exp"] or 0) <= now - SKEW:
        return f"exp {times['exp']}, now {now}"
    for name in ("nbf", "auth_time"):
        if (times.get(name) or 0) > now + SKEW:
            return f"{name} {times[name]}, now {now}"
    return None


def is_identifier(value: object) -> bool:
    """Whether a claim can stand for somebody or something (Core section 2: `sub` has 255 characters)."""
    return isinstance(value, str) and 0 < len(value) <= 255


def _time(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        return None
    return int(value)
