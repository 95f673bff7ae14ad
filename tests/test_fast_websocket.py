"""What the gateway itself says on a WebSocket of the fast path, when, and between which frames.

Both ends are real connections; the clock is whatever `Front.look` is told.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from gateway.proxy.fast_websocket import GONE
from gateway.proxy.frames import GOING_AWAY, PROTOCOL_ERROR
from gateway.proxy.pace import PATIENCE
from gateway.proxy.sockets import CLOSING, HEARTBEAT
from gateway.proxy.websocket import RESTART, SESSION_ENDED
from gateway.server import front as fronts_module
from gateway.server.connection import Server
from gateway.server.front import Front, Fronts
from tests.system.data_path import DataPath, backend, data_path, head
from tests.system.echo_socket import handshake
from tests.system.raw_client import RawClient
from tests.system.recording_backend import Connection, RecordingBackend, recording_backend
from tests.workers.gateway_process import until

UPGRADE = head(
    "/storage/live",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
NO_MASK = bytes(4)
PING, PING_MASKED = b"\x89\x00", b"\x89\x80" + NO_MASK
PONG, PONG_MASKED = b"\x8a\x00", b"\x8a\x80" + NO_MASK
ASKS, ANSWERS = b"\x81\x82mask\x05\x06", b"\x81\x02ok"  # a frame of the client's, one of the backend's
LONG = b"\x82\x7e" + (1000).to_bytes(2)  # the head of a long frame of the backend's
BEGINS = b"\x01\x02ok"  # the first frame of a message


def goodbye(code: int, reason: bytes = b"") -> bytes:
    return bytes((0x88, 2 + len(reason))) + code.to_bytes(2) + reason


def goodbye_masked(code: int) -> bytes:
    return b"\x88\x82" + NO_MASK + code.to_bytes(2)


ENDED = goodbye(SESSION_ENDED, b"the session has ended")
AWAY = goodbye_masked(GOING_AWAY)


@dataclass
class Talk:
    """A socket that is open. now: seconds since its first look."""

    path: DataPath
    client: RawClient
    backend: Connection
    fronts: Fronts
    front: Front
    now: float = 0.0

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.front.look(self._began + self.now)

    def __post_init__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self.pass_time(0)

    async def up(self, data: bytes) -> None:
        await self.client.send(data)
        await self.reached_backend(data)

    async def down(self, data: bytes) -> None:
        await self.backend.say(data)
        await self.reached_client(data)

    async def reached_client(self, data: bytes) -> None:
        """These bytes and none before them."""
        assert await asyncio.wait_for(self.client.reader.readexactly(len(data)), 20) == data

    async def reached_backend(self, data: bytes) -> None:
        assert await asyncio.wait_for(self.backend.reader.readexactly(len(data)), 20) == data

    async def ended(self, *, client: bytes, backend: bytes) -> None:
        """Both connections are over, and this is what came last. Who was told has time to leave first."""
        await self.reached_client(client)
        if self.front.due and self.front in self.fronts.open:
            self.front.look(self.front.due)
        assert await left(self.client.reader) == b""
        assert await left(self.backend.reader) == backend

    def end_session(self) -> None:
        self.path.streams.cut(self.path.sessions.living["ada"].ended_by)

    def stop_gateway(self) -> None:
        self.path.streams.end_all()


async def left(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection ends."""
    said = b""
    with suppress(ConnectionError):
        while data := await asyncio.wait_for(reader.read(1000), 20):
            said += data
    return said


@asynccontextmanager
async def talk(path: DataPath, recorder: RecordingBackend) -> AsyncGenerator[Talk]:
    opened: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def script(connection: Connection) -> None:
        await handshake(connection)
        opened.set_result(connection)
        await over.wait()
        raise ConnectionResetError

    recorder.script = script
    client = await RawClient.connect(path.port)
    try:
        await client.send(UPGRADE)
        assert (await client.head())[0] == 101
        assert isinstance(path.runner.server, Server)
        assert isinstance(path.runner.server.front, Fronts)
        fronts = path.runner.server.front
        (front,) = fronts.open
        yield Talk(path, client, await asyncio.wait_for(opened, 20), fronts, front)
    finally:
        over.set()
        client.close()


@pytest.fixture
async def socket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    monkeypatch.setattr(fronts_module, "TICK", 600.0)  # looked at by hand
    async with recording_backend() as recorder, data_path(backend(recorder.url), way="fast") as path:
        path.sign_in("ada")
        async with talk(path, recorder) as opened:
            yield opened


# --- silence


async def test_both_ends_are_pinged_once_after_half_a_minute_of_silence(socket: Talk) -> None:
    socket.pass_time(HEARTBEAT - 0.5)
    await socket.down(ANSWERS)  # what was said earlier would come earlier
    await socket.up(ASKS)
    socket.pass_time(0.5)  # it is seen that they spoke
    socket.pass_time(HEARTBEAT)
    socket.pass_time(0.5)
    await socket.reached_client(PING)
    await socket.reached_backend(PING_MASKED)
    await socket.down(ANSWERS)
    await socket.up(ASKS)


