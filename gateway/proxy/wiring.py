"""What the data path is given: the site's rules and the parts that look things up, and how they are asked."""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.access import Facts
from gateway.assertions import Assertions
from gateway.budgets import Budgets
from gateway.identity import PROVIDER_TOKEN, plain_headers
from gateway.known import Known
from gateway.origins import Policy
from gateway.personal_tokens import PersonalToken
from gateway.proxy.decide import Forward, Matched, Site
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head
from gateway.proxy.streams import Streams
from gateway.proxy.trace import Traces
from gateway.proxy.upstream import Upstreams
from gateway.records import LiveSignIn

Headers = tuple[tuple[str, str], ...]


class ProviderTokens(Protocol):
    async def fresh(self, live: LiveSignIn) -> str | None:
        """An access token of the session's provider; None: the session has ended meanwhile."""

    def seen(self, live: LiveSignIn) -> None:
        """A request that needs none."""


class Authenticating(Protocol):
    def at_hand(self, origin: str, policy: Policy | None, cookie_lines: Sequence[str]) -> Known | None:
        """The book session of a cookie that may be served without a question; None: `recognise` tells."""

    async def recognise(self, facts: Facts, policy: Policy | None) -> Known | None:
        """The book session a request is made in; None: anonymous."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """find: (a personal token, the address that it comes from); InvalidTokenError: it is none,
    TooManyRequestsError: that address tried too many. name_for_logs: of a person.
    """

    find: Callable[[str, str | None], Awaitable[PersonalToken]]
    name_for_logs: Callable[[str], str]


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
    scripts: Scripts | None = None  # None: personal tokens are none here
    clock: Callable[[], float] = time.time  # Unix seconds
    lines: Lines = field(default_factory=Lines)
    traces: Traces = field(default_factory=lambda: Traces(secrets.token_bytes))


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
    signed = wiring.assertions.line_for(known, backend, matched.book, generation).header
    token = () if provider_token is None else ((PROVIDER_TOKEN, provider_token),)
    if not backend.headers:
        return (signed, *token)
    # out of the session: a directory that is down must not stop requests of sessions that run
    claims = {} if parent is None else parent.claims
    return (*plain_headers(backend.headers, caller.provider, claims), signed, *token)


def script_lines(wiring: Wiring, forward: Forward, generation: str) -> Headers:
    """The same for a script, at whose backends there is nothing else to tell."""
    matched, caller = forward.matched, forward.caller
    if caller is None:
        return ()
    return (wiring.assertions.header_of(caller, matched.backend, matched.book or "", generation),)
