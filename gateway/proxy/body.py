"""A request's body on its way to a backend: read as fast as the backend takes it, counted and timed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

from aiohttp import AsyncIterablePayload, StreamReader
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_writer import StreamWriter
from aiohttp.web import RequestPayloadError

from gateway.errors import GatewayError, InvalidRequestError, PayloadTooLargeError, RequestTimeoutError


class FirstByte:
    """The time a backend has to begin its answer; it does not run while the client is the slow one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)
        self._over = False

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *details: object) -> None:
        self._over = True
        await self._timeout.__aexit__(*details)  # type: ignore[arg-type]  # handed on as they came

    def pause(self) -> None:
        self._set(None)

    def start(self) -> None:
        self._set(asyncio.get_running_loop().time() + self._seconds)

    def _set(self, when: float | None) -> None:
        if not self._over:
            self._timeout.reschedule(when)


class Upload:
    """One body; `failure` says why it was cut off, `on_failure` ends an answer that began before."""

    def __init__(
        self,
        content: StreamReader,
        *,
        limit: int,
        idle: float,
        first_byte: FirstByte,
        spend: Callable[[int], None],
    ) -> None:
        self._content = content
        self._limit = limit
        self._idle = idle
        self._first_byte = first_byte
        self._spend = spend
        self._reading = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._sent = False
        self._stopped = False
        self.failure: GatewayError | None = None
        self.on_failure: Callable[[], None] | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """What the backend's connection takes; the next piece is read when the last one was written."""
        sent = 0
        while chunk := await self._next():
            sent += len(chunk)
            self._spend(len(chunk))
            if sent > self._limit:
                self._fail(PayloadTooLargeError(f"more than {self._limit} bytes", close=True))
            yield chunk
        self._sent = True

    def payload(self) -> AsyncIterablePayload:
        return _Payload(self)

    def written_to(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport

    async def stop(self) -> None:
        """Nothing reads the client's body any more: the server may drain it.

        A backend that was not sent all of it may never read the rest: closing would wait for that.
        """
        self._stopped = True
        if self._transport is not None and not self._sent:
            self._transport.abort()
        async with self._reading:
            pass

    async def _next(self) -> bytes:
        self._first_byte.pause()
        try:
            async with self._reading, asyncio.timeout(self._idle):
                chunk = b"" if self._stopped else await self._content.readany()
        except TimeoutError:
            self._fail(RequestTimeoutError("the body stalled", close=True))
        except RequestPayloadError as error:
            self._fail(InvalidRequestError(f"the body's framing broke: {error}", close=True))
        self._first_byte.start()
        return chunk

    def _fail(self, failure: GatewayError) -> NoReturn:
        self.failure = failure
        if self.on_failure is not None:
            self.on_failure()
        raise failure


class _Payload(AsyncIterablePayload):
    """Tells the upload which connection it is written to; aiohttp tells nobody else."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(upload.chunks())
        self._upload = upload

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if isinstance(writer, StreamWriter):
            self._upload.written_to(writer.transport)
        await super().write_with_length(writer, content_length)
