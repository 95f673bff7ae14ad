"""A client's connection whose other end does not read, or does not end: what waits, and for how long."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.system.data_path import DataPath, backend, data_path, head
from tests.system.raw_client import RawClient
from tests.system.recording_backend import Connection, RecordingBackend, recording_backend, saying
from tests.workers.gateway_process import until

OURS = b"OPTIONS /storage/x HTTP/1.1\r\nHost: gw.test\r\n\r\n"  # the plain path's, whatever the answer


@pytest.fixture
async def recorder() -> AsyncIterator[RecordingBackend]:
    async with recording_backend() as started:
        yield started


@pytest.fixture
async def fast(recorder: RecordingBackend) -> AsyncIterator[DataPath]:
    async with data_path(backend(recorder.url), way="fast") as started:
        started.sign_in("ada")
        yield started


@pytest.fixture
async def client(fast: DataPath) -> AsyncIterator[RawClient]:
    found = await RawClient.connect(fast.port)
    yield found
    found.close()


async def test_what_is_aiohttp_s_waits_too_for_a_client_that_does_not_read(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"a" * 60_000)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of asyncio's Transport
    await client.send((head("/storage/a") + OURS) * 100)
    await until(lambda: fast.front.full, 30)
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(100):
        assert [(await client.answer()).status for _ in range(2)] == [200, 401]


async def test_a_long_answer_of_aiohttp_s_arrives_though_its_reader_pauses(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    size = 12_000_000  # more than the kernel takes at both ends
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of asyncio's Transport
    once = ("Authorization: DPoP ada", "DPoP: x", "Content-Length: 0")
    await client.send(head("/storage/1", *once, method="POST", person=None) + head("/storage/2"))
    await until(lambda: fast.front.full, 30)
    assert fast.front.stock is not None
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(2):
        answer = await client.answer()
        assert (len(answer.body), answer.complete) == (size, True)


async def test_at_the_end_nobody_is_waited_for_longer_than_the_grace(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    async def hang(connection: Connection) -> None:
        await connection.reader.readexactly(1)

    recorder.script = hang
    idle = await RawClient.connect(fast.port)
    await client.send(head("/storage/a"))
    await until(lambda: recorder.received, 20)
    await asyncio.wait_for(fast.runner.cleanup(), 20)
    assert [await one.at_end() for one in (client, idle)] == [True, True]
    await asyncio.wait_for(recorder.left.wait(), 20)
    idle.close()