async def test_who_speaks_is_not_pinged(socket: Talk) -> None:
    for _ in range(5):
        socket.pass_time(HEARTBEAT - 1)
        await socket.down(ANSWERS)
        await socket.up(ASKS)


async def test_who_says_nothing_for_a_minute_is_gone(socket: Talk) -> None:
    socket.pass_time(HEARTBEAT)
    socket.pass_time(GONE - HEARTBEAT - 0.5)
    await socket.reached_client(PING)
    await socket.reached_backend(PING_MASKED)
    socket.pass_time(0.5)
    await socket.ended(client=goodbye(GOING_AWAY), backend=AWAY)


async def test_the_backend_s_words_are_no_sign_of_the_client_s_life(socket: Talk) -> None:
    await socket.down(ANSWERS)
    socket.pass_time(HEARTBEAT)
    await socket.reached_client(PING)
    await socket.down(ANSWERS)
    socket.pass_time(GONE - HEARTBEAT)
    await socket.ended(client=goodbye(GOING_AWAY), backend=AWAY)


async def test_the_client_s_words_are_no_sign_of_the_backend_s_life(socket: Talk) -> None:
    await socket.up(ASKS)
    socket.pass_time(HEARTBEAT)
    await socket.reached_backend(PING_MASKED)
    await socket.up(ASKS)
    socket.pass_time(GONE - HEARTBEAT)
    await socket.ended(client=goodbye(GOING_AWAY), backend=AWAY)


async def test_an_answered_ping_is_a_sign_of_life(socket: Talk) -> None:
    for _ in range(4):
        socket.pass_time(HEARTBEAT)
        await socket.reached_client(PING)
        await socket.reached_backend(PING_MASKED)
        await socket.up(PONG_MASKED)
        await socket.down(PONG)
        socket.pass_time(0.5)


@pytest.mark.parametrize("half", [1, 3], ids=["its head", "its payload"])
async def test_a_ping_waits_for_the_end_of_a_frame(socket: Talk, half: int) -> None:
    await socket.down(ANSWERS[:half])
    await socket.up(ASKS[: 2 * half])
    socket.pass_time(1)
    socket.pass_time(HEARTBEAT)
    await socket.down(ANSWERS[half:])
    await socket.up(ASKS[2 * half :])
    socket.pass_time(1)
    socket.pass_time(HEARTBEAT)
    await socket.reached_client(PING)
    await socket.reached_backend(PING_MASKED)


async def test_silence_in_the_middle_of_a_frame_ends_without_a_word(socket: Talk) -> None:
    await socket.down(ANSWERS[:3])
    await socket.up(ASKS[:7])
    socket.pass_time(1)
    socket.pass_time(GONE)
    await socket.ended(client=b"", backend=b"")


async def test_who_reads_nothing_of_what_waits_for_it_is_cut_off(socket: Talk) -> None:
    socket.client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of asyncio's Transport
    message = b"\x82\x7f" + (1 << 20).to_bytes(8) + bytes(1 << 20)
    pouring = asyncio.create_task(socket.backend.say(message * 30))
    await until(lambda: socket.front.full, 20)
    for _ in range(4):
        await socket.up(PONG_MASKED)  # that it speaks is not what it is asked for
        socket.pass_time(PATIENCE / 4)
    assert socket.front in socket.fronts.open
    socket.pass_time(PATIENCE / 4 + 1)
    with suppress(ConnectionError):
        await asyncio.wait_for(pouring, 20)
    await left(socket.backend.reader)
    await until(lambda: socket.front not in socket.fronts.open, 20)


async def test_who_takes_a_long_message_is_there_though_there_is_no_place_for_a_ping(socket: Talk) -> None:
    await socket.down(LONG)
    for _ in range(5):
        socket.pass_time(HEARTBEAT - 1)
        await socket.down(b"x" * 200)
    socket.pass_time(1)
    await socket.reached_client(PING)
    socket.pass_time(GONE - HEARTBEAT - 1)
    await socket.down(ANSWERS)
    socket.pass_time(1)
    await socket.ended(client=goodbye(GOING_AWAY), backend=AWAY)


async def test_who_is_not_read_from_is_not_silent(socket: Talk) -> None:
    transport = socket.backend.writer.transport
    transport.pause_reading()  # type: ignore[attr-defined]  # of asyncio's Transport
    message = b"\x82\xff" + (1 << 21).to_bytes(8) + bytes(4 + (1 << 21))
    sending = asyncio.create_task(socket.client.send(message * 20))
    await until(lambda: socket.front.paused, 20)
    for _ in range(5):
        socket.pass_time(HEARTBEAT - 1)
        await socket.down(ANSWERS)
    assert not sending.done()
    transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(20):
        await socket.reached_backend(message)
    await sending


