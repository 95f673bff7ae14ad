"""Whether an ID token may be believed: OpenID Connect Core section 3.1.3.7, and what it leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from gateway.errors import ProviderRefusedError
from gateway.providers.keys import SigningKeys
from gateway.providers.signed_token import SKEW, is_identifier, opened, party_fault, time_fault

_TYPES = frozenset({"JWT"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an ID token has to say."""

    issuer: str
    client_id: str
    nonce: str | None  # None: of a refresh, where none is asked for (Core section 12.2)
    access_token: str | None
    now: int


def verify(token: str, keys: SigningKeys, wanted: Wanted) -> Mapping[str, object]:
    """The claims of a token that is genuine, ours, fresh and of this login; else ProviderRefusedError."""
    found = opened(token, keys, "ID token", _TYPES)
    _check(found.claims, found.header, wanted)
    return found.claims


def session_of(claims: Mapping[str, object]) -> str | None:
    """The provider's name of its own session (OpenID Connect Front-Channel Logout section 3)."""
    session = claims.get("sid")
    return session if isinstance(session, str) and is_identifier(session) else None


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
    fault = party_fault(claims, wanted.issuer, wanted.client_id)
    if fault is not None:
        return fault
    if "events" in claims:
        return "a logout token"  # OpenID Connect Back-Channel Logout section 2.4
    if not is_identifier(claims.get("sub")):
        return f"sub {claims.get('sub')!r:.60}"
    if not isinstance(claims.get("at_hash", ""), str):
        return "at_hash"
    return time_fault(claims, wanted.now)
