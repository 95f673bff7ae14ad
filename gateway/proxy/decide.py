"""Who may go where: the decision about one proxied request, and the request a backend receives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import msgspec

from gateway import cookies
from gateway.access import offers
from gateway.cors import READING_METHODS, Surface, Verdict, admit
from gateway.errors import (
    ConsentRequiredError,
    ForbiddenError,
    GatewayError,
    InvalidRequestError,
    LoginRequiredError,
    MethodNotAllowedError,
    NotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    PersonChangedError,
    SignInRequiredError,
    StepUpRequiredError,
)
from gateway.identity import PROVIDER_TOKEN, Caller
from gateway.origins import Policy, Trust, parse_origin
from gateway.personal_tokens import PersonalToken
from gateway.proxy.head import METHODS, Head, check_websocket, passed, rewrite, served_hosts
from gateway.proxy.path import segments
from gateway.proxy.request_bytes import framing_line, header_lines
from gateway.roles import classes_in, roles_in
from gateway.routes import Address, Backend, Route, RouteTable, SignInNeed

Headers = tuple[tuple[str, str], ...]

_NONE: Final[frozenset[str]] = frozenset()
INTERNAL: Final = "internal"  # a segment that only the gateway itself calls


@dataclass(frozen=True, slots=True)
class Site:
    """What of gateway.yaml the data path decides by."""

    public_url: str
    scheme: str
    authority: str
    hosts: frozenset[str]
    routes: RouteTable
    reserved: frozenset[str]  # header names, in lower case, that carry an identity to some backend
    forwarded: Headers  # what every backend is told of how we were asked

    @classmethod
    def of(cls, public_url: str, routes: RouteTable) -> Self:
        scheme, _, authority = public_url.partition("://")
        names = {backend.assertion.header for backend in routes.backends.values()}
        names.add(PROVIDER_TOKEN)
        names.update(name for backend in routes.backends.values() for name in backend.headers)
        reserved = frozenset(name.lower() for name in names)
        forwarded = ("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", authority)
        return cls(public_url, scheme, authority, served_hosts(public_url), routes, reserved, forwarded)


class Matched(msgspec.Struct, frozen=True, gc=False):
    """A request that its origin may make of its route, whoever it is from."""

    head: Head
    route: Route
    backend: Backend
    policy: Policy | None  # None: no Origin, or our own
    origin: str | None
    book: str | None  # the book id that the backend is told; None: no origin

    @property
    def is_websocket(self) -> bool:
        return self.head.is_websocket


class NeedSession(msgspec.Struct, frozen=True, gc=False):
    """Who asks must be looked up, and `identify` called with the answer."""

    matched: Matched


class Forward(msgspec.Struct, frozen=True, gc=False):
    """The request may go to its backend, as `caller` or, None, as nobody."""

    matched: Matched
    caller: Caller | None


def decide(head: Head, verdict: Verdict, site: Site) -> Forward | NeedSession:
    """Everything that can be decided without a session; a refusal is raised."""
    admit(verdict, Surface.PROXIED, head.method, head.one("sec-fetch-site"))
    if _is_internal(head.path):
        raise NotFoundError("a segment `internal` is never forwarded")
    route = site.routes.find(head.path)
    if route is None:
        raise NotFoundError("no route")
    policy, backend = verdict.policy, site.routes.backends[route.backend]
    if policy is not None and route.backend not in policy.backends:
        raise ForbiddenError(f"group {policy.group} does not list {route.backend}")
    _check_method(head.method, route, policy)
    _check_kind(head, backend, policy)
    book = None if policy is None or verdict.origin is None else _book(head, verdict.origin, policy)
    matched = Matched(head, route, backend, policy, verdict.origin, book)
    return _forward(matched, None) if route.sign_in is SignInNeed.NONE else NeedSession(matched)


def identify(
    need: NeedSession,
    caller: Caller | None,
    subject: Callable[[str, str], str],
    clock: Callable[[], float],
) -> Forward:
    """The second half, with the session's person; subject: the `sub` that a book knows a person by.

    clock: Unix seconds.
    """
    matched = need.matched
    believed = matched.head.said("person")
    if caller is None:
        # a page that believes somebody signed in must not save as nobody
        if matched.route.sign_in is SignInNeed.REQUIRED or believed is not None:
            raise signed_out(matched.policy)
    elif caller.origin != matched.origin:
        raise signed_out(matched.policy)
    elif believed is not None and believed != subject(caller.person, caller.origin):
        raise PersonChangedError
    elif caller.is_guest and not matched.backend.guests:
        if matched.route.sign_in is SignInNeed.REQUIRED or believed is not None:
            raise SignInRequiredError(f"{matched.backend.name} takes no guests")
        caller = None
    if matched.route.asks_more:
        permit(matched, caller, clock())
    return _forward(matched, caller)


def permit(matched: Matched, caller: Caller | None, now: float) -> None:
    """Whether the route takes this person, as they are in this book and as they signed in. now: Unix seconds.

    Raises NotAllowedError; StepUpRequiredError: after another sign-in it would; SignInRequiredError: a guest.
    """
    if caller is None:
        raise signed_out(matched.policy)
    if caller.is_guest:
        raise SignInRequiredError(f"no guests at {matched.route.path}")
    allow, step_up = matched.route.allow, matched.route.step_up
    if allow is not None:
        if allow.providers is not None and caller.provider not in allow.providers:
            raise NotAllowedError(f"not for who came by {caller.provider}")
        if allow.roles is not None and allow.roles.isdisjoint(roles_in(caller.roles, matched.book)):
            raise NotAllowedError("without a role that is allowed")
        if allow.in_class and not classes_in(caller.classes, matched.book):
            raise NotAllowedError("in no class of the book")
    if step_up is not None:
        is_old = step_up.max_age is not None and (
            not caller.proved or now - caller.auth_time > step_up.max_age
        )
        if is_old or (step_up.acr and caller.acr not in step_up.acr):
            why = "too old" if is_old else f"acr {caller.acr}"
            raise StepUpRequiredError(step_up.max_age, step_up.acr, why)


def may_go_on(
    matched: Matched, policy: Policy | None, was: Caller, caller: Caller, clock: Callable[[], float]
) -> bool:
    """Whether what was opened may stay open, by what lets in today.

    policy: of the caller's origin; None: it needs none. was: the caller as the backend was told. clock: Unix
    seconds. What somebody is not any more the backend would go on to believe; what they became since, it is
    told at the next request.
    """
    if policy is not None and matched.backend.name not in policy.backends:
        return False
    if not _told(was) <= _told(caller):
        return False
    try:
        if matched.route.asks_more:
            permit(matched, caller, clock())
    except GatewayError:
        return False
    return True


def _told(caller: Caller) -> set[tuple[str, ...]]:
    """What an assertion says of somebody that may be taken from them."""
    roles = {("role", role) for role in caller.roles}
    return (
        roles | {("class", *said) for said in caller.classes} | {("study", *said) for said in caller.studies}
    )


def identify_script(
    need: NeedSession,
    token: PersonalToken,
    subject: Callable[[str, str], str],
    clock: Callable[[], float],
    granted: Policy | None,
) -> Forward:
    """The second half for a personal token: where it names the backend and that takes any.

    It has no roles, and signed in when whoever made it did. granted: what the origin of its book may do now;
    None: nothing any more. A token of no book needs none.
    """
    matched, backend = need.matched, need.matched.backend
    if token.origin and (granted is None or backend.name not in granted.backends):
        raise ForbiddenError(f"{token.origin} may not call {backend.name}")
    if granted is not None and matched.head.method not in granted.methods:
        raise ForbiddenError(f"group {granted.group} has no {matched.head.method}")
    if backend.name not in token.backends or not backend.personal_tokens:
        raise ForbiddenError(f"the token is not for {backend.name}")
    named, believed = matched.head.said("book"), matched.head.said("person")
    if named is not None and named != token.book:
        raise InvalidRequestError(f"X-Bookgate-Book {named!r} is not the book of the token")
    if believed is not None and believed != subject(token.person, token.origin):
        raise PersonChangedError
    caller = caller_by(token)
    matched = msgspec.structs.replace(matched, book=token.book)
    if matched.route.asks_more:
        permit(matched, caller, clock())
    return _forward(matched, caller)


def takes_script(policy: Policy, token: PersonalToken) -> bool:
    """Whether an origin lets in who made a token, as it would in a browser."""
    return policy.credentials and offers(policy, token.provider)


def caller_by(token: PersonalToken) -> Caller:
    """Whoever made a personal token, as its scripts are them."""
    (session,) = token.ended_by
    return Caller(session, token.person, token.name, token.provider, token.origin, token.auth_time)


def target(matched: Matched) -> str:
    """The backend's path and query: its base, then exactly what follows the prefix, or all of the path."""
    path = matched.head.path
    rest = path[len(matched.route.path) :] if matched.route.strip else path[1:]
    query = "" if matched.head.query is None else f"?{matched.head.query}"
    return matched.backend.base + rest + query