# --- the session ends, the gateway stops

END = pytest.mark.parametrize(
    ("end", "said"),
    [
        pytest.param(Talk.end_session, goodbye(SESSION_ENDED, b"the session has ended"), id="4401"),
        pytest.param(Talk.stop_gateway, goodbye(RESTART, b"the gateway restarts"), id="1012"),
    ],
)


@END
@pytest.mark.parametrize("before", [b"", ANSWERS, BEGINS, PONG], ids=["first", "message", "fragment", "pong"])
async def test_both_are_told_between_two_frames(
    socket: Talk, end: Callable[[Talk], None], said: bytes, before: bytes
) -> None:
    await socket.down(before)
    end(socket)
    await socket.ended(client=said, backend=AWAY)


@END
@pytest.mark.parametrize("half", [1, 2, 3], ids=["the first byte", "the head", "some payload"])
async def test_nothing_is_said_within_a_frame_of_the_backend_s(
    socket: Talk, end: Callable[[Talk], None], said: bytes, half: int
) -> None:
    await socket.down(ANSWERS[:half])
    end(socket)
    await socket.ended(client=b"", backend=AWAY)
    assert said


@END
@pytest.mark.parametrize("half", [1, 2, 6, 7], ids=["the first byte", "half a head", "the head", "payload"])
async def test_nothing_is_said_within_a_frame_of_the_client_s(
    socket: Talk, end: Callable[[Talk], None], said: bytes, half: int
) -> None:
    await socket.up(ASKS[:half])
    end(socket)
    await socket.ended(client=said, backend=b"")


@END
async def test_nothing_is_said_behind_a_goodbye(
    socket: Talk, end: Callable[[Talk], None], said: bytes
) -> None:
    await socket.down(goodbye(4000))
    end(socket)
    await socket.ended(client=b"", backend=AWAY)
    assert said


async def test_what_comes_after_the_end_goes_nowhere(socket: Talk) -> None:
    socket.end_session()
    socket.stop_gateway()
    socket.end_session()
    await socket.client.send(ASKS)
    await socket.ended(client=ENDED, backend=AWAY)


# --- goodbyes


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((b"\x88\x82" + NO_MASK + (4401).to_bytes(2),), id="a goodbye"),
        pytest.param((b"\x88\x82" + NO_MASK, (4401).to_bytes(2)), id="in two halves"),
        pytest.param((ASKS + b"\x88\x80" + NO_MASK,), id="after a last message"),
        pytest.param((b"\xff\x00",), id="what is no frame"),
    ],
)
async def test_who_was_told_goodbye_and_says_it_too_waits_for_nobody(
    socket: Talk, answer: tuple[bytes, ...]
) -> None:
    socket.end_session()
    await socket.reached_client(ENDED)
    for part in answer:
        await socket.client.send(part)
        await asyncio.sleep(0.05)
    assert await asyncio.wait_for(left(socket.client.reader), 2) == b""  # LINGER would be five seconds


async def test_two_goodbyes_end_both_connections(socket: Talk) -> None:
    await socket.up(b"\x88\x82" + NO_MASK + (4000).to_bytes(2))
    await socket.down(goodbye(4000))
    await socket.ended(client=b"", backend=b"")


async def test_a_goodbye_that_is_not_answered_is_not_waited_for_long(socket: Talk) -> None:
    await socket.up(b"\x88\x82" + NO_MASK + (4000).to_bytes(2))
    socket.pass_time(0.5)
    socket.pass_time(CLOSING)
    await socket.down(ANSWERS)  # it goes on until then
    socket.pass_time(0.5)
    await socket.ended(client=goodbye(GOING_AWAY), backend=b"")


# --- what is no frame


async def test_a_client_s_bytes_that_are_no_frame_reach_nobody(socket: Talk) -> None:
    await socket.up(ASKS)
    await socket.client.send(ANSWERS)  # not masked
    await socket.ended(client=goodbye(PROTOCOL_ERROR), backend=goodbye_masked(PROTOCOL_ERROR))


async def test_a_backend_s_bytes_that_are_no_frame_reach_nobody(socket: Talk) -> None:
    await socket.down(ANSWERS)
    await socket.backend.say(ASKS)  # masked
    await socket.ended(client=goodbye(PROTOCOL_ERROR), backend=goodbye_masked(PROTOCOL_ERROR))


async def test_a_bad_frame_within_the_other_end_s_frame(socket: Talk) -> None:
    await socket.down(ANSWERS[:3])
    await socket.client.send(ANSWERS)
    await socket.ended(client=b"", backend=goodbye_masked(PROTOCOL_ERROR))


async def test_a_frame_that_came_with_a_bad_one_is_not_passed_on_either(socket: Talk) -> None:
    await socket.backend.say(ANSWERS + ASKS)
    await socket.ended(client=goodbye(PROTOCOL_ERROR), backend=goodbye_masked(PROTOCOL_ERROR))
