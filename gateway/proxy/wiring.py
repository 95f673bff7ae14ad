"""What the data path is given: the site's rules and the parts that look things up, and how they are asked."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import msgspec
from aiohttp import web

from gateway.access import Facts
from gateway.assertions import Assertions
from gateway.budgets import Budgets
from gateway.errors import ForbiddenError
from gateway.identity import PROVIDER_TOKEN, Caller, plain_headers
from gateway.known import Known
from gateway.origins import Policy
from gateway.proxy.decide import Forward, Matched, NeedSession, Site, decide, identify, signed_out
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head, parse
from gateway.proxy.streams import Streams
from gateway.proxy.trace import Traces, said_trace
from gateway.proxy.upstream import Upstreams
from gateway.records import LiveBook, LiveSignIn
from gateway.request_context import EMBED, PERSON, POLICIES, ROUTE, VERDICT, Relayed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Headers = tuple[tuple[str, str], ...]


class ProviderTokens(Protocol):
    async def fresh(self, live: LiveSignIn) -> str | None:
        """An access token of the session's provider; None: the session has ended meanwhile."""

    def seen(self, live: LiveSignIn) -> None:
        """A request that needs none."""


class Authenticating(Protocol):
    async def recognise(self, facts: Facts, policy: Policy | None) -> Known | None:
        """The book session a request is made in; None: anonymous."""


@dataclass(frozen=True, slots=True)
class Wiring:
    site: Site
    max_head: int  # bytes
    authenticator: Authenticating
    provider_tokens: ProviderTokens
    assertions: Assertions
    upstreams: Upstreams
    streams: Streams
    budgets: Budgets
    sub_for_book: Callable[[str, str], str]  # (person, origin) -> the `sub` that the book was told
    lines: Lines = field(default_factory=Lines)
    traces: Traces = field(default_factory=lambda: Traces(secrets.token_bytes))


class Passed(msgspec.Struct, frozen=True):
    """A request that may go to its backend, with the session it is made in."""

    forward: Forward
    known: Known | None
    spend: Callable[[int], None]  # counts bytes that were relayed for its origin, either way
    provider_token: str | None = None

    @property
    def live(self) -> LiveBook | None:
        return None if self.known is None else self.known.live


async def admit_request(wiring: Wiring, request: web.Request) -> Passed:
    """Parses, decides and looks the session up; nothing of the body is read."""
    head = parse(
        request.method,
        request.raw_path,
        (request.version.major, request.version.minor),
        request.raw_headers,
        wiring.lines,
        hosts=wiring.site.hosts,
        max_bytes=wiring.max_head,
    )
    verdict = request[VERDICT]
    step = decide(head, verdict, wiring.site)
    matched = step.matched
    request[EMBED] = matched.route.embed
    request[ROUTE] = matched.route.backend
    if not isinstance(step, NeedSession):
        return Passed(step, None, _budget(wiring, matched, None))
    known = await wiring.authenticator.recognise(facts(head, matched, wiring.site), verdict.policy)
    if known is not None:
        request[PERSON] = known.person_hash
    caller = None if known is None else known.caller
    forward = identify(step, caller, wiring.sub_for_book)
    spend = _budget(wiring, matched, caller)
    token = None if known is None else await _provider_token(wiring, request, forward, known)
    return Passed(forward, known, spend, token)


class Cutting:
    """What ends a request at once, whatever it waits for."""

    __slots__ = ("_request",)

    def __init__(self, request: web.Request) -> None:
        self._request = request

    def cut(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


async def _provider_token(wiring: Wiring, request: web.Request, forward: Forward, known: Known) -> str | None:
    """The access token that the backend asks for, of the person's own sign-in and no other."""
    sign_in = known.sign_in
    if sign_in is None:
        return None
    wanted, provider = forward.matched.backend.provider_token, sign_in.record.provider
    if wanted is None or forward.caller is None:
        wiring.provider_tokens.seen(sign_in)
        return None
    if wanted != provider:
        raise ForbiddenError(f"a token of {wanted} is needed, the session is of {provider}")
    with wiring.streams.open(known.live, Cutting(request).cut):  # it may take longer than the session lives
        token = await wiring.provider_tokens.fresh(sign_in)
    if token is None:
        raise signed_out(forward.matched.policy)
    return token


def _budget(wiring: Wiring, matched: Matched, caller: Caller | None) -> Callable[[int], None]:
    """Takes the request out of its origin's and person's budgets; what it returns counts its bytes."""
    if matched.policy is None or matched.origin is None:
        return lambda _: None
    limits, origin = matched.policy.limits, matched.origin
    wiring.budgets.admit(limits, origin, None if caller is None else caller.person)
    return partial(wiring.budgets.spend, limits, origin)


def begin_relaying(wiring: Wiring, head: Head) -> Relayed:
    """What will be known of it."""
    return Relayed(said_trace(head.lines("traceparent")) or wiring.traces.make(), time.perf_counter())


def identity_of(wiring: Wiring, request: web.Request, passed: Passed) -> Headers:
    """As `identity_lines`, by the policy that was there when the request came."""
    generation = request[POLICIES].generation
    return identity_lines(wiring, passed.forward, passed.known, passed.provider_token, generation)


def facts(head: Head, matched: Matched, site: Site) -> Facts:
    return Facts(
        method=head.method,
        url=site.public_url + head.path,
        path=head.path,
        origin=matched.origin,
        cookie_lines=head.lines("cookie"),
        authorization_lines=head.lines("authorization"),
        dpop_lines=head.lines("dpop"),
        protocol_lines=head.lines("sec-websocket-protocol"),
        is_websocket=head.is_websocket,
        own_origin=site.public_url,
    )


def identity_lines(
    wiring: Wiring, forward: Forward, known: Known | None, provider_token: str | None, generation: str
) -> Headers:
    """What the backend is told of who is asking. generation: of the policy. Raises ForbiddenError."""
    matched, caller = forward.matched, forward.caller
    if caller is None or known is None:
        return ()
    backend, parent = matched.backend, known.live.parent
    signed = wiring.assertions.line_for(known, backend, matched.book, generation)
    token = () if provider_token is None else ((PROVIDER_TOKEN, provider_token),)
    if not backend.headers:
        return (signed, *token)
    # out of the session: a directory that is down must not stop requests of sessions that run
    claims = {} if parent is None else parent.claims
    return (*plain_headers(backend.headers, caller.provider, claims), signed, *token)
