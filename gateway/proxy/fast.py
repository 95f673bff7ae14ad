"""The fast path: a canonical request for a backend, decided and forwarded on the spot.

It never refuses: whatever is not plainly to be forwarded is handed over, and refused by the plain path.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol

from gateway.access import TICKET_SUBPROTOCOL, DpopCredential, Facts, admits, cookie_values, credential
from gateway.cors import READING_METHODS, Surface, Verdict
from gateway.errors import GatewayError
from gateway.known import Known
from gateway.origins import Policy
from gateway.proxy.asking import Asking, Done, Request
from gateway.proxy.client import Client, Work
from gateway.proxy.decide import Forward, NeedSession, decide, identify
from gateway.proxy.exchange import Exchange, Shared
from gateway.proxy.fast_websocket import SocketExchange
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head
from gateway.proxy.parsers import read_request
from gateway.proxy.plan import Plan, Plans
from gateway.proxy.planned import PlannedExchange, identity_text
from gateway.proxy.trace import said_trace
from gateway.proxy.wiring import facts, identity_lines
from gateway.reception import Reception
from gateway.surfaces import surface_of


class Aside(NamedTuple):
    """Not this path's. body: its bytes; None: nobody knows."""

    body: int | None


_UNKNOWN: Final = Aside(None)
_NO_BODY: Final = Aside(0)


class Sessions(Protocol):
    def kept(self, cookie_value: str) -> Known | None:
        """The session of a cookie that may be served without a question."""

    def ask(self, cookie_value: str, done: Done) -> None:
        """Looks it up. done: called once, later."""


class Proofs(Protocol):
    def ask(self, facts: Facts, policy: Policy | None, token: str, done: Done) -> None:
        """The session of a token, if the proof beside it is right. done: called once, later."""


