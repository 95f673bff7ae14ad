"""A request on the plain path: decided, recognised and counted, and what its backend is told."""

import time
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from gateway.access import TokenCredential, credential
from gateway.errors import ForbiddenError, TooManyRequestsError
from gateway.known import Known
from gateway.origins import Limits, Policy, PolicyTable, parse_origin
from gateway.personal_tokens import PersonalToken
from gateway.proxy.decide import (
    Forward,
    Matched,
    NeedSession,
    decide,
    identify,
    identify_script,
    outgoing,
    request_head,
    signed_out,
    takes_script,
)
from gateway.proxy.head import Head, parse
from gateway.proxy.plan import Plan, Plans
from gateway.proxy.planned import identity_text
from gateway.proxy.streams import Alive
from gateway.proxy.trace import said_trace
from gateway.proxy.wiring import Headers, Wiring, facts, identity_lines, script_lines
from gateway.records import LiveBook, LiveSignIn
from gateway.request_context import Asked, Relayed
from gateway.routes import Address

_SCRIPTS: Final = "scripts"  # in place of an origin, which none is called
_OF_SCRIPTS: Final = Limits()  # gateway.yaml's


class Passage:
    """To be admitted first: `forward` and `relayed` are there from then on.

    live: the session it is made in; None: nobody's.
    """

    __slots__ = (
        "_identity",
        "_lines",
        "_plan",
        "_plans",
        "_wiring",
        "asked",
        "forward",
        "live",
        "relayed",
        "request",
    )

    forward: Forward
    relayed: Relayed

    def __init__(self, wiring: Wiring, plans: Plans, request: web.Request, asked: Asked) -> None:
        self._wiring = wiring
        self._plans = plans
        self._plan: Plan | None = None  # by which it goes
        self._lines = ""  # of its identity, then
        self._identity: Headers = ()
        self.request = request
        self.asked = asked
        self.live: Alive | None = None

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
        if not self._goes_by_plan(head):
            await self._decide(head)
        trace = said_trace(head.lines("traceparent")) or wiring.traces.make()
        self.relayed = asked.relayed = Relayed(trace, time.perf_counter())
        return self.forward.matched

    def _goes_by_plan(self, head: Head) -> bool:
        """Whether its like was decided before and its session, where it needs one, is at hand."""
        wiring, asked, known = self._wiring, self.asked, None
        now = wiring.clock()
        plan = self._plans.find(head, asked.policies, now)
        if plan is None or (head.length or 0) > plan.backend.max_body:
            return False
        if plan.needs_session:
            if head.lines("x-bookgate-person") or head.lines("sec-websocket-protocol"):
                return False
            known = wiring.authenticator.at_hand(plan.origin, plan.policy, head.lines("cookie"))
            if known is None or not plan.fits(known, now) or plan.cookie_value(head) is None:
                return False
        matched = plan.matched(head)
        asked.embed, asked.route = plan.route.embed, plan.route.backend
        self._plan, self.forward = plan, Forward(matched, None if known is None else known.caller)
        self._count(matched, known)
        if known is not None:
            self.live, asked.person = known.live, known.person_hash
            if known.sign_in is not None:
                wiring.provider_tokens.seen(known.sign_in)
            self._lines = identity_text(wiring, plan, head, known, asked.policies.generation, now)
        return True

    async def _decide(self, head: Head) -> None:
        wiring, asked = self._wiring, self.asked
        step = decide(head, asked.verdict, wiring.site)
        self._plans.keep(step, asked.verdict, asked.policies)
        matched = step.matched
        asked.embed, asked.route = matched.route.embed, matched.route.backend
        if not isinstance(step, NeedSession):
            self.forward = step
            self._count(matched, None)
        elif (token := await self._personal_token(matched)) is not None:
            self._admit_script(step, token)
        else:
            await self._admit_anybody(step)

    @property
    def matched(self) -> Matched:
        return self.forward.matched

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
        if self._plan is not None:
            head, asked, trace = self.forward.matched.head, self.asked, self.relayed.trace
            return self._plan.request_head(
                head, address.authority, asked.client, asked.id, trace, self._lines
            )
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

    async def _admit_anybody(self, need: NeedSession) -> None:
        """As whose session it is made in, or as nobody."""
        wiring, matched = self._wiring, need.matched
        known = self._at_hand(matched)
        if known is None:
            told = facts(matched.head, matched, wiring.site)
            known = await wiring.authenticator.recognise(told, matched.policy)
        caller = None if known is None else known.caller
        self.forward = identify(need, caller, wiring.sub_for_book, wiring.clock)
        self._count(matched, known)
        if known is not None:
            self.live, self.asked.person = known.live, known.person_hash
            sign_in = self._asked_for_token(known)
            token = None if sign_in is None else await self._provider_token(known.live, sign_in)
            generation = self.asked.policies.generation
            self._identity = identity_lines(wiring, self.forward, known, token, generation)

    async def _personal_token(self, matched: Matched) -> PersonalToken | None:
        """The one that it comes with; None: it is no script's.

        Raises InvalidTokenError, TooManyRequestsError.
        """
        head, scripts = matched.head, self._wiring.scripts
        if scripts is None or matched.origin is not None or not head.lines("authorization"):
            return None
        found = credential(facts(head, matched, self._wiring.site))
        if not isinstance(found, TokenCredential):
            return None
        return await scripts.find(found.token, self.asked.client)

    def _admit_script(self, need: NeedSession, token: PersonalToken) -> None:
        wiring, asked = self._wiring, self.asked
        granted = _granted(token, asked.policies, wiring.clock())
        self.forward = identify_script(need, token, wiring.sub_for_book, wiring.clock, granted)
        try:
            wiring.budgets.admit(_OF_SCRIPTS, _SCRIPTS, token.person)
        except TooManyRequestsError:
            wiring.budgets.refusals += 1
            raise
        self.live = token
        asked.person = None if wiring.scripts is None else wiring.scripts.name_for_logs(token.person)
        self._identity = script_lines(wiring, self.forward, asked.policies.generation)

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
            try:
                self._wiring.budgets.admit(matched.policy.limits, matched.origin, None, known)
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
        with self._wiring.streams.open(
            live, self.matched, self.cut
        ):  # it may take longer than the session lives
            token = await self._wiring.provider_tokens.fresh(sign_in)
        if token is None:
            raise signed_out(self.forward.matched.policy)
        return token


def _granted(token: PersonalToken, policies: PolicyTable, now: float) -> Policy | None:
    """What the origin of the token's book may do, by the policy of now.

    None: it has none, is denied, or takes nobody who came in as the token's maker did.
    """
    origin = parse_origin(token.origin)
    policy = None if origin is None else policies.find(origin, datetime.fromtimestamp(now, UTC).date())
    return policy if policy is not None and takes_script(policy, token) else None
