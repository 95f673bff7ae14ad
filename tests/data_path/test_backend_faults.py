"""Backends that never come to an end, or to their senses: both ways make an end of it.

What else may be wrong with an answer is in answers.py; what a service does when it dies, in
tests/system/test_backend_trouble.py, which runs by both ways too.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import repeat

import pytest

from tests.data_path.both_ways import WAYS
from tests.data_path.talk import LIMIT
from tests.system.data_path import TIMEOUTS, DataPath, backend, data_path, head
from tests.system.raw_client import RawAnswer, RawClient
from tests.system.recording_backend import OK, Connection, RecordingBackend, Script, saying

pytestmark = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
async def path(recorder: RecordingBackend, way: str) -> AsyncIterator[DataPath]:
    recorder.clear()
    async with data_path(backend(recorder.url), way=way) as started:
        started.sign_in("ada")
        yield started
    recorder.assert_identity("ada")


def dripping(*pieces: bytes, drip: bytes, every: float) -> Script:
    """Says the pieces, and then the drip for ever."""

    async def script(connection: Connection) -> None:
        for piece in pieces:
            await connection.say(piece)
        for again in repeat(drip):
            await connection.say(again)
            await asyncio.sleep(every)

    return script


NEVER_ENDING = [
    pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX: ", drip=b"a", every=0.02), 504, id="a head that drips"),
    pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX: ", drip=b"a" * 999, every=0), 502, id="a head that pours"),
    pytest.param(dripping(b"HTTP/1.1 200 OK\r\n", drip=b"X: a\r\n", every=0), 502, id="headers that pour"),
    pytest.param(dripping(drip=b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001), 502, id="100 for ever"),
    pytest.param(
        dripping(drip=b"HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n", every=0), 502, id="103s that pour"
    ),
]


@pytest.mark.parametrize(("script", "status"), NEVER_ENDING)
async def test_an_answer_that_never_begins(
    path: DataPath, recorder: RecordingBackend, script: Script, status: int
) -> None:
    recorder.script = script
    began = asyncio.get_running_loop().time()
    answer = await asyncio.wait_for(path.ask(), LIMIT)
    assert answer.status in {status, 504}  # on a machine that is slow enough all of it drips
    assert asyncio.get_running_loop().time() - began > (TIMEOUTS.first_byte - 0.1 if status == 504 else 0)
    await asyncio.wait_for(recorder.left.wait(), LIMIT)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
IN_A_BODY = [
    pytest.param(dripping(CHUNKED + b"4;", drip=b"a" * 99, every=0), id="a chunk's extension"),
    pytest.param(dripping(CHUNKED + b"0\r\n", drip=b"X: a\r\n", every=0), id="trailers"),
    pytest.param(dripping(CHUNKED + b"0", drip=b"0", every=0), id="a chunk's size"),
]


@pytest.mark.parametrize("script", IN_A_BODY)
async def test_framing_that_never_ends(path: DataPath, recorder: RecordingBackend, script: Script) -> None:
    recorder.script = script
    answer = await asyncio.wait_for(path.ask(), LIMIT)
    assert answer.status == 502 or not answer.complete
    await asyncio.wait_for(recorder.left.wait(), LIMIT)


async def test_an_answer_that_never_ends_is_relayed_as_long_as_it_is_read(
    path: DataPath, recorder: RecordingBackend
) -> None:
    recorder.script = dripping(CHUNKED, drip=b"10000\r\n" + b"x" * 65536 + b"\r\n", every=0)
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/x"))
    assert (await client.head())[0] == 200
    seen = 0
    while seen < 5_000_000:
        seen += len(await asyncio.wait_for(client.reader.read(1 << 16), LIMIT))
    client.reset()
    await asyncio.wait_for(recorder.left.wait(), LIMIT)


def upload(size: int) -> bytes:
    return head("/storage/x", f"Content-Length: {size}", method="POST")


async def uploaded(path: DataPath, *pieces: bytes) -> RawAnswer:
    client = await RawClient.connect(path.port)
    for piece in pieces:
        await client.send(piece)
        await asyncio.sleep(0.05)
    answer = await asyncio.wait_for(client.answer(), LIMIT)
    client.close()
    return answer


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_backend_that_goes_in_mid_upload(
    path: DataPath, recorder: RecordingBackend, how: str
) -> None:
    async def go(connection: Connection) -> None:
        await connection.reader.readexactly(4)
        if how == "reset":
            connection.reset()
        else:
            connection.writer.close()

    recorder.script = go
    assert (await uploaded(path, upload(1000) + b"work")).status == 502
    assert len(recorder.received) == 1, "asked twice"
    recorder.script = saying(OK)
    assert (await path.ask()).status == 200


async def test_an_early_answer_and_an_end(path: DataPath, recorder: RecordingBackend) -> None:
    """The answer counts, not that the rest of the upload has nowhere to go."""

    async def refuse(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
        connection.writer.close()

    recorder.script = refuse
    answer = await uploaded(path, upload(50_000) + b"x" * 1000, b"x" * 1000)
    assert (answer.status, answer.body, answer.complete) == (413, b"large", True)
    recorder.script = saying(OK)
    assert (await path.ask()).status == 200


async def test_a_client_that_says_too_much_is_answered_for_what_it_said_first(
    path: DataPath, recorder: RecordingBackend
) -> None:
    client = await RawClient.connect(path.port)
    await client.send(upload(4) + b"work")
    assert (await asyncio.wait_for(client.answer(), LIMIT)).status == 200
    await client.send(b"X\r\n\r\n")
    assert (await asyncio.wait_for(client.answer(), LIMIT)).status == 400
    assert await client.at_end()
    client.close()
    assert [one.body for one in recorder.received] == [b"work"]


async def test_a_client_that_says_too_little_and_ends_was_never_answered(
    path: DataPath, recorder: RecordingBackend
) -> None:
    client = await RawClient.connect(path.port)
    await client.send(upload(10) + b"work")
    async with asyncio.timeout(LIMIT):
        # ruff: ignore[async-busy-wait]  # nobody tells
        while not recorder.received:
            await asyncio.sleep(0.01)
    client.close()
    await asyncio.wait_for(recorder.left.wait(), LIMIT)
    assert recorder.last.aborted
