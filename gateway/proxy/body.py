"""A request's body on its way to a backend: read as fast as the backend takes it, counted and timed."""

import asyncio
from collections.abc import Callable

from aiohttp import StreamReader
from aiohttp.web import RequestPayloadError

from gateway.errors import GatewayError, InvalidRequestError, PayloadTooLargeError, RequestTimeoutError
from gateway.proxy.call import Call
from gateway.proxy.reply import Reply


class Upload:
    """One body. limit: bytes; idle: seconds that the client may be silent; spend: told what was sent."""

    def __init__(
        self, content: StreamReader, *, limit: int, idle: float, spend: Callable[[int], None]
    ) -> None:
        self._content = content
        self._limit = limit
        self._idle = idle
        self._spend = spend
        self._sent = 0
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
        try:
            async with asyncio.timeout(self._idle):
                return await self._content.readany()
        except TimeoutError:
            raise RequestTimeoutError("the body stalled", close=True) from None

    def _send(self, call: Call, data: bytes) -> None:
        self._sent += len(data)
        if self._sent > self._limit:
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
