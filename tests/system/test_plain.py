"""Whole answers of the plain path, which are written in one piece, and those that have to be streamed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.system.data_path import DataPath, backend, data_path, head
from tests.system.raw_client import RawClient
from tests.system.recording_backend import OK, RecordingBackend, saying

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwork\r\n0\r\n\r\n"


@pytest.fixture
async def path(recorder: RecordingBackend) -> AsyncIterator[DataPath]:
    recorder.clear()
    async with data_path(backend(recorder.url), way="plain") as started:
        started.sign_in("ada")
        yield started
    recorder.assert_sound()


async def test_when_the_gateway_leaves_each_answer_is_the_last_of_its_connection(path: DataPath) -> None:
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/x"))
    assert (await client.answer()).values("Connection") == []
    path.streams.keep_no_more()
    await client.send(head("/storage/x"))
    assert (await client.answer()).values("Connection") == ["close"]
    assert await asyncio.wait_for(client.reader.read(), 20) == b""
    client.close()


async def test_a_client_that_keeps_no_connection_gets_none(path: DataPath) -> None:
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/x", "Connection: close"))
    answer = await client.answer()
    assert (answer.values("Connection"), answer.body) == (["close"], b"{}")
    assert await asyncio.wait_for(client.reader.read(), 20) == b""
    client.close()


async def test_a_client_of_http_1_0_gets_no_chunks(path: DataPath, recorder: RecordingBackend) -> None:
    recorder.script = saying(CHUNKED)
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/x").replace(b"HTTP/1.1", b"HTTP/1.0"))
    said = await asyncio.wait_for(client.reader.read(), 20)
    assert said.endswith(b"\r\n\r\nwork")
    assert b"Transfer-Encoding" not in said
    client.close()


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 200_000])
async def test_a_body_of_any_length_comes_whole(
    path: DataPath, recorder: RecordingBackend, size: int
) -> None:
    body = b"x" * size
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, body)
    assert (await path.ask()).body == body
    recorder.script = saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"%x\r\n%b\r\n" % (size, body) if size else b"",
        b"0\r\n\r\n",
    )
    assert (await path.ask()).body == body


async def test_whoever_asks_on_and_does_not_read_is_not_answered_on(
    path: DataPath, recorder: RecordingBackend
) -> None:
    """What waits for a client is bounded: answers are written in one piece only while nothing waits."""
    size, asked = 60_000, 1500
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, b"x" * size)
    client = await RawClient.connect(path.port)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
    sending = asyncio.create_task(client.send(head("/storage/x") * asked))
    before = -1
    while before != len(recorder.received):  # until nothing goes on any more
        before = len(recorder.received)
        await asyncio.sleep(1)
    assert before < asked
    sending.cancel()
    await asyncio.wait({sending})
    client.reset()
    await asyncio.wait_for(client.writer.wait_closed(), 20)


async def test_an_answer_to_a_reader_who_has_left_is_nobody_s_fault(
    path: DataPath, recorder: RecordingBackend
) -> None:
    for _ in range(20):
        client = await RawClient.connect(path.port)
        await client.send(head("/storage/x"))
        client.reset()
    recorder.script = saying(OK)
    assert (await path.ask()).status == 200
