import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web import RequestPayloadError

from gateway.errors import GatewayError, InvalidRequestError, PayloadTooLargeError, RequestTimeoutError
from gateway.proxy import pace
from gateway.proxy.body import Upload
from gateway.proxy.reply import Reply
from gateway.proxy.request_bytes import framing_line, request_bytes
from gateway.proxy.upstream import Upstream
from gateway.routes import Address
from gateway.telemetry import make_log
from tests.system.data_path import backend
from tests.system.recording_backend import RecordingBackend, recording_backend


def content() -> StreamReader:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    return StreamReader(protocol, 1 << 16, loop=loop)


@dataclass
class Asked:
    recorder: RecordingBackend
    reply: Reply
    upload: Upload
    spent: list[int]


@asynccontextmanager
async def asking(stream: StreamReader, *, limit: int = 100) -> AsyncGenerator[Asked]:
    def head(address: Address) -> bytes:
        return request_bytes("PUT", "/x", (), address, framing_line("PUT", None, chunked=True))

    spent: list[int] = []
    async with recording_backend() as recorder:
        upstream = Upstream(backend(recorder.url), "gw.test", make_log(StringIO()))
        upload = Upload(stream, limit=limit, spend=spent.append)
        reply = upstream.ask(head, method="PUT", has_body=True, chunked=True)
        upload.begin(reply.call, reply)
        try:
            yield Asked(recorder, reply, upload, spent)
        finally:
            reply.close()
            await upload.stop()
            await upstream.close()


async def test_a_body_that_is_here_goes_at_once() -> None:
    stream = content()
    stream.feed_data(b"work")
    stream.feed_eof()
    async with asking(stream) as asked:
        assert (await asked.reply.head).status == 200
        assert (asked.recorder.last.body, asked.spent) == (b"work", [4])


async def test_a_body_that_comes_goes_as_it_comes() -> None:
    stream = content()
    async with asking(stream) as asked:
        for piece in (b"work", b" and more"):
            stream.feed_data(piece)
            async with asyncio.timeout(10):
                # ruff: ignore[async-busy-wait]  # the backend tells nobody
                while not asked.recorder.received or not asked.recorder.last.body.endswith(piece):
                    await asyncio.sleep(0.01)
        stream.feed_eof()
        assert (await asked.reply.head).status == 200
        assert asked.spent == [4, 9]


async def refusal(reply: Reply) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await reply.head
    return raised.value


@pytest.mark.parametrize("all_at_once", [True, False])
async def test_more_than_the_limit_is_never_sent(*, all_at_once: bool) -> None:
    stream = content()
    stream.feed_data(b"x" * 101)
    if all_at_once:
        stream.feed_eof()
    async with asking(stream) as asked:
        assert isinstance(await refusal(asked.reply), PayloadTooLargeError)
        assert asked.spent == []


async def test_a_body_whose_framing_breaks_is_the_client_s_fault() -> None:
    stream = content()
    stream.set_exception(RequestPayloadError("chunk size"))
    async with asking(stream) as asked:
        assert isinstance(await refusal(asked.reply), InvalidRequestError)


async def test_a_body_that_stalls_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 0.2)
    stream = content()
    stream.feed_data(b"wo")
    async with asking(stream) as asked:
        assert isinstance(await refusal(asked.reply), RequestTimeoutError)


async def test_a_body_that_drips_is_cut_off_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 0.3)
    stream = content()

    async def drip() -> None:
        while True:
            stream.feed_data(b"x")
            await asyncio.sleep(0.02)

    async with asking(stream, limit=10**6) as asked:
        dripping = asyncio.create_task(drip())
        assert isinstance(await refusal(asked.reply), RequestTimeoutError)
        dripping.cancel()


async def test_when_it_is_stopped_nobody_reads_the_client_any_more() -> None:
    stream = content()
    async with asking(stream) as asked:
        await asyncio.sleep(0.01)
        await asked.upload.stop()
        stream.feed_data(b"x")
        await asyncio.sleep(0.01)
        assert await stream.readany() == b"x"
