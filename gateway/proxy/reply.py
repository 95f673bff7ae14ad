"""A backend's answer for whoever awaits it, instead of being called."""

import asyncio
from collections import deque

from gateway.errors import BackendBrokenError, GatewayError
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.call import Call
from gateway.proxy.connection import BUFFER


class Reply:
    """The receiver of one call; in the order `head`, `read` until it is empty, `close` in any case.

    head: to be awaited once; raises GatewayError.
    """

    __slots__ = ("_ended", "_failure", "_pieces", "_size", "_upload_goes_on", "_waiter", "call", "head")

    call: Call

    def __init__(self) -> None:
        self.head: asyncio.Future[AnswerHead] = asyncio.get_running_loop().create_future()
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._failure: GatewayError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._upload_goes_on: asyncio.Future[None] | None = None

    @property
    def whole(self) -> bytes | None:
        """The body, where all of it is here."""
        return b"".join(self._pieces) if self._ended else None

    async def read(self) -> bytes:
        """Some of the body, nothing at its end. Raises GatewayError where it breaks off."""
        while not self._pieces:
            if self._ended:
                return b""
            if self._failure is not None:
                raise self._failure
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = self._pieces.popleft()
        self._size -= len(data)
        if self._size <= BUFFER:
            self.call.resume()
        return data

    def close(self) -> None:
        """Nobody reads on."""
        self.call.cancel()
        if self._upload_goes_on is not None and not self._upload_goes_on.done():
            self._upload_goes_on.cancel()

    async def upload_may_go_on(self) -> None:
        """Waits while the backend does not read."""
        if self._upload_goes_on is not None:
            await self._upload_goes_on

    # --- the receiver

    def answer_head(self, head: AnswerHead, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        self._take(data)
        self._ended = ended
        if not self.head.done():  # nobody may wait any more
            self.head.set_result(head)

    def answer_data(self, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        self._take(data)
        self._ended = ended
        self._wake()

    def answer_failed(self, error: GatewayError) -> None:
        if self.head.done():
            self._failure = error
            self._wake()
        else:
            self.head.set_exception(error)

    def upload_paused(self) -> None:
        self._upload_goes_on = asyncio.get_running_loop().create_future()

    def upload_resumed(self) -> None:
        if self._upload_goes_on is not None and not self._upload_goes_on.done():
            self._upload_goes_on.set_result(None)
        self._upload_goes_on = None

    def switched(self, _head: AnswerHead, transport: asyncio.Transport, _rest: bytes) -> None:
        """No call of these asks for it."""
        transport.abort()
        self.answer_failed(BackendBrokenError("switched"))

    # --- inside

    def _take(self, data: bytes) -> None:
        if data:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > BUFFER:
                self.call.pause()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
