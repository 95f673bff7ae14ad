"""Who a request is made as, and how backends are told: the claims of the assertion, and plain headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from gateway.errors import ForbiddenError
from gateway.roles import Classes, classes_in, roles_in
from gateway.routes import AssertionRule, Purpose
from gateway.studies_rules import Answers

LIFE: Final = 60  # seconds that an assertion is good for
TYPE: Final = "bookgate-assertion+jwt"
INTERNAL_TYPE: Final = "bookgate-internal+jwt"
ALGORITHM: Final = "ES256"
PROVIDER_TOKEN: Final = "X-Bookgate-Provider-Token"  # ruff: ignore[hardcoded-password-string]  # a header's name

ClaimValue = str | int | list[str] | list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request, as its book session says."""

    session: str  # store key of the book session: tells people apart in every cache
    person: str
    name: str | None
    provider: str
    origin: str
    auth_time: int
    is_guest: bool = False
    roles: tuple[str, ...] = ()  # as the sign-in session keeps them
    classes: Classes = ()
    acr: str | None = None
    studies: Answers = ()
    proved: bool = True  # at auth_time, as the sign-in session says


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller as one backend sees them: `subject` is in that backend's terms."""

    caller: Caller
    subject: str
    book: str


def claims(
    identity: Identity, rule: AssertionRule, *, issuer: str, audience: str, cap: int, now: int, jti: str
) -> dict[str, ClaimValue]:
    """The assertion's claims; `cap` is the highest consent level that is open to this person here."""
    caller = identity.caller
    said: dict[str, ClaimValue] = {
        "iss": issuer,
        "aud": audience,
        "sub": identity.subject,
        "book": identity.book,
        "origin": caller.origin,
        "classes": classes_in(caller.classes, identity.book),
        "roles": list(roles_in(caller.roles, identity.book)),
        "auth_level": "guest" if caller.is_guest else "user",
        "auth_time": caller.auth_time,
        "research_cap": cap,
        "iat": now,
        "exp": now + LIFE,
        "jti": jti,
    }
    if "name" in rule.claims and caller.name is not None:
        said["name"] = caller.name
    return said


@dataclass(frozen=True, slots=True)
class Internal:
    """What the gateway itself asks about a person in one book, in one backend's own terms.

    loser: whose everything becomes the subject's by a merge, and is their own again after an unmerge.
    """

    purpose: Purpose
    book: str
    subject: str
    loser: str | None = None


def internal_claims(
    asked: Internal, *, issuer: str, audience: str, now: int, jti: str
) -> dict[str, ClaimValue]:
    """The claims of an internal assertion. It says whom it is about: no body has to be believed."""
    said: dict[str, ClaimValue] = {
        "iss": issuer,
        "aud": audience,
        "purpose": asked.purpose.value,
        "sub": asked.subject,
        "book": asked.book,
        "iat": now,
        "exp": now + LIFE,
        "jti": jti,
    }
    return said if asked.loser is None else {**said, "from": asked.loser}


def assertion_header(rule: AssertionRule, token: str) -> tuple[str, str]:
    return rule.header, token if rule.scheme is None else f"{rule.scheme} {token}"


def plain_headers(
    wanted: Mapping[str, str], provider: str, known: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Identity headers for services that exist already (`header: PROVIDER.CLAIM`).

    People of another provider have no such name and are refused: a name is one provider's word,
    and two providers may give the same one to two people.
    """
    headers = []
    for header, source in wanted.items():
        owner, _, claim = source.partition(".")
        value = known.get(claim)
        if owner != provider or not value:
            raise ForbiddenError(f"{header} needs {source}, the session is of {provider}")
        headers.append((header, header_value(value)))
    return tuple(headers)


# RFC 9110 section 5.5 leaves other bytes without a meaning; "%" itself is encoded only where we encode
_PRINTABLE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def header_value(value: str) -> str:
    """Printable ASCII as it is, anything else as percent-encoded UTF-8."""
    return value if _PRINTABLE.fullmatch(value) else quote(value, safe="")
