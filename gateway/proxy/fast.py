"""The fast path: a canonical request for a backend, decided and forwarded on the spot.

It never refuses: whatever is not plainly to be forwarded is handed over, and refused by the plain path.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote

from gateway.access import admits, cookie_values
from gateway.client_address import Network, client_address
from gateway.cors import Surface, Verdict, judge
from gateway.errors import GatewayError
from gateway.known import Known
from gateway.origins import PolicyTable
from gateway.proxy.canonical import Lines, read_request
from gateway.proxy.decide import Forward, NeedSession, decide, identify
from gateway.proxy.exchange import Client, Exchange, Shared, Work
from gateway.proxy.head import Head
from gateway.proxy.wiring import identity_lines, sign_in_of
from gateway.surfaces import surface_of

HELD: Final = 1 << 16  # bytes of a body that wait for the answer of Redis
_MEMO: Final = 4096  # origins, and addresses, that are remembered
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

    def ask(self, cookie_value: str, done: Callable[[Known | GatewayError | None], None]) -> None:
        """Looks it up. done: called once, later."""


class Request(NamedTuple):
    """One that its origin may make, as it came on a connection. generation: of the policy."""

    client: Client
    data: bytes
    head: Head
    verdict: Verdict
    generation: str


class Fast:
    """Of one worker. clock: Unix seconds; token: random bytes."""

    def __init__(
        self,
        shared: Shared,
        sessions: Sessions,
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
        self._policies = policies
        self._trusted = trusted_proxies
        self._clock = clock
        self._token = token
        self._lines = Lines()
        self._ids: list[str] = []
        self._verdicts: dict[tuple[str, ...], Verdict] = {}
        self._judged: tuple[PolicyTable | None, int] = (None, 0)
        self._addresses: dict[tuple[str | None, tuple[str, ...]], str | None] = {}

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
        table = self._policies.current
        verdict = self._judge(head.lines("origin"), table)
        step = decide(head, verdict, self._site)
        request = Request(client, data, head, verdict, table.generation)
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
                return None  # a proof, or nobody's
            values = cookie_values(origin, head.lines("cookie"))
        for place, value in enumerate(values):
            known = self._sessions.kept(value)
            if known is None:
                return Asking(self, self._sessions, request, need, values[place:])
            if self.serves(known, request.verdict):
                break
        else:
            known = None
        return self._identified(request, need, known)

    def serves(self, known: Known, verdict: Verdict) -> bool:
        """Whether a session serves the origin that asks, by the policy of now."""
        origin = verdict.origin
        return origin is not None and admits(known.live.record, origin, verdict.policy, int(self._clock()))

    def _identified(self, request: Request, need: NeedSession, known: Known | None) -> Work | None:
        forward = identify(need, None if known is None else known.caller, self._wiring.sub_for_book)
        sign_in = None if known is None else sign_in_of(known.live)
        if sign_in is not None:
            if forward.caller is not None and forward.matched.backend.provider_token is not None:
                return None  # its provider may have to be asked
            self._wiring.provider_tokens.seen(sign_in)
        return self._admitted(request, forward, known).begin()

    def _admitted(self, request: Request, forward: Forward, known: Known | None) -> Exchange:
        """The last that may refuse are the budgets: what is handed over is counted there, and once."""
        matched = forward.matched
        identity = identity_lines(self._wiring, forward, known, None, request.generation)
        if matched.policy is not None and matched.origin is not None:
            person = None if known is None else known.caller.person
            self._wiring.budgets.admit(matched.policy.limits, matched.origin, person)
        return Exchange(
            self._shared,
            request.client,
            forward,
            request.verdict,
            known,
            identity,
            self._address(request.client.peer, request.head.lines("x-forwarded-for")),
            self._request_id(request.head),
        )

    def _judge(self, lines: tuple[str, ...], table: PolicyTable) -> Verdict:
        """As `judge`: an origin's standing is the same until the policy or the day is another."""
        now = self._clock()
        day = int(now // 86400)
        if self._judged != (table, day):
            self._judged = (table, day)
            self._verdicts.clear()
        found = self._verdicts.get(lines)
        if found is None:
            if len(self._verdicts) >= _MEMO:
                self._verdicts.clear()
            found = judge(lines, table, self._site.public_url, datetime.fromtimestamp(now, UTC).date())
            self._verdicts[lines] = found
        return found

    def _address(self, peer: str | None, forwarded_for: tuple[str, ...]) -> str | None:
        key = (peer, forwarded_for)
        if key not in self._addresses:
            if len(self._addresses) >= _MEMO:
                self._addresses.clear()
            self._addresses[key] = client_address(peer, forwarded_for, self._trusted)
        return self._addresses[key]

    def _request_id(self, head: Head) -> str:
        asked = head.lines("x-request-id")
        if asked and _REQUEST_ID.fullmatch(asked[0]):
            return asked[0]
        if not self._ids:
            text = self._token(_ID * _IDS).hex()
            self._ids = [text[at : at + 2 * _ID] for at in range(0, len(text), 2 * _ID)]
        return self._ids.pop()


class Asking:
    """A request whose session Redis is asked for; then forwarded, or handed over with all that came."""

    __slots__ = ("_fast", "_gone", "_held", "_need", "_request", "_sessions", "_values", "takes_body")

    def __init__(
        self, fast: Fast, sessions: Sessions, request: Request, need: NeedSession, values: tuple[str, ...]
    ) -> None:
        """values: of cookies, any of which may be the session's; one at least."""
        self._fast = fast
        self._sessions = sessions
        self._request = request
        self._need = need
        self._held = b""
        self._gone = False
        self.takes_body = request.head.has_body
        self._values = values[1:]
        sessions.ask(values[0], self._told)

    def received(self, data: bytes) -> bytes:
        self._held += data
        if len(self._held) > HELD:
            self._request.client.pause_reading()
        return b""

    def client_gone(self) -> None:
        self._gone = True

    def client_full(self) -> None:
        """Nothing is written yet."""

    def client_drained(self) -> None: ...

    def look(self, now: float) -> None:
        """The store has its own time-outs."""

    def _told(self, answer: Known | GatewayError | None) -> None:
        if self._gone:
            return
        request, known = self._request, None
        if isinstance(answer, Known) and self._fast.serves(answer, request.verdict):
            known = answer
        elif not isinstance(answer, GatewayError) and self._values:
            value, *rest = self._values
            self._values = tuple(rest)
            self._sessions.ask(value, self._told)
            return
        work = None
        if not isinstance(answer, GatewayError):
            work = self._fast.go_on(request, self._need, known)
        if work is None:
            head = request.head
            length = None if head.chunked else len(request.data) + (head.length or 0)
            request.client.hand_over(request.data + self._held, length)
        else:
            request.client.go_on(work, self._held)


def _is_plain(head: Head) -> bool:
    """Whether it is a plain request for a backend: no preflight, no upgrade, no address of ours."""
    if head.method == "OPTIONS" or head.lines("upgrade"):
        return False
    path = head.path
    if surface_of(path) is not Surface.PROXIED:
        return False
    return "%" not in path or surface_of(unquote(path)) is Surface.PROXIED
