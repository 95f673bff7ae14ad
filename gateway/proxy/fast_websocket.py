"""A WebSocket on the fast path: the handshake is checked at both ends, then bytes are relayed as they come.

What is relayed is followed frame by frame, so that the gateway can say a word of its own between two.
"""

import asyncio
import time
from base64 import b64encode
from hashlib import sha1
from itertools import starmap
from typing import ClassVar, Final, cast

from gateway.errors import BackendBrokenError, ForbiddenError, GatewayError
from gateway.proxy.answer import Answer
from gateway.proxy.answer_head import AnswerHead, Line
from gateway.proxy.connection import BUFFER
from gateway.proxy.decide import Matched, outgoing, target
from gateway.proxy.exchange import Exchange
from gateway.proxy.frames import GOING_AWAY, FrameError, Frames, close_frame, ping_frame
from gateway.proxy.request_bytes import request_bytes
from gateway.proxy.sockets import CLOSING, HEARTBEAT
from gateway.proxy.websocket import RESTART, SESSION_ENDED, chosen_protocol, their_protocols
from gateway.routes import Address

GONE: Final = 2 * HEARTBEAT  # seconds without a byte, a ping unanswered
_SWITCHING: Final = 101
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_ENDED: Final = b"the session has ended"
_RESTARTS: Final = b"the gateway restarts"


class _End:
    """One end of a socket, as `look` sees it. heard, pinged: when, by the loop's clock."""

    __slots__ = ("bytes", "heard", "pinged")

    def __init__(self) -> None:
        self.bytes = -1  # that had come from it at the last look
        self.heard = 0.0
        self.pinged: float | None = None


