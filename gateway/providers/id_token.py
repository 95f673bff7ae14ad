"""Whether an ID token may be believed: OpenID Connect Core section 3.1.3.7, and what it leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from gateway.errors import ProviderRefusedError
from gateway.providers.contract import Expected
from gateway.providers.keys import SigningKeys
from gateway.providers.signed_token import SKEW, is_identifier, opened, party_fault, time_fault

_TYPES = frozenset({"JWT"})
_ON_THE_WAY = 600  # seconds that a person may take there: as long as a login may take


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


def authentication_fault(
    claims: Mapping[str, object], expected: Expected, now: int, *, told: bool
) -> str | None:
    """What is wrong with when and how somebody proved who they are; None: it is as it was asked for.

    now: Unix seconds. told: whether this provider says when.
    """
    if expected.max_age is not None and told:
        # Core section 3.1.2.1: with max_age the time is there; a provider that did not ask shows an old one.
        auth_time = claims.get("auth_time")
        if not isinstance(auth_time, int | float) or now - auth_time > expected.max_age + _ON_THE_WAY:
            return f"auth_time {auth_time!r:.40}, wanted at most {expected.max_age} seconds ago"
    if expected.acr_values and claims.get("acr") not in expected.acr_values:
        return f"acr {claims.get('acr')!r:.100}"
    return None


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
