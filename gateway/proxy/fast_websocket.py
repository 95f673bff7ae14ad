"""A WebSocket on the fast path: the handshake is checked at both ends, then bytes are relayed as they come.

What is relayed is followed frame by frame, so that the gateway can say a word of its own between two.
"""

import asyncio
import time
from base64 import b64encode
from hashlib import sha1
from itertools import starmap
from typing import Final, cast

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
    """One end of a socket: what comes from it."""

    __slots__ = ("frames", "heard", "pinged", "spoke")

    def __init__(self, *, masked: bool) -> None:
        self.frames = Frames(masked=masked)
        self.spoke = True  # since the last look
        self.heard = 0.0  # by the loop's clock
        self.pinged = False


class SocketExchange(Exchange):
    """The request, then the socket that it became."""

    __slots__ = ("_backend", "_cut", "_early", "_its", "_ours", "_silent")

    def begin(self) -> "SocketExchange":
        self.takes_body = True
        self._backend: asyncio.Transport | None = None
        self._cut = False  # the session ended before there was a socket
        self._early = b""  # what the client said before it was asked to
        self._ours = _End(masked=True)  # the client's end
        self._its = _End(masked=False)  # the backend's
        self._silent: float | None = None  # since one end has closed, by the loop's clock
        super().begin()
        return self

    def _request_head(self, address: Address) -> bytes:
        matched = self.forward.matched
        headers = outgoing(
            self.forward,
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
            made = _switching(head, self.forward.matched)
        except BackendBrokenError as error:
            transport.abort()
            self.answer_failed(error)
            return
        self._status, self._keep, self._endless = _SWITCHING, True, True
        self.first_byte = time.perf_counter()
        self._backend = transport
        transport.set_protocol(_Backend(self))
        self._client.write(self._head_bytes(made, bodiless=True))
        self._wiring.streams.stay(self)
        if self._cut:
            self._part(SESSION_ENDED, _ENDED, "session ended")
        if rest and not self._over:
            self.backend_said(rest)
        early, self._early = self._early, b""
        if early and not self._over:
            self.received(early)
        if not self._over:
            self._client.resume_reading()
            if self._client.full:
                transport.pause_reading()

    # --- both ways

    def received(self, data: bytes) -> bytes:
        if self._backend is None:
            self._early += data
            if len(self._early) > BUFFER:
                self._client.pause_reading()
            return b""
        end = self._ours
        if end.frames.ended or not self._follow(end, data):
            return b""
        self.bytes_in += len(data)
        self._spend(len(data))
        self._backend.write(data)
        self._look_at_close()
        return b""

    def backend_said(self, data: bytes) -> None:
        if self._over or not self._follow(self._its, data):
            return
        self.bytes_out += len(data)
        self._spend(len(data))
        self._client.write(data)
        self._look_at_close()

    def _follow(self, end: _End, data: bytes) -> bool:
        """Whether it is to be passed on."""
        end.spoke = True
        may = end.frames.at_border  # of what was passed on
        try:
            end.frames.feed(data)
        except FrameError as error:
            to_client, to_backend = self._its.frames.at_border, self._ours.frames.at_border
            if end is self._ours:
                to_backend = may
            else:
                to_client = may
            self._say_and_end(error.code, b"", error.code, "framing", to_client, to_backend)
            return False
        return True

    def _look_at_close(self) -> None:
        if self._ours.frames.ended and self._its.frames.ended:
            self._leave()

    # --- the ends

    def client_gone(self) -> None:
        if self._backend is None:
            super().client_gone()
        elif not self._over:
            self._end(_SWITCHING, None)
            self._close_backend(GOING_AWAY if self._ours.frames.at_border else None)

    def backend_gone(self) -> None:
        if not self._over:
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
        to_client, to_backend = self._its.frames.at_border, self._ours.frames.at_border
        self._say_and_end(code, reason, GOING_AWAY, why, to_client, to_backend)

    def _say_and_end(
        self,
        code: int,
        reason: bytes,
        backend_code: int,
        why: str | None,
        to_client: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
        to_backend: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
    ) -> None:
        """to_client, to_backend: whether what was passed on to them ended with a frame."""
        if self._over:
            return
        self._end(_SWITCHING, why)
        self._close_backend(backend_code if to_backend else None)
        if to_client:
            self._client.write(close_frame(code, reason, masked=False))
        if to_client or self._its.frames.ended:
            self._client.done(keep=False, left=None)
        else:
            self._client.abort()  # in the middle of a frame there is no word to say

    def _leave(self) -> None:
        """Both have said goodbye."""
        self._end(_SWITCHING, None)
        self._close_backend(None)
        self._client.done(keep=False, left=0)

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

    def look(self, now: float) -> None:
        if self._backend is None:
            return
        if self._client.full:
            super().look(now)
        else:
            self._pace = None
        if not self._over:
            self._look_at_silence(now)
        if not self._over and (self._ours.frames.closed or self._its.frames.closed):
            self._silent = now if self._silent is None else self._silent
            if now - self._silent > CLOSING:
                self._part(GOING_AWAY, b"", None)

    def _look_at_silence(self, now: float) -> None:
        for end in (self._ours, self._its):
            if end.spoke:
                end.heard, end.spoke, end.pinged = now, False, False
            elif now - end.heard >= GONE:
                self._part(GOING_AWAY, b"", "silent")
                return
            elif now - end.heard >= HEARTBEAT and not end.pinged:
                end.pinged = self._ping(end)

    def _ping(self, end: _End) -> bool:
        """Between two frames that it is told."""
        other = self._its if end is self._ours else self._ours
        if not other.frames.at_border:
            return False
        if end is self._ours:
            self._client.write(ping_frame(masked=False))
        elif self._backend is not None:
            self._backend.write(ping_frame(masked=True))
        return True

    def _stalled(self, turn: int) -> None:
        self._close_backend(GOING_AWAY if self._ours.frames.at_border else None)
        super()._stalled(turn)


class _Backend(asyncio.Protocol):
    """The backend's end, once it is a socket."""

    __slots__ = ("_socket",)

    def __init__(self, socket: SocketExchange) -> None:
        self._socket = socket

    def data_received(self, data: bytes) -> None:
        self._socket.backend_said(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._socket.backend_gone()

    def pause_writing(self) -> None:
        self._socket.upload_paused()

    def resume_writing(self) -> None:
        self._socket.upload_resumed()


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
