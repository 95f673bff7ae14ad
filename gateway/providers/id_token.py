"""Whether an ID token may be believed: OpenID Connect Core section 3.1.3.7, and what it leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from authlib.oidc.core import CodeIDToken
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from gateway.errors import ProviderRefusedError
from gateway.providers.keys import ALGORITHMS, SigningKey, SigningKeys

LONGEST = 64 * 1024  # characters of a token
SKEW = 30  # seconds that clocks may differ
OLDEST = 600  # seconds since `iat`: the token was made for this very exchange

# Where a key could come from that is not the issuer's JWKS (Core section 2), and extensions: we know none.
_FOREIGN = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an ID token has to say."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None
    now: int


class UnknownKeyError(ProviderRefusedError):
    """No key of the set fits the token's header: the keys may have been rotated."""


def verify(token: str, keys: SigningKeys, wanted: Wanted) -> Mapping[str, object]:
    """The claims of a token that is genuine, ours, fresh and of this login; else ProviderRefusedError."""
    header = _header(token)
    alg = str(header.get("alg"))
    if alg not in ALGORITHMS:
        raise ProviderRefusedError(f"ID token: alg {alg[:40]!r}")
    foreign = _FOREIGN & header.keys()
    if foreign:
        raise ProviderRefusedError(f"ID token: header has {sorted(foreign)}")
    if str(header.get("typ", "JWT")).upper() != "JWT":  # RFC 8725 section 3.11: logout tokens, access tokens
        raise ProviderRefusedError(f"ID token: typ {header.get('typ')!r:.60}")
    kid = header.get("kid")
    fitting = keys.fitting(kid if isinstance(kid, str) else None, alg)
    if not fitting:
        raise UnknownKeyError(f"ID token: no key {kid!r:.100} for {alg}")
    claims = _claims(_payload(token, fitting, alg))
    _check(claims, header, wanted)
    return claims


def _header(token: str) -> Mapping[str, object]:
    if len(token) > LONGEST or not token.isascii() or token.count(".") != 2:
        raise ProviderRefusedError("ID token: not a JWS")  # 4 dots: encrypted, which was never agreed
    try:
        header = orjson.loads(urlsafe_b64decode(token.partition(".")[0].encode()))
    except ValueError as error:
        raise ProviderRefusedError("ID token: the header is not JSON") from error
    if not isinstance(header, dict):
        raise ProviderRefusedError("ID token: header is no object")
    return header


def _payload(token: str, fitting: list[SigningKey], alg: str) -> bytes:
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = LONGEST  # theirs is 512 bytes
    for each in fitting:
        try:
            return jws.deserialize_compact(token.encode(), each.key, registry=registry).payload or b""
        except (JoseError, ValueError) as error:
            failure = error
    raise ProviderRefusedError(f"ID token: {failure!r:.200}") from failure


def _claims(payload: bytes) -> Mapping[str, object]:
    try:
        claims = orjson.loads(payload)  # refuses NaN and infinite numbers
    except orjson.JSONDecodeError as error:
        raise ProviderRefusedError("ID token: the payload is not JSON") from error
    if not isinstance(claims, dict):
        raise ProviderRefusedError("ID token: the payload is no object")
    return claims


def _check(claims: Mapping[str, object], header: Mapping[str, object], wanted: Wanted) -> None:
    """Our own rules first: authlib's take a foreign audience when azp fits, and a logout token.

    Theirs are azp, nonce, at_hash, exp and nbf.
    """
    fault = _own_fault(claims, wanted)
    if fault is not None:
        raise ProviderRefusedError(f"ID token: {fault}")
    standard = CodeIDToken(
        dict(claims),
        dict(header),
        params={
            "client_id": wanted.client_id,
            "nonce": wanted.nonce,
            "access_token": wanted.access_token,
        },
    )
    try:
        standard.validate(now=wanted.now, leeway=SKEW)
    except JoseError as error:
        raise ProviderRefusedError(f"ID token: {error!r:.200}") from error


def _own_fault(claims: Mapping[str, object], wanted: Wanted) -> str | None:
    if claims.get("iss") != wanted.issuer:
        return f"iss {claims.get('iss')!r:.200}"
    # More audiences than us are not trusted (Core section 3.1.3.7, rule 3).
    if claims.get("aud") not in (wanted.client_id, [wanted.client_id]):
        return f"aud {claims.get('aud')!r:.200}"
    if "events" in claims:
        return "a logout token"  # OpenID Connect Back-Channel Logout section 2.4
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # Core section 2
        return f"sub {subject!r:.60}"
    if not isinstance(claims.get("at_hash", ""), str):
        return "at_hash"
    return _time_fault(claims, wanted.now)


def _time_fault(claims: Mapping[str, object], now: int) -> str | None:
    times = {name: _time(claims.get(name)) for name in ("exp", "iat", "nbf", "auth_time") if name in claims}
    if None in times.values() or not times.keys() >= {"exp", "iat"}:
        return f"times {times}"
    issued = times["iat"] or 0
    if not now - OLDEST <= issued <= now + SKEW:
        return f"iat {issued}, now {now}"
    if (times.get("auth_time") or 0) > now + SKEW:
        return f"auth_time {times['auth_time']}, now {now}"
    return None


def _time(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        return None
    return int(value)
