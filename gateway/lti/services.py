"""What a launch says of the platform's services, and how a token for them is asked for.

1EdTech Security Framework 1.0, section 4.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from gateway.errors import ProviderUnavailableError
from gateway.lti_platforms import ServiceAccess
from gateway.providers.addresses import acceptable

# LTI Names and Role Provisioning Services 2.0, section 3; Assignment and Grade Services 2.0, section 3.1
MEMBERS_SCOPE: Final = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
SCORE_SCOPE: Final = "https://purl.imsglobal.org/spec/lti-ags/scope/score"

_MEMBERS_CLAIM: Final = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
_GRADES_CLAIM: Final = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
_USUAL_LIFE: Final = 3600  # seconds of a token whose platform does not say (Security Framework section 4.1.1)
_LONGEST_LIFE: Final = 86400
_LARGEST_TOKEN: Final = 8192  # characters


@dataclass(frozen=True, slots=True)
class Services:
    """Addresses that a launch names. memberships: of the course's people. line_item: of the link's column in
    the gradebook. None: there is none, or none that we may use.
    """

    memberships: str | None = None
    line_item: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """life: seconds that it is good for."""

    text: str
    life: int


def read_services(claims: Mapping[str, object], issuer: str) -> Services:
    """What the claims of a launch name; addresses that may not be called are none."""
    members, grades = claims.get(_MEMBERS_CLAIM), claims.get(_GRADES_CLAIM)
    found = members if isinstance(members, dict) else {}
    versions, memberships = found.get("service_versions"), found.get("context_memberships_url")
    scores = grades if isinstance(grades, dict) else {}
    scopes, line_item = scores.get("scope"), scores.get("lineitem")
    return Services(
        memberships=memberships if _lists(versions, "2.0") and acceptable(memberships, issuer) else None,
        line_item=line_item if _lists(scopes, SCORE_SCOPE) and acceptable(line_item, issuer) else None,
    )


def token_claims(client_id: str, access: ServiceAccess, jti: str) -> Mapping[str, object]:
    """Who asks for a token (Security Framework section 4.1.1). jti: fresh and random."""
    return {"iss": client_id, "sub": client_id, "aud": access.audience, "jti": jti}


def token_request(assertion: str, scope: str) -> str:
    """The form of a request for a token."""
    return urlencode(
        {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": assertion,
            "scope": scope,
        }
    )


def read_token(status: int, body: Mapping[str, object], scope: str) -> ServiceToken:
    """The token of an answer (RFC 6749 section 5.1). ProviderUnavailableError: it has none that is good."""
    text, kind, life, granted = (
        body.get(name) for name in ("access_token", "token_type", "expires_in", "scope")
    )
    if status != 200 or not isinstance(text, str) or not 0 < len(text) <= _LARGEST_TOKEN:
        raise ProviderUnavailableError(f"service token: {status} {body.get('error')!r:.60}")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ProviderUnavailableError("service token: not a token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProviderUnavailableError(f"service token: of type {kind!r:.40}")
    if isinstance(granted, str) and scope not in granted.split():
        raise ProviderUnavailableError(f"service token: not for {scope}")
    told = life if isinstance(life, int) and not isinstance(life, bool) else _USUAL_LIFE
    return ServiceToken(text, min(max(told, 0), _LONGEST_LIFE))


def _lists(value: object, wanted: str) -> bool:
    return isinstance(value, list) and wanted in value
