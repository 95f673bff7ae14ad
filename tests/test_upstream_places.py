"""A backend's places, uploads, and back-pressure both ways."""

import asyncio
import gc
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.errors import BackendBusyError, BackendTimeoutError
from gateway.proxy.connection import BUFFER
from gateway.proxy.upstream_websocket import place
from gateway.routes import InFlight, Timeouts
from tests.system.data_path import backend
from tests.system.recording_backend import OK, Connection, RecordingBackend, saying
from tests.upstream_parts import PATIENCE, Asking, Told, asking, eventually

LONG = Timeouts(connect=20, first_byte=20, idle=20)


@pytest.fixture
async def patient(recorder: RecordingBackend) -> AsyncIterator[Asking]:
    recorder.clear()
    roomy = InFlight(max=2, queue=2, wait=20)
    async with asking(replace(backend(recorder.url), timeouts=LONG, in_flight=roomy)) as made:
        yield made


def held(recorder: RecordingBackend) -> asyncio.Event:
    """The backend answers nobody until this is set."""
    go_on = asyncio.Event()

    async def script(connection: Connection) -> None:
        await go_on.wait()
        await connection.say(OK)

    recorder.script = script
    return go_on


# --- places


async def test_whoever_waits_for_a_place_is_let_in_in_turn(
    patient: Asking, recorder: RecordingBackend
) -> None:
    go_on = held(recorder)
    calls = [patient.begin() for _ in range(4)]
    over = await patient.ask()
    assert isinstance(over.error, BackendBusyError)
    assert over.error.retry_after == 1
    await eventually(lambda: len(recorder.received) == 2)
    go_on.set()
    assert [(await told.over()).status for told in calls] == [200] * 4
    assert patient.upstream.bulkhead.inside == 0


async def test_who_waits_in_vain_is_turned_away_in_time(recorder: RecordingBackend) -> None:
    recorder.clear()
    go_on = held(recorder)
    narrow = replace(backend(recorder.url), timeouts=LONG, in_flight=InFlight(max=1, queue=5, wait=0.3))
    async with asking(narrow) as made:
        first, second = made.begin(), made.begin()
        assert isinstance((await second.over()).error, BackendBusyError)
        assert second.head is None
        go_on.set()
        assert (await first.over()).status == 200


async def test_who_leaves_the_queue_gives_its_turn_to_the_next(
    patient: Asking, recorder: RecordingBackend
) -> None:
    go_on = held(recorder)
    calls = [patient.begin() for _ in range(4)]
    assert calls[2].call is not None
    calls[2].call.cancel()
    go_on.set()
    assert [(await calls[number].over()).status for number in (0, 1, 3)] == [200] * 3
    assert not calls[2].is_over
    assert len(recorder.received) == 3


async def test_a_long_stream_leaves_its_place(patient: Asking, recorder: RecordingBackend) -> None:
    go_on = held(recorder)
    calls = [patient.begin() for _ in range(4)]
    for told in calls[:2]:
        assert told.call is not None
        told.call.leave_bulkhead()
        told.call.leave_bulkhead()  # once is enough
    await eventually(lambda: len(recorder.received) == 4)
    assert patient.upstream.bulkhead.inside == 2
    go_on.set()
    for told in calls:
        await told.over()


async def test_a_place_for_what_is_no_call(patient: Asking, recorder: RecordingBackend) -> None:
    async with place(patient.upstream) as first, place(patient.upstream):
        told = patient.begin()
        waiting = asyncio.create_task(_stay(patient))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert recorder.received == []
        first.leave()
        assert (await told.over()).status == 200


async def _stay(made: Asking) -> None:
    async with place(made.upstream):
        await asyncio.sleep(PATIENCE)


# --- uploads


def writing(told: Told, piece: bytes = b"x" * 50_000) -> int:
    """Sends until it is told to wait; how much."""
    assert told.call is not None
    sent = 0
    while told.uploads[-1:] != ["paused"]:
        told.call.send(piece)
        sent += len(piece)
    return sent


async def test_an_upload_waits_while_the_backend_does_not_read(
    patient: Asking, recorder: RecordingBackend
) -> None:
    go_on = asyncio.Event()

    async def script(connection: Connection) -> None:
        await go_on.wait()
        await connection.read_body()
        await connection.say(OK)

    recorder.script = script
    told = patient.begin("PUT", chunked=True)
    sent = writing(told)
    assert sent <= BUFFER + 50_000  # nobody is connected yet
    await told.until(lambda told: told.uploads[-1:] == ["resumed"])
    sent += writing(told)
    go_on.set()
    await told.until(lambda told: told.uploads[-1:] == ["resumed"])
    assert told.call is not None
    told.call.end()
    assert (await told.over()).status == 200
    assert len(recorder.last.body) == sent


