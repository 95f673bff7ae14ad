"""The fast path: a canonical request for a backend, decided and forwarded on the spot.

It never refuses: whatever is not plainly to be forwarded is handed over, and refused by the plain path.
"""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Final, NamedTuple, Protocol

from gateway.access import TICKET_SUBPROTOCOL, DpopCredential, Facts, admits, cookie_values, credential
from gateway.client_address import Clients, Network
from gateway.cors import READING_METHODS, Surface, Verdict
from gateway.errors import GatewayError
from gateway.known import Known
from gateway.origins import Policy, PolicyTable
from gateway.proxy.asking import Asking, Done, Request
from gateway.proxy.decide import Forward, NeedSession, decide, identify
from gateway.proxy.exchange import Client, Exchange, Shared, Work
from gateway.proxy.fast_websocket import SocketExchange
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head
from gateway.proxy.parsers import read_request
from gateway.proxy.wiring import facts, identity_lines
from gateway.surfaces import surface_of
from gateway.verdicts import Verdicts

_DAY: Final = 86400  # seconds
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_IDS: Final = 64  # request ids that are made at once
_ID: Final = 12  # bytes


class Aside(NamedTuple):
    """Not this path's. body: its bytes; None: nobody knows."""

    body: int | None


_UNKNOWN: Final = Aside(None)
_NO_BODY: Final = Aside(0)


class Policies(Protocol):
    """Where the current generation of origins.yaml is."""

    @property
    def current(self) -> PolicyTable: ...


class Sessions(Protocol):
    def kept(self, cookie_value: str) -> Known | None:
        """The session of a cookie that may be served without a question."""

    def ask(self, cookie_value: str, done: Done) -> None:
        """Looks it up. done: called once, later."""


class Proofs(Protocol):
    def ask(self, facts: Facts, policy: Policy | None, token: str, done: Done) -> None:
        """The session of a token, if the proof beside it is right. done: called once, later."""


class Fast:
    """Of one worker. clock: Unix seconds; token: random bytes."""

    def __init__(
        self,
        shared: Shared,
        sessions: Sessions,
        proofs: Proofs,
        policies: Policies,
        trusted_proxies: Sequence[Network],
        clock: Callable[[], float],
        token: Callable[[int], bytes],
    ) -> None:
        self._shared = shared
        self._wiring = shared.wiring
        self._site = shared.wiring.site
        self._hosts = frozenset({self._site.authority})  # as the plain path: exactly this
        self._sessions = sessions
        self._proofs = proofs
        self._policies = policies
        self._clients = Clients(trusted_proxies)
        self._clock = clock
        self._token = token
        self._lines = Lines()
        self._ids: list[str] = []
        self._verdicts = Verdicts(self._site.public_url)
        self._midnight = 0.0
        self._today = date.min

    def begin(self, client: Client, data: bytes) -> Work | Aside:
        """data: one whole head."""
        head = read_request(data, self._lines, self._hosts)
        if head is None:
            return _UNKNOWN
        try:
            work = self._begin(client, data, head) if _is_plain(head) else None
        except GatewayError:
            work = None
        except Exception:  # the entry point: it is the plain path that tells it as nothing
            self._shared.log.exception("unforeseen", path="fast")
            work = None
        if work is not None:
            return work
        return _UNKNOWN if head.chunked else _NO_BODY if not head.length else Aside(head.length)

    def _begin(self, client: Client, data: bytes, head: Head) -> Work | None:
        """None, or a GatewayError: the plain path's."""
        began, table = time.perf_counter(), self._policies.current
        verdict = self._judge(head.lines("origin"), table)
        step = decide(head, verdict, self._site)
        request = Request(client, data, head, verdict, table.generation, began)
        if isinstance(step, Forward):
            return self._admitted(request, step, None).begin()
        return self._look(request, step)

    def go_on(self, request: Request, need: NeedSession, known: Known | None) -> Work | None:
        """The same, with the session that Redis has told."""
        try:
            return self._identified(request, need, known)
        except GatewayError:
            return None
        except Exception:
            self._shared.log.exception("unforeseen", path="fast")
            return None

    def _look(self, request: Request, need: NeedSession) -> Work | None:
        head, origin = request.head, need.matched.origin
        values: tuple[str, ...] = ()
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
        if known.admitted is policy and record.origin == origin:
            return now < record.ends  # all else that `admits` asks stays as it is
        if not admits(record, origin, policy, now):
            return False
        known.admitted = policy
        return True

    def _identified(self, request: Request, need: NeedSession, known: Known | None) -> Work | None:
        forward = identify(need, None if known is None else known.caller, self._wiring.sub_for_book)
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
            person = None if known is None else known.caller.person
            self._wiring.budgets.admit(matched.policy.limits, matched.origin, person)
        exchange = SocketExchange if request.head.lines("upgrade") else Exchange  # see _is_plain
        return exchange(
            self._shared,
            request.client,
            forward,
            request.verdict,
            known,
            identity,
            self._clients.of(request.client.peer, request.head.lines("x-forwarded-for")),
            self._request_id(request.head),
            request.began,
        )

    def _judge(self, lines: tuple[str, ...], table: PolicyTable) -> Verdict:
        now = self._clock()
        if not self._midnight <= now < self._midnight + _DAY:
            self._midnight = now // _DAY * _DAY
            self._today = datetime.fromtimestamp(now, UTC).date()
        return self._verdicts.of(lines, table, self._today)

    def _request_id(self, head: Head) -> str:
        asked = head.lines("x-request-id")
        if asked and _REQUEST_ID.fullmatch(asked[0]):
            return asked[0]
        if not self._ids:
            text = self._token(_ID * _IDS).hex()
            self._ids = [text[at : at + 2 * _ID] for at in range(0, len(text), 2 * _ID)]
        return self._ids.pop()


def _is_plain(head: Head) -> bool:
    """Whether it is a plain request for a backend: no preflight, no other upgrade, no address of ours."""
    return (
        head.method != "OPTIONS"
        and (not head.lines("upgrade") or head.is_websocket)
        and surface_of(head.path) is Surface.PROXIED  # which has one spelling: see path.py
    )