class SocketExchange(Exchange, asyncio.Protocol):
    """The request, then the socket that it became: the protocol of the backend's connection from then on."""

    __slots__ = (
        "_backend",
        "_backend_end",
        "_client_end",
        "_cut",
        "_early",
        "_said",
        "_silent",
        "_spent",
        "_told",
    )

    switches: ClassVar = True

    def begin(self) -> "SocketExchange":
        self.takes_body = True
        self._backend: asyncio.Transport | None = None
        self._cut = False  # the session ended before there was a socket
        self._early = b""  # what the client said before it was asked to
        self._said = Frames(masked=True)  # by the client
        self._told = Frames(masked=False)  # by the backend
        self._client_end = _End()
        self._backend_end = _End()
        self._spent = 0  # bytes that the budgets know of
        self._silent: float | None = None  # since one end has closed, by the loop's clock
        super().begin()
        return self

    def _request_head(self, address: Address) -> bytes:
        matched = self.matched
        headers = outgoing(
            self.matched,
            self._wiring.site,
            client=self.address,
            request_id=self.request_id,
            trace=self.trace,
            identity=self._identity,
        )
        asked = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        asked.append(("Sec-WebSocket-Key", _key(matched)))
        theirs = their_protocols(matched.head.subprotocols)
        if theirs:
            asked.append(("Sec-WebSocket-Protocol", ",".join(theirs)))
        return request_bytes(matched.head.method, target(matched), (*headers, *asked), address)

    # --- the handshake

    def answer_head(self, head: AnswerHead, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument, unused-method-argument]
        """It became none."""
        self._call.cancel()
        said = f"the backend answered the handshake with {head.status}"
        self.answer_failed(ForbiddenError(said) if 400 <= head.status <= 499 else BackendBrokenError(said))

    def answer_failed(self, error: GatewayError) -> None:
        self.takes_body = bool(self._early)
        super().answer_failed(error)

    def switched(self, head: AnswerHead, transport: asyncio.Transport, rest: bytes) -> None:
        if self._over:
            transport.abort()
            return
        try:
            made = _switching(head, self.matched)
        except BackendBrokenError as error:
            transport.abort()
            self.answer_failed(error)
            return
        self._status, self._keep, self._endless = _SWITCHING, True, True
        self.first_byte = time.perf_counter()
        self._backend = transport
        transport.set_protocol(self)
        self._client.write(self._head_bytes(made, bodiless=True))
        self._wiring.streams.stay(self)
        if self._cut:
            self._part(SESSION_ENDED, _ENDED, "session ended")
        if rest and not self._over:
            self.data_received(rest)
        early, self._early = self._early, b""
        if early and not self._over:
            self.received(early)
        if not self._over:
            if not self._paused:
                self._client.resume_reading()
            if self._client.full:
                transport.pause_reading()

    # --- both ways

    def received(self, data: bytes) -> bytes:
        backend = self._backend
        if backend is None:
            self._early += data
            if len(self._early) > BUFFER:
                self._client.pause_reading()
            return b""
        try:
            self._said.feed(data)
        except FrameError as error:
            self._broken(error, to_client=self._told.at_border, to_backend=error.at_border)
            return b""
        self.bytes_in += len(data)
        backend.write(data)
        if self._said.closed:
            self._look_at_close()
        return b""

    def data_received(self, data: bytes) -> None:
        """From the backend."""
        if self._over:
            return
        try:
            self._told.feed(data)
        except FrameError as error:
            self._broken(error, to_client=error.at_border, to_backend=self._said.at_border)
            return
        self.bytes_out += len(data)
        self._client.write(data)
        if self._told.closed:
            self._look_at_close()

    def _broken(self, error: FrameError, *, to_client: bool, to_backend: bool) -> None:
        self._say_and_end(error.code, b"", error.code if to_backend else None, "framing", to_client=to_client)

    def _look_at_close(self) -> None:
        """Both have said goodbye."""
        if self._said.ended and self._told.ended:
            self._end(_SWITCHING, None)
            self._close_backend(None)
            self._client.done(keep=False, left=0)

    # --- the ends

    def client_gone(self) -> None:
        if self._backend is None:
            super().client_gone()
        elif not self._over:
            self._end(_SWITCHING, None)
            self._close_backend(self._farewell())

    def connection_lost(self, _: Exception | None) -> None:
        """Of the backend."""
        self._part(GOING_AWAY, b"", None)

    def cut(self) -> None:
        if self._backend is None:
            self._cut = True
        else:
            self._part(SESSION_ENDED, _ENDED, "session ended")

    def end_politely(self) -> None:
        self._part(RESTART, _RESTARTS, None)

    def _part(self, code: int, reason: bytes, why: str | None) -> None:
        """The gateway ends it. code: what the client is told."""
        self._say_and_end(code, reason, self._farewell(), why, to_client=self._told.at_border)

    def _farewell(self) -> int | None:
        """What the backend is told; None: there is no place for a word."""
        return GOING_AWAY if self._said.at_border else None

    def _say_and_end(
        self, code: int, reason: bytes, backend_code: int | None, why: str | None, *, to_client: bool
    ) -> None:
        if self._over:
            return
        self._end(_SWITCHING, why)
        self._close_backend(backend_code)
        if to_client:
            self._client.write(close_frame(code, reason, masked=False))
        if to_client or self._told.ended:
            self._client.done(keep=False, left=None, hears_end=self._hears_goodbye)
        else:
            self._client.abort()  # in the middle of a frame there is no word to say

    def _hears_goodbye(self, data: bytes) -> bool:
        """Whether both have said it: its client waits for the end then (RFC 6455 section 7.1.1)."""
        try:
            self._said.feed(data)
        except FrameError:
            return True
        return self._said.ended

    def _end(self, status: int, why: str | None) -> None:
        self._spend_since()
        super()._end(status, why)

    def _close_backend(self, code: int | None) -> None:
        """code: what it is told first."""
        transport = cast("asyncio.Transport", self._backend)
        if code is not None:
            transport.write(close_frame(code, masked=True))
        transport.close()
        asyncio.get_running_loop().call_later(CLOSING, transport.abort)

    # --- pace

    def client_full(self) -> None:
        if self._backend is None:
            super().client_full()
        else:
            self._backend.pause_reading()

    def client_drained(self) -> None:
        if self._backend is None:
            super().client_drained()
        else:
            self._backend.resume_reading()

    def pause_writing(self) -> None:
        """The backend does not read."""
        self.upload_paused()

    def resume_writing(self) -> None:
        self.upload_resumed()

    def look(self, now: float) -> None:
        if self._backend is None:
            return
        self._spend_since()
        if self._client.full:
            super().look(now)
        else:
            self._pace = None
        self._look_at_silence(now)
        if not self._over and (self._said.closed or self._told.closed):
            self._silent = now if self._silent is None else self._silent
            if now - self._silent > CLOSING:
                self._part(GOING_AWAY, b"", None)

    def _spend_since(self) -> None:
        """Since the last look: what costs little is not counted byte by byte."""
        size = self.bytes_in + self.bytes_out - self._spent
        if size:
            self._spent += size
            self._spend(size)

    def _look_at_silence(self, now: float) -> None:
        """An end is asked whether it is there, where there is a place; within its own frame it owes the rest.

        Who is not read from is not silent, and who takes a long message is left to its pace.
        """
        ends = (
            (self._client_end, self.bytes_in, self._paused, self._said),
            (self._backend_end, self.bytes_out, self._client.full, self._told),
        )
        for end, size, is_paused, frames in ends:
            if end.bytes != size or is_paused:
                end.bytes, end.heard, end.pinged = size, now, None
            elif now - end.heard >= GONE and (frames.within or _is_unanswered(end, now)):
                self._part(GOING_AWAY, b"", "silent")
            elif now - end.heard >= HEARTBEAT and end.pinged is None and self._ping(end):
                end.pinged = now

    def _ping(self, end: _End) -> bool:
        """Between two frames that it is told; False: there is no place now."""
        if self._over:
            return False
        if end is self._client_end and self._told.at_border:
            self._client.write(ping_frame(masked=False))
            return True
        if end is self._backend_end and self._said.at_border and self._backend is not None:
            self._backend.write(ping_frame(masked=True))
            return True
        return False

    def _stalled(self, turn: int) -> None:
        self._close_backend(self._farewell())
        super()._stalled(turn)


