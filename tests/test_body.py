import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web import RequestPayloadError

from gateway.errors import InvalidRequestError
from gateway.proxy.body import FirstByte, Upload


class Transport(asyncio.Transport):
    """One that only remembers whether it was cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def content() -> StreamReader:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(Transport())
    return StreamReader(protocol, 1 << 16, loop=loop)


@asynccontextmanager
async def upload(stream: StreamReader) -> AsyncGenerator[tuple[Upload, Transport], None]:
    first_byte = FirstByte(1)
    made, transport = (
        Upload(stream, limit=100, idle=1, first_byte=first_byte, spend=lambda _: None),
        Transport(),
    )
    made.written_to(transport)
    async with first_byte:
        yield made, transport


async def test_a_connection_that_got_all_of_a_body_is_kept() -> None:
    stream = content()
    stream.feed_data(b"work")
    stream.feed_eof()
    async with upload(stream) as (made, transport):
        assert [chunk async for chunk in made.chunks()] == [b"work"]
        await made.stop()
    assert not transport.aborted


async def test_a_connection_that_got_a_part_of_it_is_cut_off() -> None:
    stream = content()
    stream.feed_data(b"wo")
    async with upload(stream) as (made, transport):
        chunks = made.chunks()
        assert await anext(chunks) == b"wo"
        await made.stop()
        assert transport.aborted
        assert [chunk async for chunk in chunks] == []  # and nothing reads the client any more


async def test_a_body_whose_framing_breaks_is_the_client_s_fault() -> None:
    stream = content()
    stream.set_exception(RequestPayloadError("chunk size"))
    async with upload(stream) as (made, _):
        with pytest.raises(InvalidRequestError):
            await anext(made.chunks())
    assert isinstance(made.failure, InvalidRequestError)


async def test_stopping_waits_for_whoever_still_reads() -> None:
    stream = content()
    async with upload(stream) as (made, _):
        chunks = made.chunks()
        reading = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0.01)
        assert not reading.done()
        stopping = asyncio.create_task(made.stop())
        await asyncio.sleep(0.01)
        assert not stopping.done()
        stream.feed_data(b"x")
        await stopping
        assert await reading == b"x"
