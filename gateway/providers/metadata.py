"""What a provider says about itself (OpenID Connect Discovery section 3), proved."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import ProviderUnavailableError
from gateway.providers.addresses import acceptable


@dataclass(frozen=True, slots=True)
class Metadata:
    """The endpoints of an issuer and the few abilities that matter to us."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    token_auth_methods: frozenset[str]
    scopes: frozenset[str]  # those that it says it has
    answers_with_iss: bool  # RFC 9207 section 3


def well_known(issuer: str) -> str:
    """Where the metadata lies (OpenID Connect Discovery section 4). issuer: or what stands in its place."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def parse_metadata(document: Mapping[str, object], issuer: str) -> Metadata:
    """The metadata, or ProviderUnavailableError.

    The issuer must be the configured one, byte for byte (Discovery section 4.3): else one provider
    could hand out another's endpoints. Algorithms are never taken from here: they are our own list.
    """
    if document.get("issuer") != issuer:
        raise ProviderUnavailableError(
            f"{issuer}: metadata of another issuer: {document.get('issuer')!r:.200}"
        )
    return Metadata(
        issuer=issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(document, "token_endpoint", issuer),
        jwks_uri=_endpoint(document, "jwks_uri", issuer),
        userinfo_endpoint=_optional(document, "userinfo_endpoint", issuer),
        end_session_endpoint=_optional(document, "end_session_endpoint", issuer),
        token_auth_methods=_names(
            document.get("token_endpoint_auth_methods_supported"),
            default="client_secret_basic",  # Discovery section 3
        ),
        scopes=_names(document.get("scopes_supported"), default="openid"),
        answers_with_iss=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(document: Mapping[str, object], name: str, issuer: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not acceptable(url, issuer):
        raise ProviderUnavailableError(f"{issuer}: {name} is missing or not an https address")
    return url


def _optional(document: Mapping[str, object], name: str, issuer: str) -> str | None:
    return None if document.get(name) is None else _endpoint(document, name, issuer)


def _names(value: object, default: str) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset({default})
    return frozenset(name for name in value if isinstance(name, str))