class Fast:
    """Of one worker. clock: Unix seconds."""

    def __init__(
        self,
        shared: Shared,
        sessions: Sessions,
        proofs: Proofs,
        reception: Reception,
        clock: Callable[[], float],
    ) -> None:
        self.outbox = shared.wiring.upstreams.outbox
        self._shared = shared
        self._wiring = shared.wiring
        self._site = shared.wiring.site
        self._hosts = frozenset({self._site.authority})  # as the plain path: exactly this
        self._sessions = sessions
        self._proofs = proofs
        self._reception = reception
        self._clock = clock
        self._lines = Lines()
        self._plans = Plans(self._site)

    def begin(self, client: Client, data: bytes) -> Work | Aside:
        """data: one whole head."""
        head = read_request(data, self._lines, self._hosts)
        if head is None:
            return _UNKNOWN
        try:
            work = self._planned(client, data, head)
            if work is None and _is_plain(head):
                work = self._begin(client, data, head)
        except GatewayError:
            work = None
        except Exception:  # the entry point: it is the plain path that tells it as nothing
            self._shared.log.exception("unforeseen", path="fast")
            work = None
        if work is not None:
            return work
        return _UNKNOWN if head.chunked else _NO_BODY if not head.length else Aside(head.length)

    def _planned(self, client: Client, data: bytes, head: Head) -> Work | None:
        """Where its like was decided before; None: it is to be decided."""
        began, now, table = time.perf_counter(), self._clock(), self._reception.policies.current
        plan = self._plans.find(head, table, now)
        if plan is None or (head.length or 0) > plan.backend.max_body:
            return None
        known = None
        if plan.needs_session:
            value = plan.cookie_value(head)
            if value is None or head.lines("x-bookgate-person"):
                return None
            known = self._sessions.kept(value)
            if known is None:
                request = Request(client, data, head, plan.verdict, table.generation, began)
                return Asking(self, request, plan, [partial(self._sessions.ask, value)], nobody=True)
            if not plan.fits(known, now):
                return None
        return self._by_plan(client, head, plan, known, table.generation, began, now)

    def _by_plan(
        self,
        client: Client,
        head: Head,
        plan: Plan,
        known: Known | None,
        generation: str,
        began: float,
        now: float,
    ) -> Work:
        """known: who fits; None: the plan needs nobody. now: Unix seconds."""
        wiring = self._wiring
        identity = "" if known is None else identity_text(wiring, plan, head, known, generation, now)
        wiring.budgets.admit(plan.policy.limits, plan.origin, None, known)
        exchange = PlannedExchange(
            self._shared,
            client,
            plan,
            head,
            known,
            identity,
            self._reception.client(client.peer, head.lines("x-forwarded-for")),
            self._reception.request_id(head.one("x-request-id")),
            wiring.traces.make(),
            began,
        )
        return exchange.begin()

    def _begin(self, client: Client, data: bytes, head: Head) -> Work | None:
        """None, or a GatewayError: the plain path's."""
        began, table = time.perf_counter(), self._reception.policies.current
        verdict = self._reception.verdict(head.lines("origin"), table)
        step = decide(head, verdict, self._site)
        self._plans.keep(step, verdict, table)
        request = Request(client, data, head, verdict, table.generation, began)
        if isinstance(step, Forward):
            return self._admitted(request, step, None).begin()
        return self._look(request, step)

    def go_on(self, request: Request, need: NeedSession | Plan, known: Known | None) -> Work | None:
        """The same, with the session that Redis has told."""
        try:
            if isinstance(need, Plan):
                return self._told(request, need, known)
            return self._identified(request, need, known)
        except GatewayError:
            return None
        except Exception:
            self._shared.log.exception("unforeseen", path="fast")
            return None

    def _told(self, request: Request, plan: Plan, known: Known | None) -> Work | None:
        head, now = request.head, self._clock()
        if known is None or not plan.fits(known, now):
            return self._identified(request, NeedSession(plan.matched(head)), known)
        if known.sign_in is not None:
            self._wiring.provider_tokens.seen(known.sign_in)
        return self._by_plan(request.client, head, plan, known, request.generation, request.began, now)

    def _look(self, request: Request, need: NeedSession) -> Work | None:
        head, origin = request.head, need.matched.origin
        values: tuple[str, ...] = ()
        if origin is None and head.lines("authorization"):
            return None  # of a script, as it may be: in access.credential
        if origin is not None and origin != self._site.public_url:  # else nobody's, as in access.credential
            if head.lines("authorization"):
                return self._look_at_proof(request, need)
            if head.lines("upgrade") and any(one.startswith(TICKET_SUBPROTOCOL) for one in head.subprotocols):
                return None  # good for once: the plain path's
            values = cookie_values(origin, head.lines("cookie"))
        for place, value in enumerate(values):
            known = self._sessions.kept(value)
            if known is None:
                questions = [partial(self._sessions.ask, value) for value in values[place:]]
                return Asking(self, request, need, questions, nobody=True)
            if self.serves(known, request.verdict):
                break
        else:
            known = None
        return self._identified(request, need, known)

    def _look_at_proof(self, request: Request, need: NeedSession) -> Work | None:
        """Only of what reads: a proof that may be used once is the plain path's."""
        asked = facts(request.head, need.matched, self._site)
        found = credential(asked)
        if request.head.method not in READING_METHODS or not isinstance(found, DpopCredential):
            return None
        question = partial(self._proofs.ask, asked, request.verdict.policy, found.token)
        return Asking(self, request, need, [question], nobody=False)

    def serves(self, known: Known, verdict: Verdict) -> bool:
        """Whether a session serves the origin that asks, by the policy of now."""
        origin, policy, record, now = verdict.origin, verdict.policy, known.live.record, int(self._clock())
        if origin is None or policy is None:
            return False
        if known.admitted is policy and known.origin == origin:
            return now < known.ends  # all else that `admits` asks stays as it is
        if not admits(record, origin, policy, now):
            return False
        known.admitted = policy
        return True

    def _identified(self, request: Request, need: NeedSession, known: Known | None) -> Work | None:
        caller = None if known is None else known.caller
        forward = identify(need, caller, self._wiring.sub_for_book, self._clock)
        if known is not None and known.sign_in is not None:
            if forward.caller is not None and forward.matched.backend.provider_token is not None:
                return None  # its provider may have to be asked
            self._wiring.provider_tokens.seen(known.sign_in)
        return self._admitted(request, forward, known).begin()

    def _admitted(self, request: Request, forward: Forward, known: Known | None) -> Exchange:
        """The last that may refuse are the budgets: what is handed over is counted there, and once."""
        matched = forward.matched
        identity = identity_lines(self._wiring, forward, known, None, request.generation)
        if matched.policy is not None and matched.origin is not None:
            self._wiring.budgets.admit(matched.policy.limits, matched.origin, None, known)
        exchange = SocketExchange if request.head.lines("upgrade") else Exchange  # see _is_plain
        return exchange(
            self._shared,
            request.client,
            matched,
            request.verdict,
            known,
            identity,
            self._reception.client(request.client.peer, request.head.lines("x-forwarded-for")),
            self._reception.request_id(request.head.one("x-request-id")),
            said_trace(request.head.lines("traceparent")) or self._wiring.traces.make(),
            request.began,
        )


def _is_plain(head: Head) -> bool:
    """Whether it is a plain request for a backend: no preflight, no other upgrade, no address of ours."""
    return (
        head.method != "OPTIONS"
        and (not head.lines("upgrade") or head.is_websocket)
        and surface_of(head.path) is Surface.PROXIED  # which has one spelling: see path.py
    )
