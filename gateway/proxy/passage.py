"""A request on the plain path: decided, recognised and counted, and what its backend is told."""

import time

from aiohttp import web

from gateway.errors import ForbiddenError, TooManyRequestsError
from gateway.known import Known
from gateway.proxy.decide import (
    Forward,
    Matched,
    NeedSession,
    decide,
    identify,
    outgoing,
    request_head,
    signed_out,
)
from gateway.proxy.head import parse
from gateway.proxy.trace import said_trace
from gateway.proxy.wiring import Headers, Wiring, facts, identity_lines
from gateway.records import LiveBook, LiveSignIn
from gateway.request_context import Asked, Relayed
from gateway.routes import Address


class Passage:
    """To be admitted first: `forward` and `relayed` are there from then on.

    live: the session it is made in; None: nobody's.
    """

    __slots__ = ("_identity", "_wiring", "asked", "forward", "live", "relayed", "request")

    forward: Forward
    relayed: Relayed

    def __init__(self, wiring: Wiring, request: web.Request, asked: Asked) -> None:
        self._wiring = wiring
        self._identity: Headers = ()
        self.request = request
        self.asked = asked
        self.live: LiveBook | None = None

    async def admit(self) -> Matched:
        """Parses, decides and looks the session up; nothing of the body is read. Raises GatewayError."""
        wiring, request, asked = self._wiring, self.request, self.asked
        head = parse(
            request.method,
            request.raw_path,
            request.version,
            request.raw_headers,
            wiring.lines,
            hosts=wiring.site.hosts,
            max_bytes=wiring.max_head,
        )
        step = decide(head, asked.verdict, wiring.site)
        matched = step.matched
        asked.embed, asked.route = matched.route.embed, matched.route.backend
        if isinstance(step, NeedSession):
            known = self._at_hand(matched)
            if known is None:
                told = facts(head, matched, wiring.site)
                known = await wiring.authenticator.recognise(told, matched.policy)
            self.forward = identify(step, None if known is None else known.caller, wiring.sub_for_book)
            self._count(matched, known)
            if known is not None:
                self.live, asked.person = known.live, known.person_hash
                sign_in = self._asked_for_token(known)
                token = None if sign_in is None else await self._provider_token(known.live, sign_in)
                generation = asked.policies.generation
                self._identity = identity_lines(wiring, self.forward, known, token, generation)
        else:
            self.forward = step
            self._count(matched, None)
        trace = said_trace(head.lines("traceparent")) or wiring.traces.make()
        self.relayed = asked.relayed = Relayed(trace, time.perf_counter())
        return matched

    def cut(self) -> None:
        """Ends it at once, whatever it waits for."""
        if self.request.transport is not None:
            self.request.transport.abort()

    def spend(self, size: int) -> None:
        """Counts bytes that were relayed, either way."""
        matched = self.forward.matched
        if matched.policy is not None and matched.origin is not None:
            self._wiring.budgets.spend(matched.policy.limits, matched.origin, size)

    def head_for(self, address: Address) -> bytes:
        """The whole head for one of the backend's URLs."""
        return request_head(
            self.forward.matched,
            self._wiring.site,
            address,
            client=self.asked.client,
            request_id=self.asked.id,
            trace=self.relayed.trace,
            identity=self._identity,
        )

    def headers(self) -> Headers:
        """The same for who makes a head of it."""
        return outgoing(
            self.forward.matched,
            self._wiring.site,
            client=self.asked.client,
            request_id=self.asked.id,
            trace=self.relayed.trace,
            identity=self._identity,
        )

    # --- inside

    def _at_hand(self, matched: Matched) -> Known | None:
        """Its session, if it may be served without a question."""
        head, origin, wiring = matched.head, matched.origin, self._wiring
        if origin is None or origin == wiring.site.public_url or head.lines("authorization"):
            return None  # no cookie counts: access.credential
        if head.lines("sec-websocket-protocol"):
            return None  # a ticket may
        return wiring.authenticator.at_hand(origin, matched.policy, head.lines("cookie"))

    def _count(self, matched: Matched, known: Known | None) -> None:
        """Takes the request out of its origin's and person's budgets."""
        if matched.policy is not None and matched.origin is not None:
            person = None if known is None else known.caller.person
            try:
                self._wiring.budgets.admit(matched.policy.limits, matched.origin, person)
            except TooManyRequestsError:
                self._wiring.budgets.refusals += 1  # here alone: the fast path hands them over
                raise

    def _asked_for_token(self, known: Known) -> LiveSignIn | None:
        """The sign-in of whose provider the backend wants a token; any other is only seen."""
        sign_in = known.sign_in
        if sign_in is None:
            return None
        if self.forward.caller is not None and self.forward.matched.backend.provider_token is not None:
            return sign_in
        self._wiring.provider_tokens.seen(sign_in)
        return None

    async def _provider_token(self, live: LiveBook, sign_in: LiveSignIn) -> str:
        """The access token that the backend asks for, of the person's own sign-in and no other."""
        wanted, provider = self.forward.matched.backend.provider_token, sign_in.record.provider
        if wanted != provider:
            raise ForbiddenError(f"a token of {wanted} is needed, the session is of {provider}")
        with self._wiring.streams.open(live, self.cut):  # it may take longer than the session lives
            token = await self._wiring.provider_tokens.fresh(sign_in)
        if token is None:
            raise signed_out(self.forward.matched.policy)
        return token
