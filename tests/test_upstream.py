"""One URL of a backend: what it sends, and what a receiver is told of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.errors import BackendBrokenError, BackendTimeoutError
from gateway.routes import Timeouts
from tests.system.data_path import backend
from tests.system.recording_backend import (
    OK,
    Connection,
    RecordingBackend,
    Script,
    closing,
    saying,
)
from tests.upstream_parts import Asking, asking, eventually

LONG = Timeouts(connect=20, first_byte=20, idle=20)
SHORT = Timeouts(connect=0.5, first_byte=0.5, idle=0.5)


@pytest.fixture
async def patient(recorder: RecordingBackend) -> AsyncIterator[Asking]:
    recorder.clear()
    async with asking(replace(backend(recorder.url), timeouts=LONG)) as made:
        yield made


@pytest.fixture
async def hasty(recorder: RecordingBackend) -> AsyncIterator[Asking]:
    recorder.clear()
    async with asking(replace(backend(recorder.url), timeouts=SHORT)) as made:
        yield made


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SOUND = [
    pytest.param(OK, b"{}", True, id="length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True, id="empty"),
    pytest.param(CHUNKED + b"4\r\nwork\r\n2;x=y\r\n!!\r\n0\r\nA: b\r\n\r\n", b"work!!", True, id="chunked"),
    pytest.param(CHUNKED + b"0\r\n\r\n", b"", True, id="chunked and empty"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}", False, id="close"
    ),
    pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}", False, id="1.0"),
    pytest.param(b"HTTP/1.1 103 Hints\r\nLink: <x>\r\n\r\n" + OK, b"{}", True, id="interim"),
    pytest.param(b"HTTP/1.1 204 No\r\n\r\n", b"", True, id="204"),
    pytest.param(b"HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", b"", True, id="304 with a length"),
    pytest.param(OK + b"and more", b"{}", False, id="longer than it said"),
    pytest.param(CHUNKED + b"0\r\n\r\nmore", b"", False, id="more after the last chunk"),
]


@pytest.mark.parametrize(("said", "body", "kept"), SOUND)
@pytest.mark.parametrize("split", [False, True])
async def test_sound_answers_come_whole_and_leave_the_connection_as_they_should(
    patient: Asking, recorder: RecordingBackend, said: bytes, body: bytes, *, kept: bool, split: bool
) -> None:
    async def dripping(connection: Connection) -> None:
        connection.writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
        for at in range(len(said)):
            await connection.say(said[at : at + 1])
            await asyncio.sleep(0)

    recorder.script = dripping if split else saying(said)
    told = await patient.ask()
    assert (told.whole, bytes(told.body)) == (True, body)
    recorder.script = saying(OK)
    if kept or not split:  # dripped, what is too much may come when the connection is already another's
        assert (await patient.ask()).body == b"{}"
        assert recorder.connections == (1 if kept else 2)


async def test_an_answer_to_head_has_no_body(patient: Asking, recorder: RecordingBackend) -> None:
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n")
    told = await patient.ask("HEAD")
    assert told.head is not None
    assert (bytes(told.body), told.head.length) == (b"", 77)
    await patient.ask("HEAD")
    assert recorder.connections == 1
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    assert (await patient.ask("HEAD")).body == b""
    recorder.script = saying(OK)
    assert (await patient.ask()).body == b"{}"  # not on the connection whose answer had a body all the same
    assert recorder.connections == 2


async def test_an_answer_without_framing_ends_with_its_connection(
    patient: Asking, recorder: RecordingBackend
) -> None:
    recorder.script = closing(b"HTTP/1.1 200 OK\r\n\r\nto ", b"the end")
    assert (await patient.ask()).body == b"to the end"
    recorder.script = saying(OK)
    assert (await patient.ask()).body == b"{}"
    assert recorder.connections == 2


BROKEN = [
    pytest.param(b"what?\r\n\r\n", id="garbage"),
    pytest.param(b"SSH-2.0-OpenSSH_9\n", id="another protocol"),
    pytest.param(b"HTTP/2 200 OK\r\n", id="another version"),
    pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", id="bare LF"),
    pytest.param(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", id="folded"),
    pytest.param(b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n", id="blank before the colon"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", id="two lengths"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", id="a list"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab", id="a sign"),
    pytest.param(CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n", id="length beside chunked"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="codings"),
    pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunked in 1.0"),
    pytest.param(b"HTTP/1.1 099 No\r\n\r\n", id="status 99"),
    pytest.param(b"HTTP/1.1 600 No\r\n\r\n", id="status 600"),
    pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", id="101 that nobody asked for"),
    pytest.param(b"HTTP/1.1 102 Wait\r\n\r\n" * 100, id="interim answers without end"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", id="a huge head"),
    pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 50_000, id="a head without end"),
    pytest.param(CHUNKED + b"zz\r\n", id="a bad chunk with the head"),
]


@pytest.mark.parametrize("said", BROKEN)
async def test_what_is_no_sound_answer_is_known_at_once_and_its_connection_dropped(
    patient: Asking, recorder: RecordingBackend, said: bytes
) -> None:
    async def script(connection: Connection) -> None:
        await connection.say(said)
        await connection.reader.read()  # it does not hang up: whoever waited for that would wait long

    recorder.script = script
    told = await patient.ask("POST")
    assert isinstance(told.error, BackendBrokenError)
    assert told.head is None
    recorder.script = saying(OK)
    assert (await patient.ask()).status == 200
    assert recorder.connections == 2


def cutting(said: bytes, *, reset: bool) -> Script:
    async def script(connection: Connection) -> None:
        await connection.read_body()
        await connection.say(said)
        if reset:
            await asyncio.sleep(0.05)
            connection.reset()
        else:
            connection.writer.close()

    return script


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="too short"),
        pytest.param(CHUNKED + b"4\r\nwork\r\n", id="no last chunk"),
        pytest.param(CHUNKED + b"4\r\nwork\r\n0\r\n", id="no end of the trailers"),
    ],
)
async def test_an_answer_that_breaks_off_is_told_as_that(
    patient: Asking, recorder: RecordingBackend, said: bytes, *, reset: bool
) -> None:
    recorder.script = cutting(said, reset=reset)
    told = await patient.ask()
    assert isinstance(told.error, BackendBrokenError)
    assert len(recorder.received) == 1


async def test_an_answer_without_framing_that_is_reset_is_not_whole(
    patient: Asking, recorder: RecordingBackend
) -> None:
    recorder.script = cutting(b"HTTP/1.1 200 OK\r\n\r\nhalf", reset=True)
    assert isinstance((await patient.ask()).error, BackendBrokenError)


async def silent(connection: Connection) -> None:
    await connection.read_body()
    if not await connection.reader.read(1):
        raise ConnectionResetError


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(b"HTTP/1.1 102 Wait\r\n\r\n", id="interim"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="half a body"),
    ],
)
async def test_one_that_hangs_is_given_up_in_time(
    hasty: Asking, recorder: RecordingBackend, said: bytes
) -> None:
    async def script(connection: Connection) -> None:
        await connection.say(said)
        await silent(connection)

    recorder.script = script
    began = asyncio.get_running_loop().time()
    told = await hasty.ask()
    assert isinstance(told.error, BackendTimeoutError)
    assert asyncio.get_running_loop().time() - began >= 0.5
    await asyncio.wait_for(recorder.left.wait(), 20)


async def test_a_body_that_goes_on_may_take_longer_than_any_time_out(
    hasty: Asking, recorder: RecordingBackend
) -> None:
    async def script(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            await asyncio.sleep(0.2)
            await connection.say(b"x")

    recorder.script = script
    assert (await hasty.ask()).body == b"xxxxxx"


async def test_a_connection_is_kept_until_its_backend_says_otherwise(
    patient: Asking, recorder: RecordingBackend
) -> None:
    async def unasked(connection: Connection) -> None:
        await connection.say(OK)
        await asyncio.sleep(0.05)
        await connection.say(OK)  # to a request that nobody made

    await patient.ask()
    recorder.script = unasked
    assert (await patient.ask()).status == 200
    await asyncio.sleep(0.2)
    recorder.script = saying(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    assert (await patient.ask("POST")).status == 201
    assert recorder.connections == 2


async def test_one_that_was_closed_while_it_lay_idle_is_not_used(
    patient: Asking, recorder: RecordingBackend
) -> None:
    await patient.ask()
    recorder.drop()
    await asyncio.sleep(0.1)
    assert (await patient.ask("POST")).status == 200
    assert recorder.connections == 2


async def test_one_that_lay_idle_for_long_is_closed_by_us(
    patient: Asking, recorder: RecordingBackend
) -> None:
    await patient.ask()
    gone = asyncio.Event()

    async def wait(connection: Connection) -> None:
        await connection.say(OK)
        await connection.reader.read()
        gone.set()

    recorder.script = wait
    await patient.ask()
    await asyncio.wait_for(gone.wait(), 20)


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("DELETE", b""), ("PUT", b""), ("HEAD", b"")])
async def test_a_stale_connection_is_tried_once_more_and_never_twice(
    patient: Asking, recorder: RecordingBackend, method: str, body: bytes
) -> None:
    async def reset(connection: Connection) -> None:
        connection.reset()

    await patient.ask()
    recorder.script = reset
    told = await patient.ask(method, body)
    assert isinstance(told.error, BackendBrokenError)
    assert len(recorder.received) == 3
    assert recorder.connections == 2
    told = await patient.ask(method, body)  # on a connection of its own: not stale, so not again
    assert isinstance(told.error, BackendBrokenError)
    assert len(recorder.received) == 4


@pytest.mark.parametrize(
    ("method", "body", "said"),
    [
        pytest.param("POST", b"", b"", id="not idempotent"),
        pytest.param("PATCH", b"", b"", id="nor is this"),
        pytest.param("PUT", b"work", b"", id="body"),
        pytest.param("GET", b"", b"HTTP/1.1", id="a byte was answered"),
    ],
)
async def test_what_may_have_been_done_is_not_sent_again(
    patient: Asking, recorder: RecordingBackend, method: str, body: bytes, said: bytes
) -> None:
    await patient.ask()
    recorder.script = cutting(said, reset=False)
    assert isinstance((await patient.ask(method, body)).error, BackendBrokenError)
    assert len(recorder.received) == 2


async def test_cancelled_it_ends_at_once_and_nobody_is_told(
    patient: Asking, recorder: RecordingBackend
) -> None:
    recorder.script = silent
    told = patient.begin()
    await eventually(lambda: len(recorder.received) == 1)
    assert told.call is not None
    told.call.cancel()
    patient.assert_quiet()
    await asyncio.wait_for(recorder.left.wait(), 1)
    told.call.cancel()
    assert (told.head, told.error) == (None, None)


async def test_cancelled_in_the_middle_of_an_answer_nothing_more_comes(
    patient: Asking, recorder: RecordingBackend
) -> None:
    async def much(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            await connection.say(b"x" * 100_000)

    recorder.script = much
    told = patient.begin()

    def leave(_: bytes) -> None:
        assert told.call is not None
        told.call.cancel()

    told.on_data = leave
    await asyncio.wait_for(recorder.left.wait(), 20)
    assert told.pieces == 1
    assert not told.is_over


async def test_cancelled_before_there_is_a_connection(recorder: RecordingBackend) -> None:
    recorder.clear()
    async with asking(backend(recorder.url)) as made:
        told = made.begin()
        assert told.call is not None
        told.call.cancel()
        made.assert_quiet()
        await asyncio.sleep(0.1)
        assert recorder.received == []
        assert not told.is_over
