"""What an authorization request means and what follows from it (docs/protocol.md, steps 2 and 3).

The request is RFC 6749 section 4.1.1 with PKCE (RFC 7636), `response_mode` web_message or fragment,
and DPoP's `dpop_jkt` (RFC 9449 section 10). The client's id is its origin.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from gateway.errors import InvalidRequestError
from gateway.grant_rules import challenge_ok, client_origin, is_loopback, redirect_uri_ok
from gateway.origins import Origin, Policy, Trust

PROMPTS = frozenset({None, "none", "consent"})
RESPONSE_MODES = frozenset({"web_message", "fragment"})
QUERY = frozenset({"query"})  # of applications: their return page is the gateway's own, and reads no fragment

_MAX_AGE = re.compile(r"[0-9]{1,9}", re.ASCII)
_ACR = re.compile(r"[!-~]{1,255}", re.ASCII)
_MOST_ACRS = 10

_STATE = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks and where an answer may go: proved, so errors can be told to the book from here on."""

    origin: Origin
    redirect_uri: str
    response_mode: str
    state: str


@dataclass(frozen=True, slots=True)
class Proof:
    """How a person is to have proved who they are (OpenID Connect Core section 3.1.2.1).

    max_age: seconds ago at most; None: at any time. acr_values: one of these ways; empty: any.
    """

    max_age: int | None = None
    acr_values: tuple[str, ...] = ()

    def met_by(self, proved: int | None, acr: str | None, now: float) -> bool:
        """Whether a sign-in meets it. proved: when they did, None: nobody knows; now: Unix seconds, both."""
        young = self.max_age is None or (proved is not None and now - proved <= self.max_age)
        return young and (not self.acr_values or acr in self.acr_values)


ANY_PROOF = Proof()


@dataclass(frozen=True, slots=True)
class Request:
    """A whole, well-formed authorization request."""

    client: Client
    challenge: str
    jkt: str | None
    prompt: str | None
    guest: bool  # a guest is at work in the book
    proof: Proof = ANY_PROOF


class RefusedRequestError(Exception):
    """The request is wrong in a way that the book is told (RFC 6749 section 4.1.2.1)."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code)
        self.code = code
        self.description = description


def parameters(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """The parameters by name; one that comes twice is refused (RFC 6749 section 3.1).

    So is a NUL, which is in nobody's text and which PostgreSQL takes in none.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequestError(f"parameter twice: {name[:40]!r}")
        if "\0" in name or "\0" in value:
            raise InvalidRequestError(f"NUL in parameter {name[:40]!r}")
        found[name] = value
    return found


def parse_client_id(client_id: str) -> Origin:
    """The origin that a client_id is; raises InvalidRequestError where it is none."""
    origin = client_origin(client_id)
    if origin is None:
        raise InvalidRequestError("client_id is not an origin on https or loopback")
    return origin


def prove_client(params: Mapping[str, str], origin: Origin, policy: Policy) -> Client:
    """The client with an exact way back; raises InvalidRequestError, to be shown on a page of ours."""
    redirect_uri = params.get("redirect_uri", "")
    if not redirect_uri_ok(redirect_uri, origin, policy):
        raise InvalidRequestError("redirect_uri is not one of this origin's return pages")
    mode = params.get("response_mode", "fragment")
    if mode not in (QUERY if policy.application else RESPONSE_MODES):
        raise InvalidRequestError("response_mode is neither web_message nor fragment")
    state = params.get("state", "")
    if _STATE.fullmatch(state) is None:
        raise InvalidRequestError("state is missing or odd")
    return Client(origin, redirect_uri, mode, state)


def complete(params: Mapping[str, str], client: Client) -> Request:
    """The whole request; raises RefusedRequestError, to be told to the book."""
    if params.get("response_type") != "code":
        raise RefusedRequestError("unsupported_response_type", "response_type must be code.")
    if params.get("code_challenge_method") != "S256":
        raise RefusedRequestError("invalid_request", "code_challenge_method must be S256.")
    challenge = params.get("code_challenge", "")
    if not challenge_ok(challenge):
        raise RefusedRequestError("invalid_request", "code_challenge must be 43 base64url characters.")
    jkt = params.get("dpop_jkt")
    if jkt is not None and not challenge_ok(jkt):  # the same form: 32 bytes as base64url
        raise RefusedRequestError("invalid_request", "dpop_jkt must be 43 base64url characters.")
    prompt = params.get("prompt")
    if prompt not in PROMPTS:
        raise RefusedRequestError("invalid_request", "prompt must be none or consent.")
    guest = params.get("guest")
    if guest not in {None, "1"}:
        raise RefusedRequestError("invalid_request", "guest must be 1.")
    return Request(client, challenge, jkt, prompt, guest is not None, _proof(params))


