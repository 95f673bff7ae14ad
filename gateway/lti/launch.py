"""What an initiation asks and what a launch says (LTI 1.3 section 5; Security Framework section 5.1)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import InvalidRequestError, ProviderRefusedError
from gateway.lti.deep_linking import REQUEST, Linking, read_linking
from gateway.lti.services import Services, read_services
from gateway.lti_platforms import Platform
from gateway.providers.keys import SigningKeys
from gateway.providers.signed_token import is_identifier, opened, party_fault, time_fault

_CLAIM: Final = "https://purl.imsglobal.org/spec/lti/claim/"
_ROLE: Final = "http://purl.imsglobal.org/vocab/lis/v2/membership"
# by the context's own roles alone: an administrator of the school teaches no class by that
_TEACHING: Final = frozenset({f"{_ROLE}#Instructor", f"{_ROLE}#ContentDeveloper", "Instructor"})
_ASSISTANT: Final = (
    f"{_ROLE}/Instructor#"  # sub-roles (LTI 1.3 section A.2.3.1): TeachingAssistant and others
)
_LAUNCH: Final = "LtiResourceLinkRequest"
NO_SERVICES: Final = Services()
LONGEST: Final = 2000  # characters of what is handed back to the platform


@dataclass(frozen=True, slots=True)
class Initiation:
    """A login that the platform begins (Security Framework section 5.1.1.1)."""

    issuer: str
    login_hint: str
    target: str
    message_hint: str | None
    client_id: str | None
    deployment: str | None


@dataclass(frozen=True, slots=True)
class Launch:
    """Who comes, and from where. subject: unique with issuer and deployment. context: of a course."""

    subject: str
    name: str | None
    deployment: str
    target: str
    teaches: bool
    context: str | None
    title: str | None
    services: Services = NO_SERVICES


class UnusableLaunchError(ProviderRefusedError):
    """A launch that is the platform's, and that nobody can be signed in by. why: what people are told."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


ANONYMOUS: Final = "anonymous"
KIND: Final = "kind"


def read_initiation(params: Mapping[str, str]) -> Initiation:
    """Raises InvalidRequestError: it says too little, or too much."""
    if any(len(value) > LONGEST for value in params.values()):
        raise InvalidRequestError("an LTI initiation that is too long")
    for name in ("iss", "login_hint", "target_link_uri"):
        if not params.get(name):
            raise InvalidRequestError(f"an LTI initiation without {name}")
    return Initiation(
        params["iss"],
        params["login_hint"],
        params["target_link_uri"],
        params.get("lti_message_hint"),
        params.get("client_id"),
        params.get("lti_deployment_id"),
    )


def verify(token: str, keys: SigningKeys, platform: Platform, nonce: str, now: int) -> Launch | Linking:
    """What a token says that is the platform's, for us, made just now, and of this very login.

    Raises ProviderRefusedError; UnusableLaunchError where it is sound but nobody's, or no launch of a book.
    """
    claims = opened(token, keys, "launch", frozenset({"JWT"})).claims
    fault = party_fault(claims, platform.issuer, platform.client_id) or time_fault(claims, now)
    said = claims.get("nonce")
    if fault is None and not (isinstance(said, str) and hmac.compare_digest(said.encode(), nonce.encode())):
        fault = "nonce"
    deployment = claims.get(f"{_CLAIM}deployment_id")
    if fault is None and not (isinstance(deployment, str) and deployment in platform.deployments):
        fault = f"deployment {deployment!r:.100}"
    if fault is None and claims.get(f"{_CLAIM}version") != "1.3.0":
        fault = f"version {claims.get(f'{_CLAIM}version')!r:.40}"
    if fault is not None:
        raise ProviderRefusedError(f"launch: {fault}")
    if claims.get(f"{_CLAIM}message_type") == REQUEST:
        return read_linking(claims, str(deployment))
    return _read(claims, platform.issuer, str(deployment))


def _read(claims: Mapping[str, object], issuer: str, deployment: str) -> Launch:
    kind, subject = claims.get(f"{_CLAIM}message_type"), claims.get("sub")
    if kind != _LAUNCH:
        raise UnusableLaunchError(KIND, f"launch: message_type {kind!r:.60}")
    if subject is None:  # section 5.3.6.1: a platform may launch without saying who
        raise UnusableLaunchError(ANONYMOUS, "launch: no sub")
    target = claims.get(f"{_CLAIM}target_link_uri")
    if not isinstance(subject, str) or not is_identifier(subject) or not isinstance(target, str):
        raise ProviderRefusedError(f"launch: sub {subject!r:.60}, target {target!r:.100}")
    context = claims.get(f"{_CLAIM}context")
    course = context if isinstance(context, dict) else {}
    identifier = course.get("id")
    return Launch(
        subject=subject,
        name=line_of(claims.get("name")) or None,
        deployment=deployment,
        target=target,
        teaches=teaches(claims.get(f"{_CLAIM}roles")),
        context=identifier if is_identifier(identifier) else None,
        title=line_of(course.get("title")) or line_of(course.get("label")) or None,
        services=read_services(claims, issuer),
    )


def teaches(roles: object) -> bool:
    """Whether one of the roles is an instructor's in this context (LTI 1.3 section A.2.2)."""
    listed = roles if isinstance(roles, list) else []
    return any(
        isinstance(role, str) and (role in _TEACHING or role.startswith(_ASSISTANT)) for role in listed
    )


def line_of(value: object) -> str:
    """A name or a title as one short line; empty: it is none."""
    if not isinstance(value, str):
        return ""
    visible = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(visible.split())[:120].strip()
