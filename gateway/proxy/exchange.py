"""One request on the fast path, from its decision to the last byte of its answer: callbacks, no task."""

import asyncio
import time
from typing import ClassVar, Final, NamedTuple, Protocol, Self

from gateway.cors import Verdict
from gateway.errors import (
    BackendBrokenError,
    GatewayError,
    InvalidRequestError,
    PayloadTooLargeError,
    RequestTimeoutError,
)
from gateway.known import Known
from gateway.proxy.answer import Answer, answer
from gateway.proxy.answer_bytes import AnswerBytes
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.call import Call
from gateway.proxy.chunked import LAST, ChunkedError, Decoder, chunk
from gateway.proxy.client import Client
from gateway.proxy.decide import Matched, request_head
from gateway.proxy.pace import Pace
from gateway.proxy.wiring import Wiring
from gateway.refusals import json_body, json_headers, reason
from gateway.routes import Address
from gateway.telemetry import Log

Headers = tuple[tuple[str, str], ...]

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS: Final = frozenset({204, 304})
_KEEP_ALIVE: Final = ("keep-alive",)  # what browsers say
_WAITS, _SENDS, _READS = range(3)  # what the client does


class Note(Protocol):
    """Where a request that has ended is noted."""

    def __call__(self, exchange: "Exchange", status: int, why: str | None) -> None: ...


class Shared(NamedTuple):
    """What all exchanges of a worker have."""

    wiring: Wiring
    note: Note
    bytes: AnswerBytes
    log: Log