def _proof(params: Mapping[str, str]) -> Proof:
    max_age = params.get("max_age")
    if max_age is not None and _MAX_AGE.fullmatch(max_age) is None:
        raise RefusedRequestError("invalid_request", "max_age must be a whole number of seconds.")
    acr_values = tuple(params.get("acr_values", "").split())
    if len(acr_values) > _MOST_ACRS or not all(map(_ACR.fullmatch, acr_values)):
        raise RefusedRequestError("invalid_request", f"acr_values must be at most {_MOST_ACRS} names.")
    return Proof(None if max_age is None else int(max_age), acr_values)


@dataclass(frozen=True, slots=True)
class AskWho:
    """Show the sign-in page, or go straight to the only provider."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask whether this book may save work as this person."""


@dataclass(frozen=True, slots=True)
class AskKeep:
    """Ask what becomes of the work done here before, which has the greeting's way out on it."""


@dataclass(frozen=True, slots=True)
class Greet:
    """Say who is signed in for two seconds, with a way out, then deliver."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give the book a code at once."""


@dataclass(frozen=True, slots=True)
class DeliverError:
    """Tell the book an error code."""

    code: str


@dataclass(frozen=True, slots=True)
class RefusePlainly:
    """A plain 403 page: prompt=none tells nothing to an origin that nobody approved."""


Step = AskWho | AskConsent | AskKeep | Greet | Deliver | DeliverError | RefusePlainly


@dataclass(frozen=True, slots=True)
class Visitor:
    """What is known of the person at the browser, signed in to the gateway."""

    own_device: bool
    approved: bool  # this person agreed to this origin before, and it did not lapse


def asks_every_time(origin: Origin, policy: Policy) -> bool:
    """Whether an approval of this origin is never remembered.

    Any program on the reader's machine can serve a loopback origin, so consent is asked each time.
    """
    return policy.trust is Trust.CONSENT and is_loopback(origin.host)


def next_step(prompt: str | None, policy: Policy, visitor: Visitor | None, *, guest: bool) -> Step:
    """What authorize does. visitor: None when nobody is signed in here; guest: one is at work in the book."""
    match policy.trust:
        case Trust.TRUSTED:
            allowed = True
        case Trust.CONSENT:
            allowed = visitor is not None and visitor.approved
        case Trust.DENIED:
            return RefusePlainly()
        case _:  # pragma: no cover
            assert_never(policy.trust)
    if prompt == "none":
        return _unasked(visitor, allowed=allowed, guest=guest)
    if visitor is None:
        return AskWho()
    if prompt == "consent" or not allowed:
        return AskConsent()
    if guest:
        return AskKeep()
    return Deliver() if visitor.own_device else Greet()


def _unasked(visitor: Visitor | None, *, allowed: bool, guest: bool) -> Step:
    if not allowed:
        return RefusePlainly()
    if visitor is None:
        return DeliverError("login_required")
    if guest:
        return DeliverError("interaction_required")
    return Deliver() if visitor.own_device else DeliverError("interaction_required")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person answered. keep: about the work of a guest, None where that was not asked."""

    allowed: bool
    said_so: bool  # by the consent page; else the page took it as said before
    keep: bool | None


_DECISIONS: Mapping[tuple[str, bool], Decision] = {
    ("deny", False): Decision(allowed=False, said_so=True, keep=None),
    ("deny", True): Decision(allowed=False, said_so=True, keep=None),
    ("allow", False): Decision(allowed=True, said_so=True, keep=None),
    ("allow-keep", True): Decision(allowed=True, said_so=True, keep=True),
    ("allow-leave", True): Decision(allowed=True, said_so=True, keep=False),
    ("go", False): Decision(allowed=True, said_so=False, keep=None),
    ("keep", True): Decision(allowed=True, said_so=False, keep=True),
    ("leave", True): Decision(allowed=True, said_so=False, keep=False),
}


def parse_decision(said: str, *, guest: bool) -> Decision:
    """The answer of a page's form; guest: whether its question was on the page."""
    decision = _DECISIONS.get((said, guest))
    if decision is None:
        raise InvalidRequestError("decision is not one of the page's")
    return decision


def is_top_level(dest_lines: list[str], mode_lines: list[str], origin_lines: list[str]) -> bool:
    """Whether a GET is a top-level navigation, by Fetch Metadata where the browser sends it.

    A script's fetch carries Origin, a navigation by GET does not (Fetch, "append a request Origin header").
    """
    return dest_lines in ([], ["document"]) and mode_lines in ([], ["navigate"]) and not origin_lines