def outgoing(
    matched: Matched,
    site: Site,
    *,
    client: str | None,
    request_id: str,
    trace: str,
    identity: Headers,
) -> Headers:
    """The headers that the backend receives, `Host` first where it is not the URL's; the identity is last.

    trace: the `traceparent`, the client's own or one that was made.
    identity: under names that the site reserves, so that nothing else has them.
    """
    host = host_for(matched, site, None)
    first = () if host is None else (("Host", host),)
    ours = _ours(matched, site, client, request_id, trace)
    return (*first, *rewrite(matched.head, _also(matched), site.reserved, (*ours, *identity)))


def request_head(
    matched: Matched,
    site: Site,
    address: Address,
    *,
    client: str | None,
    request_id: str,
    trace: str,
    identity: Headers,
) -> bytes:
    """The same as bytes, for one of the backend's URLs. Raises ValueError as `request_bytes` does."""
    head = matched.head
    host = host_for(matched, site, address.authority)
    framing = framing_line(head.method, head.length if head.has_body else None, chunked=head.chunked)
    said = [*_ours(matched, site, client, request_id, trace), *identity]
    ours = header_lines(said, framing)
    # what is the client's is proved, and of the lines it came in
    kept = passed(head, _also(matched), site.reserved)
    return b"".join((f"{head.method} {target(matched)} HTTP/1.1\r\nHost: {host}\r\n".encode(), *kept, ours))


