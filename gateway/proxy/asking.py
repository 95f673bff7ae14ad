"""A request whose session is asked for before it is forwarded; what comes meanwhile is held."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from gateway.cors import Verdict
from gateway.errors import GatewayError
from gateway.known import Known
from gateway.proxy.client import Client, Work
from gateway.proxy.decide import NeedSession
from gateway.proxy.head import Head
from gateway.proxy.plan import Plan

HELD: Final = 1 << 16  # bytes of a body that wait for the answer

Done = Callable[[Known | GatewayError | None], None]
Question = Callable[[Done], None]  # the answer comes later, once


class Request(NamedTuple):
    """One that its origin may make, as it came on a connection. generation: of the policy.

    began: when its head was here, by the performance counter.
    """

    client: Client
    data: bytes
    head: Head
    verdict: Verdict
    generation: str
    began: float


class Decider(Protocol):
    """Who goes on with it."""

    def serves(self, known: Known, verdict: Verdict) -> bool: ...
    def go_on(self, request: Request, need: NeedSession | Plan, known: Known | None) -> Work | None:
        """None: the plain path's."""


class Asking:
    """questions: put one after the other, until a session serves. nobody: whether none is an answer, too."""

    __slots__ = ("_decider", "_gone", "_held", "_need", "_nobody", "_questions", "_request", "takes_body")

    def __init__(
        self,
        decider: Decider,
        request: Request,
        need: NeedSession | Plan,
        questions: Sequence[Question],
        *,
        nobody: bool,
    ) -> None:
        self._decider = decider
        self._request = request
        self._need = need
        self._nobody = nobody
        self._held = b""
        self._gone = False
        self.takes_body = request.head.has_body
        self._questions = questions[1:]
        questions[0](self._told)

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
        """Who is asked has time-outs of its own."""

    def _told(self, answer: Known | GatewayError | None) -> None:
        if self._gone:
            return
        request, known = self._request, None
        if isinstance(answer, Known) and self._decider.serves(answer, request.verdict):
            known = answer
        elif self._questions and not isinstance(answer, GatewayError):
            question, self._questions = self._questions[0], self._questions[1:]
            question(self._told)
            return
        work = None
        if known is not None or (self._nobody and not isinstance(answer, GatewayError)):
            work = self._decider.go_on(request, self._need, known)
        if work is None:
            head = request.head
            length = None if head.chunked else len(request.data) + (head.length or 0)
            request.client.hand_over(request.data + self._held, length)
        else:
            request.client.go_on(work, self._held)