async def test_a_slow_client_is_not_the_backend_s_fault(recorder: RecordingBackend) -> None:
    recorder.clear()
    hasty = replace(backend(recorder.url), timeouts=Timeouts(connect=20, first_byte=0.5, idle=0.5))
    async with asking(hasty) as made:
        told = made.begin("PUT", length=3)
        assert told.call is not None
        for piece in (b"a", b"b", b"c"):
            await asyncio.sleep(0.8)
            told.call.send(piece)
        told.call.end()
        assert (await told.over()).status == 200
        assert recorder.last.body == b"abc"


async def test_a_backend_that_does_not_read_is(recorder: RecordingBackend) -> None:
    async def deaf(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        await asyncio.sleep(PATIENCE)

    recorder.clear()
    recorder.script = deaf
    hasty = replace(backend(recorder.url), timeouts=Timeouts(connect=20, first_byte=0.5, idle=0.5))
    async with asking(hasty) as made:
        told = made.begin("PUT", chunked=True)
        while not told.is_over:
            writing(told)
            await told.until(lambda told: told.is_over or told.uploads[-1] == "resumed")
        assert isinstance(told.error, BackendTimeoutError)


async def test_an_early_answer_ends_the_upload_and_the_connection(
    patient: Asking, recorder: RecordingBackend
) -> None:
    recorder.script = _early
    told = patient.begin("PUT", length=1_000_000)
    assert told.call is not None
    told.call.send(b"x" * 10)
    assert (await told.over()).status == 200
    told.call.send(b"x" * 10)  # nobody listens
    told.call.end()
    recorder.script = saying(OK)
    assert (await patient.ask()).status == 200
    assert recorder.connections == 2


async def _early(connection: Connection) -> None:
    await connection.say(OK)


async def test_an_early_answer_is_not_lost_to_the_reset_behind_it() -> None:
    """A server that refuses a large body answers and closes; what it did not read becomes a reset."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        async with asking(replace(backend(f"http://127.0.0.1:{port}/"), timeouts=LONG)) as made:
            told = made.begin("PUT", length=50_000_000)
            assert told.call is not None
            told.call.send(b"x" * 1000)
            connection, _ = await loop.sock_accept(server)
            await loop.sock_recv(connection, 1 << 16)
            # all of it in one turn of the loop: nobody reads the answer before the write meets the reset
            connection.send(b"HTTP/1.1 413 Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            told.call.send(b"x" * 1000)
            assert (await told.over()).status == 413
            assert told.body == b"no!"


# --- answers


async def test_a_slow_reader_of_10_mb_holds_little(patient: Asking, recorder: RecordingBackend) -> None:
    size = 10_000_000

    async def much(connection: Connection) -> None:
        await connection.say(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(100):
            await connection.say(_PIECE)

    recorder.script = much
    gc.collect()
    tracemalloc.start()
    told = patient.begin()
    kept: list[bytes] = []

    def keep(data: bytes) -> None:
        assert told.call is not None
        kept.append(data)
        told.body.clear()
        told.call.pause()

    told.on_data = keep
    seen = most = 0
    while not told.is_over:
        await told.until(lambda _: bool(kept))
        seen += sum(map(len, kept))
        most = max(most, sum(map(len, kept)))
        kept.clear()
        assert told.call is not None
        told.call.resume()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == size
    assert most <= 350_000, peak


_PIECE = b"x" * 100_000


async def test_a_paused_answer_that_ended_leaves_a_connection_that_reads(
    patient: Asking, recorder: RecordingBackend
) -> None:
    told = patient.begin()
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"wo", b"rk")

    def pause(_: bytes) -> None:
        assert told.call is not None
        told.call.pause()
        asyncio.get_running_loop().call_later(0.05, told.call.resume)

    told.on_data = pause
    assert (await told.over()).body == b"work"
    assert (await patient.ask()).status == 200
    assert recorder.connections == 1


async def test_while_the_reader_is_slow_the_backend_is_not_late(recorder: RecordingBackend) -> None:
    async def script(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwo")
        await asyncio.sleep(0.1)
        await connection.say(b"rk")

    recorder.clear()
    recorder.script = script
    hasty = replace(backend(recorder.url), timeouts=Timeouts(connect=20, first_byte=20, idle=0.5))
    async with asking(hasty) as made:
        told = made.begin()
        await told.until(lambda told: told.head is not None)
        assert told.call is not None
        told.call.pause()
        await asyncio.sleep(1)
        told.call.resume()
        assert (await told.over()).body == b"work"
