"""A request's body on its way to a backend: read as fast as the backend takes it, counted, at a pace."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import StreamReader
from aiohttp.web import RequestPayloadError

from gateway.errors import GatewayError, InvalidRequestError, PayloadTooLargeError, RequestTimeoutError
from gateway.proxy.call import Call
from gateway.proxy.pace import Pace
from gateway.proxy.reply import Reply

_LATE: Final = 0.01  # seconds, so that the patience is over for certain


class Upload:
    """One body. limit: bytes; spend: told what was sent; sent: all of it."""

    def __init__(self, content: StreamReader, *, limit: int, spend: Callable[[int], None]) -> None:
        self._content = content
        self._limit = limit
        self._clock = asyncio.get_running_loop().time
        self._pace = Pace(self._clock())
        self._spend = spend
        self.sent = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self, call: Call, reply: Reply) -> None:
        """Sends at once what lies here, and the rest while the answer may already come."""
        try:
            if self._content.is_eof():
                self._send(call, self._content.read_nowait())
                call.end()
            else:
                self._task = asyncio.create_task(self._relay(call, reply))
        except (GatewayError, RequestPayloadError) as error:
            _break_off(call, reply, error)

    async def stop(self) -> None:
        """Nothing reads the client's body any more: the server may drain it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _relay(self, call: Call, reply: Reply) -> None:
        try:
            while data := await self._next():
                self._send(call, data)
                await reply.upload_may_go_on()
            call.end()
        except (GatewayError, RequestPayloadError) as error:
            _break_off(call, reply, error)

    async def _next(self) -> bytes:
        """It is the client's turn."""
        pace = self._pace
        pace.go_on(self._clock())
        data = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(pace.left + _LATE):
                data = await self._content.readany()
        pace.moved(len(data))
        if pace.is_too_slow(self._clock()):
            raise RequestTimeoutError("the body came too slowly", close=True)
        return data

    def _send(self, call: Call, data: bytes) -> None:
        self.sent += len(data)
        if self.sent > self._limit:
            raise PayloadTooLargeError(f"more than {self._limit} bytes", close=True)
        self._spend(len(data))
        if data:
            call.send(data)


def _break_off(call: Call, reply: Reply, error: GatewayError | RequestPayloadError) -> None:
    """Whatever the backend says to half a body: the reader is told what was wrong with it."""
    if isinstance(error, RequestPayloadError):
        error = InvalidRequestError(f"the body's framing broke: {error}", close=True)
    call.cancel()
    reply.answer_failed(error)
