"""One request to a backend and its answer, as callbacks: framing both ways, deadlines, one more try."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

from gateway.errors import BackendBrokenError, BackendTimeoutError, GatewayError
from gateway.proxy.answer_body import AnswerBody
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.chunked import LAST, ChunkedError, chunk
from gateway.proxy.connection import BUFFER, Connection
from gateway.proxy.owner import Owner
from gateway.proxy.parsers import head_end, read_answer
from gateway.proxy.receiver import Nobody, Receiver, no_head
from gateway.routes import Address

HEAD: Final = 1 << 15  # bytes of an answer's head
TRIES: Final = 2
_INTERIM: Final = 16  # answers before the answer
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})  # RFC 9110 section 9.2.2

_NOBODY: Final = Nobody()
_WAITING, _CONNECTING, _ASKED, _ANSWERING, _OVER = range(5)


class Call:
    """Made by `Upstream.call`."""

    __slots__ = (
        "_answered", "_asking", "_backlog", "_backlog_size", "_body", "_chunked", "_connection", "_has_body",
        "_head", "_held", "_interim", "_is_reading", "_method", "_owner", "_receiver", "_state", "_switches",
        "_upload_paused", "_uploaded", "connecting", "deadline", "fresh", "index", "inside", "tried", "tries",
    )  # fmt: skip

    _body: AnswerBody

    def __init__(
        self,
        owner: "Owner[Call]",
        receiver: Receiver,
        head: Callable[[Address], bytes],
        method: str,
        has_body: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
        chunked: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
        switches: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
    ) -> None:
        self._owner = owner
        self._receiver = receiver
        self._head = head
        self._method = method
        self._has_body = has_body
        self._chunked = chunked
        self._switches = switches
        self._state = _WAITING
        self._connection: Connection | None = None
        self._uploaded = not has_body
        self._upload_paused = False
        self._asking = b""  # the head, until it is written
        self._backlog: list[bytes] = []
        self._backlog_size = 0
        self._answered = False  # a byte came
        self._held = b""  # of a head that is not whole
        self._interim = 0
        self._is_reading = True
        self.inside = False
        self.index = -1  # of the URL that is asked
        self.tried = -1  # of the one that was asked before it
        self.tries = 0
        self.fresh = False  # wants a connection that nobody had before
        self.connecting: asyncio.Task[None] | None = None
        self.deadline = inf

    # --- of the receiver

    def send(self, data: bytes) -> None:
        """Some of the request's body, framed as the head announced it; ignored when the call is over."""
        if self._state == _OVER:
            return
        self._write(chunk(data) if self._chunked else data)
        if self._upload_paused:
            return
        if self._state == _ASKED:
            self.deadline = inf  # the client's turn now: the backend's answer may wait for the rest
        elif self._state == _ANSWERING and self._is_reading:
            self.deadline = self._owner.clock() + self._owner.timeouts.idle

    def end(self) -> None:
        """The request's body is complete."""
        if self._state == _OVER:
            return
        self._uploaded = True
        if self._chunked:
            self._write(LAST)
        if self.inside:
            self._owner.uploaded()
        elif self._state == _WAITING:
            self._owner.whole(self)
        if self._state == _ASKED:
            self.deadline = self._owner.clock() + self._owner.timeouts.first_byte

    def pause(self) -> None:
        """No more of the answer for now."""
        if self._connection is not None and self._is_reading:
            self._is_reading = False
            if self._state == _ANSWERING:
                self.deadline = inf
            self._connection.transport.pause_reading()

    def resume(self) -> None:
        if self._connection is not None and not self._is_reading:
            self._is_reading = True
            if self._state == _ANSWERING:
                self.deadline = self._owner.clock() + self._owner.timeouts.idle
            self._connection.transport.resume_reading()

    def cancel(self) -> None:
        """Nobody waits for the answer: ends the backend's connection at once. Harmless when it is over."""
        if self._state != _OVER:
            self._finish(None, keeps=False)

    def leave_bulkhead(self) -> None:
        """It may stay for hours; the bulkhead is for backends that hang."""
        if self.inside:
            self.inside = False
            self._owner.leave_bulkhead(uploads=not self._uploaded)

    # --- of the owner

    def let_in(self) -> None:
        """It has a place at the bulkhead."""
        self.inside = True
        self._owner.start(self)

    def turned_away(self, error: GatewayError) -> None:
        if self._state == _WAITING:
            self._fail(error)

    def begin(self, address: Address, connecting: asyncio.Task[None]) -> None:
        """A connection to this URL is being made."""
        self._state = _CONNECTING
        self.index = address.index
        self.connecting = connecting
        self.deadline = self._owner.clock() + self._owner.timeouts.connect

    def use(self, address: Address, connection: Connection) -> None:
        """Ask on this connection."""
        self._state = _ASKED
        self.index = address.index
        self.connecting = None
        self._connection = connection
        connection.exchange = self
        self._asking = self._head(address)
        if self._has_body:
            asyncio.get_running_loop().call_soon(self._flush)  # so that what comes at once goes along with it
            self.deadline = self._owner.clock() + self._owner.timeouts.first_byte if self._uploaded else inf
        else:
            self.deadline = self._owner.clock() + self._owner.timeouts.first_byte
            self._owner.outbox.send(self._say)

    def unconnected(self, error: GatewayError) -> None:
        """Nobody is there: nothing was sent, so whatever it is may go elsewhere."""
        if self.tries + 1 < TRIES and self._owner.urls > 1:
            self._again(False)
        else:
            self._fail(error)

    def expired(self) -> None:
        """Its deadline is over."""
        if self._state == _OVER:
            return
        if self._state == _CONNECTING:
            if self.connecting is not None:
                self.connecting.cancel()
            self.unconnected(BackendTimeoutError("no connection in time"))
        else:
            what = "more of the answer" if self._state == _ANSWERING else "answer"
            self._fail(BackendTimeoutError(f"no {what} in time"))

    # --- of the connection

    def received(self, data: bytes) -> None:
        if self._asking:
            self._not_asked()
            return
        self._answered = True
        if self._state == _ANSWERING:
            receiver, payload = self._receiver, self._take(data)
            if payload or (payload is not None and self._state == _OVER):
                receiver.answer_data(payload, self._state == _OVER)
            return
        if self._held:
            data, self._held = self._held + data, b""
        while True:
            end = head_end(data, 0)
            if end < 0 or end > HEAD:
                self._keep_head(data)
                return
            try:
                head = read_answer(data[:end])
            except BackendBrokenError as error:
                self._fail(error)
                return
            data = data[end:]
            if head.status >= 200:
                self._begin(head, data)
                return
            if not self._passes_over(head, data):
                return

    def ended(self) -> None:
        if self._state == _ANSWERING and self._body.ends_with_the_connection:
            receiver = self._receiver
            self._finish(True, keeps=False)
            receiver.answer_data(b"", True)
        else:
            self.lost(None)

    def lost(self, error: Exception | None) -> None:
        if error is not None and not self._uploaded and self._connection is not None:
            left_over = self._connection.left_over()  # an early answer, and a reset that a write ran into
            if left_over:
                self.received(left_over)
        if self._state == _OVER or self._connection is None:
            return  # or what came was not for us, and it is asked elsewhere
        if self._may_try_again():
            self.fresh = True
            self._again(None)
        else:
            self._fail(BackendBrokenError(f"the connection ended: {error!r}"))

    def paused(self) -> None:
        if self._uploaded:
            return
        if self._state == _ASKED:
            self.deadline = self._owner.clock() + self._owner.timeouts.first_byte
        self._pause_upload()

    def resumed(self) -> None:
        if self._upload_paused and not self._uploaded:
            self._upload_paused = False
            if self._state == _ASKED:
                self.deadline = inf
            self._receiver.upload_resumed()

    # --- the request

    def _write(self, data: bytes) -> None:
        if self._connection is not None and not self._asking:
            self._connection.transport.write(data)
            return
        self._backlog.append(data)
        self._backlog_size += len(data)
        if self._backlog_size > BUFFER:
            self._pause_upload()

    def _pause_upload(self) -> None:
        if not self._upload_paused:
            self._upload_paused = True
            self._receiver.upload_paused()

    def _say(self) -> None:
        """The head, where no body follows."""
        if self._connection is not None and self._asking:
            data, self._asking = self._asking, b""
            self._connection.transport.write(data)

    def _not_asked(self) -> None:
        """An answer before the question is somebody else's. Nothing was sent: it may be asked elsewhere."""
        if self._connection is not None and self.tries + 1 < TRIES:
            self._connection.abort()
            self.fresh = True
            self._again(None)
        else:
            self._fail(BackendBrokenError("an answer to nothing"))

    def _flush(self) -> None:
        """The head and what was sent before there was a connection."""
        if self._connection is None or not self._asking:
            return
        data, self._backlog, self._backlog_size = b"".join((self._asking, *self._backlog)), [], 0
        self._asking = b""
        transport = self._connection.transport
        transport.write(data)
        if transport.get_write_buffer_size() <= BUFFER:
            self.resumed()

    def _may_try_again(self) -> bool:
        """A connection that was used before may just have been given up (RFC 9112 section 9.3.1)."""
        return (
            self._state == _ASKED
            and not self._answered
            and (bool(self._asking) or (not self._has_body and self._method in _IDEMPOTENT))
            and self.tries + 1 < TRIES
            and self._connection is not None
            and self._connection.is_reused
        )

    def _again(self, well: bool | None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        self._asking = b""
        if self._connection is not None:
            self._connection.exchange = None
            self._connection = None
            self._is_reading = True
        self._owner.let_go(self.index, well)
        self.tries += 1
        self.tried = self.index
        self._owner.start(self)

    # --- the answer

    def _keep_head(self, data: bytes) -> None:
        """The head is not whole: whether it still can become one."""
        begins = data[:7]
        if len(data) > HEAD or b"\n\n" in data or not b"HTTP/1.".startswith(begins):
            self._fail(BackendBrokenError(f"no head: {data[:64]!r}"))
        else:
            self._held = data

    def _switch(self, head: AnswerHead, rest: bytes) -> None:
        if not self._switches or self._connection is None:
            self._fail(BackendBrokenError("101 that nobody asked for"))
            return
        connection, self._connection = self._connection, None
        connection.exchange = None
        connection.pool.forget(connection)
        transport = connection.transport
        if not self._is_reading:
            transport.resume_reading()
        receiver = self._receiver
        self._finish(True, keeps=False)
        receiver.switched(head, transport, rest)

    def _passes_over(self, head: AnswerHead, rest: bytes) -> bool:
        """Whether another answer follows this one, which is interim or no HTTP is after it."""
        if head.status == 101:
            self._switch(head, rest)
            return False
        self._interim += 1
        if self._interim > _INTERIM:
            self._fail(BackendBrokenError("interim answers without end"))
        return self._state != _OVER

    def _begin(self, head: AnswerHead, data: bytes) -> None:
        self._state = _ANSWERING
        receiver = self._receiver
        if self._method == "HEAD" or head.status in {204, 304}:
            self._finish(True, keeps=head.keeps_alive and not data)
            receiver.answer_head(head, b"", True)
        elif len(data) == head.length:  # nearly always: the backend said it in one breath
            self._finish(True, keeps=head.keeps_alive)
            receiver.answer_head(head, data, True)
        else:
            self._body = AnswerBody(head)
            payload = self._take(data)
            if payload is not None:
                receiver.answer_head(head, payload, self._state == _OVER)

    def _take(self, data: bytes) -> bytes | None:
        """The payload in these bytes; None: they are not what was promised, and that was told."""
        body = self._body
        try:
            data = body.take(data)
        except ChunkedError as error:
            self._fail(BackendBrokenError(str(error)))
            return None
        if body.ended:
            self._finish(True, keeps=body.is_clean)
        elif self._is_reading:
            self.deadline = self._owner.clock() + self._owner.timeouts.idle
        return data

    # --- the end

    def _fail(self, error: GatewayError) -> None:
        receiver = self._receiver
        self._finish(None if self._state == _WAITING else False, keeps=False)
        receiver.answer_failed(error)

    def _finish(self, well: bool | None, *, keeps: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        state, self._state = self._state, _OVER
        # whoever receives holds the call: what is over would stay until somebody looks for circles
        self._receiver, self._head = _NOBODY, no_head
        if state == _WAITING:
            self._owner.leave_queue(self)
            return
        connection, self._connection = self._connection, None
        kept = None
        if connection is not None:
            connection.exchange = None
            if keeps and self._uploaded and connection.is_open:
                kept = connection
                if not self._is_reading:
                    connection.transport.resume_reading()
            else:
                connection.abort()
        elif self.connecting is not None:
            self.connecting.cancel()
        self._owner.over(self, kept, well)