class Exchange:
    """Made by `Fast`, and begun by it. It is its stream, too: see streams.py."""

    __slots__ = (
        "_call", "_chunked", "_client", "_counts", "_decoder", "_endless", "_identity", "_keep", "_left",
        "_moved", "_over", "_pace", "_paused", "_shared", "_status", "_turn", "_wiring", "address", "asked",
        "began", "bytes_in", "bytes_out", "first_byte", "known", "matched", "person", "request_id",
        "takes_body", "trace", "verdict",
    )  # fmt: skip

    switches: ClassVar = False  # whether it may become a WebSocket

    def __init__(
        self,
        shared: Shared,
        client: Client,
        matched: Matched,
        verdict: Verdict,
        known: Known | None,
        identity: Headers,
        address: str | None,
        request_id: str,
        trace: str,
        began: float,
    ) -> None:
        """address: the client's, as trusted proxies tell it. began: when its head was here."""
        head = matched.head
        self._shared = shared
        self._wiring = shared.wiring
        self._client = client
        self.matched = matched
        self.verdict = verdict
        self.known = known
        self.person = None if known is None else known.person_hash
        self._identity = identity
        self.address = address
        self.request_id = request_id
        self.trace = trace
        self.takes_body = head.has_body
        self._left = head.length or 0  # bytes of the body that are to come, where that is known
        self._decoder = Decoder() if head.chunked else None
        self._status = 0  # of the answer that was begun
        self._keep = False
        self._chunked = False
        self._endless = False
        self._over = False
        self._paused = False  # the backend takes no more of the body for now
        policy = matched.policy
        self._counts = policy is not None and policy.limits.bytes is not None
        self._pace: Pace | None = None  # the client's, while it is its turn
        self._turn = _WAITS
        self._moved = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.began = began
        self.asked = time.perf_counter()
        self.first_byte: float | None = None

    @property
    def url(self) -> int | None:
        """Which of the backend's was asked."""
        return self._call.index if self._call.index >= 0 else None

    def begin(self) -> Self:
        """Ask the backend."""
        matched = self.matched
        head = matched.head
        has_body = self.takes_body and not self.switches
        try:
            if self.known is not None:
                self._wiring.streams.enter(self, self.known)
            if has_body and head.expects_continue:
                self._client.write(_CONTINUE)
            self._call: Call = self._wiring.upstreams[matched.backend.name].call(
                self,
                self._request_head,
                method=head.method,
                has_body=has_body,
                chunked=head.chunked,
                switches=self.switches,
            )
        except Exception:
            self._over = True  # somebody else answers
            self._wiring.streams.leave(self)
            raise
        return self

    def _request_head(self, address: Address) -> bytes:
        return request_head(
            self.matched,
            self._wiring.site,
            address,
            client=self.address,
            request_id=self.request_id,
            trace=self.trace,
            identity=self._identity,
        )

    # --- of the client

    def received(self, data: bytes) -> bytes:
        if self._decoder is not None:
            try:
                payload, rest = self._decoder.feed(data), self._decoder.rest
            except ChunkedError as error:
                self._refuse(InvalidRequestError(f"the body's framing broke: {error}", close=True))
                return b""
            ended = self._decoder.ended
        else:
            payload, rest = (
                (data, b"") if len(data) <= self._left else (data[: self._left], data[self._left :])
            )
            self._left -= len(payload)
            ended = not self._left
        if payload:
            self.bytes_in += len(payload)
            self._spend(len(payload))
            if self.bytes_in > self.matched.backend.max_body:
                self._refuse(PayloadTooLargeError(f"{self.bytes_in} bytes and more", close=True))
                return b""
            self._call.send(payload)
        if ended and not self._over:
            self.takes_body = False
            self._call.end()
        return rest

    def client_gone(self) -> None:
        if not self._over:
            self._end(499, None)
            self._call.cancel()

    def client_full(self) -> None:
        self._call.pause()

    def client_drained(self) -> None:
        self._call.resume()

    def look(self, now: float) -> None:
        """Whose turn it was at the last look, and is now, has to move something."""
        if self._client.full:
            turn, moved = _READS, self.bytes_out - self._client.undelivered
        else:
            turn, moved = _SENDS if self.takes_body and not self._paused else _WAITS, self.bytes_in
        if self._pace is None:
            self._pace = Pace(now)
        if turn != self._turn:
            self._turn = turn
            self._pace.go_on(now)
        elif turn != _WAITS:
            self._pace.moved(moved - self._moved)
            if self._pace.is_too_slow(now):
                self._stalled(turn)
        self._moved = moved

    def _stalled(self, turn: int) -> None:
        if turn == _SENDS and not self._status:
            self._refuse(RequestTimeoutError("the body stalled", close=True))
        else:
            self._call.cancel()
            self._end(self._status, "client_stalled")
            self._client.reset()

    # --- of the backend

    def answer_head(self, head: AnswerHead, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        if self._over:
            return
        matched = self.matched
        try:
            made = answer(self.matched, self._wiring.site, head)
        except BackendBrokenError as error:
            self._call.cancel()
            self.answer_failed(error)
            return
        bodiless = matched.head.method == "HEAD" or made.status in _BODILESS
        self._status = made.status
        self.first_byte = time.perf_counter()
        self._chunked = made.length is None and not bodiless
        self._keep = self._may_keep()
        out = self._shared.bytes.head(
            made,
            self.verdict,
            self.request_id,
            embed=matched.route.embed,
            bodiless=bodiless,
            close=not self._keep,
        )
        if not ended and made.is_event_stream:
            self._call.leave_bulkhead()  # it may stay for hours; the bulkhead is for backends that hang
            self._endless = self._chunked
        self._write(out, data, ended)
        if self._endless and not self._over:
            self._wiring.streams.stay(self)

    def answer_data(self, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        self._write(b"", data, ended)

    def answer_failed(self, error: GatewayError) -> None:
        if self._over:
            return
        if self._status:
            # the head is out: only a broken connection tells the reader that this is not all of it
            self._end(self._status, reason(error))
            self._client.abort()
        else:
            self._refuse(error)

    def upload_paused(self) -> None:
        self._paused = True
        self._client.pause_reading()

    def upload_resumed(self) -> None:
        self._paused = False
        self._client.resume_reading()

    def switched(self, _head: AnswerHead, transport: asyncio.Transport, _rest: bytes) -> None:
        """Nobody asked for it."""
        transport.abort()
        self.answer_failed(BackendBrokenError("switched"))

    def _write(self, head: bytes, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        if data:
            self.bytes_out += len(data)
            if self._counts:
                self._spend(len(data))
            if self._chunked:
                data = chunk(data)
        if ended and self._chunked:
            data += LAST
        if not ended:
            self._client.write(head + data if head else data)
        elif head:
            self._client.write_whole(head + data)
            self._finish()
        else:
            self._client.write(data)
            self._finish()

    # --- of the gateway

    def cut(self) -> None:
        """Its session has ended."""
        if not self._over:
            self._end(self._status or 499, "session ended")
            self._call.cancel()
            self._client.abort()

    def end_politely(self) -> None:
        """The gateway stops: the stream ends as if it were over; its reader connects again (HTML, 9.2.3)."""
        if not self._over:
            self._call.cancel()
            self._client.write(LAST)
            self._keep = False
            self._finish()

    def _may_keep(self) -> bool:
        if self.takes_body or self._client.closing:
            return False
        head = self.matched.head
        said = head.lines("connection")
        return not said or said == _KEEP_ALIVE or "close" not in head.connection

    def _refuse(self, error: GatewayError) -> None:
        """Instead of an answer, where none has begun."""
        self._call.cancel()
        if self._status:
            self._end(self._status, reason(error))
            self._client.abort()
            return
        self._keep = self._may_keep() and not error.close
        body = json_body(error, self.request_id)
        ours = json_headers(error, self._wiring.site.public_url)
        made = Answer(error.status, (), ours, len(body), is_event_stream=False)
        bodiless = self.matched.head.method == "HEAD"
        self._client.write(self._head_bytes(made, bodiless=bodiless) + (b"" if bodiless else body))
        self._end(error.status, reason(error))
        self._client.done(keep=self._keep, left=self._left_over())

    def _finish(self) -> None:
        self._end(self._status, None)
        if self.takes_body:
            self._call.cancel()
        self._client.done(keep=self._keep, left=self._left_over())

    def _left_over(self) -> int | None:
        if not self.takes_body:
            return 0
        return None if self._decoder is not None else self._left

    def _end(self, status: int, why: str | None) -> None:
        self._over = True
        if self.known is not None:
            self._wiring.streams.leave(self)
        if self._endless:
            self._wiring.streams.go(self)
        self._shared.note(self, status, why)

    def _head_bytes(self, made: Answer, *, bodiless: bool) -> bytes:
        embed = self.matched.route.embed
        return self._shared.bytes.head(
            made, self.verdict, self.request_id, embed=embed, bodiless=bodiless, close=not self._keep
        )

    def _spend(self, size: int) -> None:
        matched = self.matched
        if matched.policy is not None and matched.origin is not None:
            self._wiring.budgets.spend(matched.policy.limits, matched.origin, size)