def _is_unanswered(end: _End, now: float) -> bool:
    return end.pinged is not None and now - end.pinged >= GONE - HEARTBEAT


def _key(matched: Matched) -> str:
    return matched.head.lines("sec-websocket-key")[0]


def _switching(head: AnswerHead, matched: Matched) -> Answer:
    """The answer to the client. BackendBrokenError: the backend's is none (RFC 6455 section 4.1)."""
    said: dict[str, list[str]] = {}
    for line in head.lines:
        said.setdefault(line.low, []).append(line.value)
    digest = sha1(_key(matched).encode() + _GUID, usedforsecurity=False).digest()
    accept = b64encode(digest).decode()
    upgrade = [value.lower() for value in said.get("upgrade", ())]
    if upgrade != ["websocket"] or "upgrade" not in head.options:
        raise BackendBrokenError("101 without an upgrade")
    if said.get("sec-websocket-accept") != [accept] or "sec-websocket-extensions" in said:
        raise BackendBrokenError("a handshake that does not fit")
    picked = said.get("sec-websocket-protocol", [])
    asked = matched.head.subprotocols
    if len(picked) > 1 or not set(picked) <= set(their_protocols(asked)):
        raise BackendBrokenError(f"a subprotocol that nobody offered: {picked!r}")
    lines = [("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Accept", accept)]
    protocol = chosen_protocol(asked, picked[0] if picked else None)
    if protocol is not None:
        lines.append(("Sec-WebSocket-Protocol", protocol))
    return Answer(_SWITCHING, tuple(starmap(Line.of, lines)), (), None, is_event_stream=False)