def host_for(matched: Matched, site: Site, own: str | None) -> str | None:
    """What the backend's `Host` is. own: of the URL that is asked."""
    host = matched.backend.host
    return own if host == "backend" else site.authority if host == "public" else host


def _also(matched: Matched) -> frozenset[str]:
    return _NONE if matched.policy is None else matched.policy.request_headers


def _ours(
    matched: Matched, site: Site, client: str | None, request_id: str, trace: str
) -> list[tuple[str, str]]:
    ours: list[tuple[str, str]] = []
    if client is not None:
        ours.append(("X-Forwarded-For", client))
    ours += [*site.forwarded, ("X-Request-Id", request_id)]
    if matched.head.one("traceparent") != trace:
        ours.append(("traceparent", trace))
    if matched.backend.origin == "send" and matched.origin is not None:
        ours.append(("Origin", matched.origin))
    kept = cookies.strip(matched.head.lines("cookie"), matched.backend.request_cookies)
    if kept is not None:
        ours.append(("Cookie", kept))
    return ours


def _is_internal(path: str) -> bool:
    """Whether a segment is `internal` to the laxest reader; where nothing is encoded that is plain to see."""
    if "%" not in path and INTERNAL not in path.lower():
        return False
    return any(part.casefold() == INTERNAL for part in segments(path))


def _forward(matched: Matched, caller: Caller | None) -> Forward:
    if matched.head.length is not None and matched.head.length > matched.backend.max_body:
        raise PayloadTooLargeError(f"Content-Length {matched.head.length}")
    return Forward(matched, caller)


def _check_method(method: str, route: Route, policy: Policy | None) -> None:
    granted = METHODS if policy is None else policy.methods
    if method not in granted or (route.methods is not None and method not in route.methods):
        raise MethodNotAllowedError(
            tuple(name for name in granted if route.methods is None or name in route.methods)
        )


def _check_kind(head: Head, backend: Backend, policy: Policy | None) -> None:
    if head.lines("service-worker"):
        # Service Workers section 4.5: fetched as a script on our host, it would control our pages
        raise ForbiddenError("a service worker's script")
    if head.is_websocket:
        check_websocket(head)
        if not backend.websocket:
            raise ForbiddenError(f"{backend.name} takes no WebSockets")
        if policy is not None and not set(policy.methods) - set(READING_METHODS):
            # its handshake is a GET, what comes after may write
            raise ForbiddenError(f"group {policy.group} may only read")


def _book(head: Head, origin: str, policy: Policy) -> str | None:
    """One of the origin's books: the one the client names, else the first."""
    parsed = parse_origin(origin)
    # "null" has no book, whoever that is, unless its entry lists some
    books = tuple(policy.books.values()) if parsed is None else policy.book_ids(parsed)
    named = head.said("book")
    if named is None:
        return next(iter(books), None)
    if named not in books:
        raise InvalidRequestError(f"X-Bookgate-Book {named!r} is not a book of {origin}")
    return named


def signed_out(policy: Policy | None) -> GatewayError:
    """By trust alone, so that the answer does not tell who is signed in elsewhere."""
    if policy is not None and policy.trust is Trust.CONSENT:
        return ConsentRequiredError()
    return LoginRequiredError()
