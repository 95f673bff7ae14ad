"""Whether a logout token may be believed: OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import ProviderRefusedError
from gateway.providers.keys import SigningKeys
from gateway.providers.signed_token import is_identifier, opened, party_fault, time_fault

EVENT = "http://schemas.openid.net/event/backchannel-logout"
# Section 2.4 recommends the first; providers that are older than that advice send the second or none.
_TYPES = frozenset({"LOGOUT+JWT", "JWT"})


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Whom a provider signed out: the session where it names one, else the subject wherever they are.

    At least one of the two is there.
    """

    issuer: str
    subject: str | None
    session: str | None  # the claim `sid`, unique at this issuer
    id: str  # the claim `jti`


def verify(token: str, keys: SigningKeys, issuer: str, client_id: str, now: int) -> LogoutToken:
    """What a token says that is genuine, for us and fresh; else ProviderRefusedError.

    now: Unix seconds. Whether the token came before is for the caller to know (section 2.6, rule 8).
    """
    claims = opened(token, keys, "logout token", _TYPES).claims
    fault = (
        party_fault(claims, issuer, client_id)
        or time_fault(claims, now)
        or _event_fault(claims)
        or _name_fault(claims)
    )
    if fault is not None:
        raise ProviderRefusedError(f"logout token: {fault}")
    return LogoutToken(
        str(claims["iss"]), _text(claims.get("sub")), _text(claims.get("sid")), str(claims["jti"])
    )


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) else None


def _event_fault(claims: Mapping[str, object]) -> str | None:
    if "nonce" in claims:
        return "a nonce"  # prohibited, so that no logout token passes for an ID token
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        return f"events {events!r:.200}"
    return None


def _name_fault(claims: Mapping[str, object]) -> str | None:
    if not is_identifier(claims.get("jti")):
        return f"jti {claims.get('jti')!r:.60}"
    named = [name for name in ("sub", "sid") if name in claims]
    if not named:
        return "neither sub nor sid"
    odd = [name for name in named if not is_identifier(claims[name])]
    return f"{odd[0]} {claims[odd[0]]!r:.60}" if odd else None
