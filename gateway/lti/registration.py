"""A platform registers this site by itself (LTI Dynamic Registration 1.0): what is read and what is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeGuard
from urllib.parse import urlsplit

from gateway.errors import ProviderRefusedError
from gateway.lti.services import MEMBERS_SCOPE, SCORE_SCOPE
from gateway.providers.addresses import acceptable
from gateway.providers.signed_token import is_identifier

_TOOL: Final = "https://purl.imsglobal.org/spec/lti-tool-configuration"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a platform says of itself; all are addresses."""

    registration: str
    authorization: str
    token: str
    jwks: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a platform made of a registration. deployment: None: it names it elsewhere, later."""

    client_id: str
    deployment: str | None


def is_configuration_of(url: str, issuer: str) -> bool:
    """Whether a configuration may be asked for there: at the site that was invited, nowhere else."""
    return acceptable(url, issuer) and site_of(url) == site_of(issuer)


def read_configuration(document: Mapping[str, object], issuer: str) -> Configuration:
    """Of a document that came from the platform's own site (section 3.4).

    Raises ProviderRefusedError: it is another's, or says an address that may not be asked.
    """
    if document.get("issuer") != issuer:
        raise ProviderRefusedError(f"registration: issuer {document.get('issuer')!r:.100}")
    names = ("registration_endpoint", "authorization_endpoint", "token_endpoint", "jwks_uri")
    found = [document.get(name) for name in names]
    for name, address in zip(names, found, strict=True):
        if not acceptable(address, issuer):
            raise ProviderRefusedError(f"registration: {name} {address!r:.100}")
    if not is_configuration_of(str(found[0]), issuer):  # what it answers is for whoever was invited
        raise ProviderRefusedError(f"registration: to another site, {found[0]!r:.100}")
    return Configuration(*(str(address) for address in found))


def registration(public_url: str, name: str, links: str) -> Mapping[str, object]:
    """What this site says of itself (section 3.5). name: for people. links: where pages are picked."""
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "client_name": name,
        "initiate_login_uri": f"{public_url}/auth/lti/login",
        "redirect_uris": [f"{public_url}/auth/lti/launch"],
        "jwks_uri": f"{public_url}/auth/lti/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": f"{MEMBERS_SCOPE} {SCORE_SCOPE}",
        _TOOL: {
            "domain": urlsplit(public_url).netloc,
            "target_link_uri": links,
            "claims": ["iss", "sub", "name"],
            "messages": [{"type": "LtiDeepLinkingRequest", "target_link_uri": links, "label": name}],
        },
    }


def read_answer(status: int, body: Mapping[str, object]) -> Accepted:
    """What the platform answered (section 3.6).

    Raises ProviderRefusedError: it registered nothing.
    """
    client_id, said = body.get("client_id"), body.get(_TOOL)
    if status not in {200, 201} or not _is_plain(client_id):
        raise ProviderRefusedError(f"registration: {status}, client_id {client_id!r:.60}")
    deployment = said.get("deployment_id") if isinstance(said, dict) else None
    named = str(deployment) if isinstance(deployment, str | int) and not isinstance(deployment, bool) else ""
    return Accepted(client_id, named if _is_plain(named) else None)


def _is_plain(value: object) -> TypeGuard[str]:
    """An identifier without control characters: people read it in their terminals, and it is one line."""
    return is_identifier(value) and isinstance(value, str) and value.isascii() and value.isprintable()


def site_of(url: str) -> str:
    """Scheme, host and port of an address, as CSP names them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
