"""What the tests of backends share: an upstream, and a receiver that remembers what it was told."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO

from gateway.errors import GatewayError
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.call import Call
from gateway.proxy.request_bytes import framing_line, request_bytes
from gateway.proxy.upstream import Upstream
from gateway.routes import Address, Backend
from gateway.telemetry import make_log

PATIENCE = 20.0  # seconds; generous, as what is waited for comes at once on a machine that is not busy


@dataclass
class Told:
    """A receiver; `call` is set by whoever asks. Nothing may come after the last word."""

    call: Call | None = None
    head: AnswerHead | None = None
    body: bytearray = field(default_factory=bytearray)
    pieces: int = 0
    error: GatewayError | None = None
    whole: bool = False
    uploads: list[str] = field(default_factory=list)
    transport: asyncio.Transport | None = None
    rest: bytes = b""
    on_data: Callable[[bytes], None] = lambda _: None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        return self.whole or self.error is not None or self.transport is not None

    def answer_head(self, head: AnswerHead, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        assert self.head is None
        self.head = head
        self.answer_data(data, ended)

    def answer_data(self, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        assert self.call is not None, "called back from within the call"
        assert not self.is_over
        self.body += data
        self.pieces += 1
        self.whole = ended
        self.on_data(data)
        self._news.set()

    def answer_failed(self, error: GatewayError) -> None:
        assert self.call is not None, "called back from within the call"
        assert not self.is_over
        self.error = error
        self._news.set()

    def upload_paused(self) -> None:
        assert not self.is_over
        self.uploads.append("paused")
        self._news.set()

    def upload_resumed(self) -> None:
        assert not self.is_over
        self.uploads.append("resumed")
        self._news.set()

    def switched(self, head: AnswerHead, transport: asyncio.Transport, rest: bytes) -> None:
        assert not self.is_over
        self.head, self.transport, self.rest = head, transport, rest
        self._news.set()

    async def until(self, condition: Callable[["Told"], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                self._news.clear()
                await self._news.wait()

    async def over(self) -> "Told":
        await self.until(lambda told: told.is_over)
        return self

    @property
    def status(self) -> int:
        assert self.error is None, self.error
        assert self.head is not None
        return self.head.status


class Asking:
    """An upstream, and calls to it in one line."""

    def __init__(self, backend: Backend, log: StringIO) -> None:
        self.upstream = Upstream(backend, "gw.test", make_log(log))
        self.log = log

    def begin(
        self, method: str = "GET", *, length: int | None = None, chunked: bool = False, switches: bool = False
    ) -> Told:
        """length, chunked: a body follows, by `told.call.send`."""
        framing = framing_line(method, length, chunked=chunked)

        def head(address: Address) -> bytes:
            return request_bytes(method, "/x", (), address, framing)

        told = Told()
        told.call = self.upstream.call(
            told,
            head,
            method=method,
            has_body=bool(length) or chunked,
            chunked=chunked,
            switches=switches,
        )
        return told

    async def ask(self, method: str = "GET", body: bytes = b"") -> Told:
        told = self.begin(method, length=len(body) or None)
        if body:
            assert told.call is not None
            told.call.send(body)
            told.call.end()
        return await told.over()

    def assert_quiet(self) -> None:
        """Nobody holds a place or a URL that has no call."""
        assert self.upstream.bulkhead.inside == 0
        assert [standing.outstanding for standing in self.upstream.standings] == [0] * self.upstream.urls


@asynccontextmanager
async def asking(backend: Backend) -> AsyncGenerator[Asking]:
    made = Asking(backend, StringIO())
    try:
        yield made
        made.assert_quiet()
    finally:
        await made.upstream.close()


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits for what nobody tells."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # ruff: ignore[async-busy-wait]  # there is nothing to wait on
            await asyncio.sleep(0.01)
