"""A client's connection: who serves which bytes of it, and when it ends."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.server import front as fronts_module
from gateway.server.connection import Connection, Server
from gateway.server.front import HELD, Front, Fronts
from gateway.server.misfit import misfit
from tests.system.data_path import MAX_HEAD, DataPath, backend, data_path, head
from tests.system.raw_client import RawClient
from tests.system.recording_backend import OK, RecordingBackend, recording_backend, saying
from tests.system.recording_backend import Connection as BackendConnection
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


async def test_a_request_of_the_plain_path_gives_the_connection_back(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    await client.send(OURS)
    assert (await client.answer()).status == 401
    stock = fast.front.stock
    assert stock is not None
    await client.send(head("/storage/a"))
    assert (await client.answer()).status == 200
    assert fast.front.stock is None
    assert stock.transport is None
    await client.send(OURS)
    assert (await client.answer()).status == 401
    assert fast.front.stock is not stock
    assert len(recorder.received) == 1


async def test_a_stock_handler_that_is_idle_is_not_kept(fast: DataPath, client: RawClient) -> None:
    await client.send(OURS)
    await client.answer()
    await until(lambda: fast.front.stock is None)


async def test_a_handler_stays_for_the_next_of_its_kind(fast: DataPath, client: RawClient) -> None:
    await client.send(OURS)
    await client.answer()
    stock = fast.front.stock
    await client.send(OURS)
    await client.answer()
    assert fast.front.stock is stock or stock is None


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(
            head("/storage/a", "Transfer-Encoding: chunked", method="OPTIONS") + b"2\r\n{}\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(OURS.replace(b"Host:", b"X-Odd: \x01\r\nHost:") + OURS, id="not canonical"),
        pytest.param(OURS + OURS, id="pipelined"),
    ],
)
async def test_whoever_was_given_more_than_one_request_keeps_the_connection(
    fast: DataPath, client: RawClient, first: bytes
) -> None:
    await client.send(first)
    await client.answer()
    stock = [front.stock for front in fast.fronts.open]
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        if first == OURS + OURS:
            await client.answer()
        await client.send(head("/storage/a"))
        assert (await client.answer()).status == 200
    assert [front.stock for front in fast.fronts.open] in (stock, [])


async def test_what_comes_while_aiohttp_works_waits_its_turn(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    goes_on = asyncio.Event()

    async def slowly(connection: BackendConnection) -> None:
        await goes_on.wait()
        await connection.say(OK)

    recorder.script = slowly
    once = ("Authorization: DPoP ada", "DPoP: x", "Content-Length: 0")  # the plain path's, for it writes
    await client.send(head("/storage/1", *once, method="POST", person=None))
    await until(lambda: recorder.received, 10)
    await client.send(head("/storage/2"))
    await asyncio.sleep(0.05)  # red without this rule only where it is read before the answer comes
    goes_on.set()
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert [one.target for one in recorder.received] == ["/1", "/2"]


async def test_requests_in_one_piece_are_answered_in_order(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    body = head("/storage/2", "Content-Length: 2", method="POST") + b"{}"
    await client.send(head("/storage/1") + body + head("/storage/3") + OURS + head("/storage/5"))
    assert [(await client.answer()).status for _ in range(5)] == [200, 200, 200, 401, 200]
    assert [one.target for one in recorder.received] == ["/1", "/2", "/3", "/5"]
    assert recorder.received[1].body == b"{}"


async def test_a_body_behind_a_head_that_is_the_plain_paths_goes_along(
    fast: DataPath, client: RawClient
) -> None:
    await client.send(head("/storage/a", "Content-Length: 4", method="OPTIONS") + b"ab")
    await client.send(b"cd" + head("/storage/b"))
    assert (await client.answer()).status == 405
    assert (await client.answer()).status == 200


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02", id="a TLS handshake"),
        pytest.param(b"GET / HTTP/1.1\nHost: gw.test\n\n", id="bare line feeds"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: gw.test\r\nX: \x00", id="a control byte"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: gw.test\r\nX: a\rb", id="a bare carriage return"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD * 3, id="a head without end"),
    ],
)
async def test_what_can_be_no_request_is_not_waited_for(client: RawClient, data: bytes) -> None:
    await client.send(data)
    assert (await client.answer()).status in {400, 431}
    assert await client.at_end()


async def test_who_dribbles_a_head_is_closed_though_bytes_come(
    recorder: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts_module, "KEEP_ALIVE", 1.0)
    async with data_path(backend(recorder.url), way="fast") as fast:
        slow, silent, idle = [await RawClient.connect(fast.port) for _ in range(3)]
        await idle.send(head("/public/a"))
        assert (await idle.answer()).status == 200
        dribbling = asyncio.create_task(dribble(slow))
        assert [await one.at_end() for one in (slow, silent, idle)] == [True, True, True]
        dribbling.cancel()
        for one in (slow, silent, idle):
            one.close()
        await until(lambda: not fast.fronts.open)


async def dribble(client: RawClient) -> None:
    with contextlib.suppress(ConnectionError):
        for byte in head("/public/a") * 100:
            await client.send(bytes([byte]))
            await asyncio.sleep(0.1)


async def test_what_waits_behind_a_request_is_bounded(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    asked = asyncio.Event()

    async def hang(connection: BackendConnection) -> None:
        asked.set()
        await connection.reader.readexactly(1)

    recorder.script = hang
    await client.send(head("/storage/a"))
    await asyncio.wait_for(asked.wait(), 10)
    sending = asyncio.create_task(client.send(head("/storage/b") * 200_000))
    await until(lambda: fast.front.paused)
    assert len(fast.front.buffer) <= HELD + (1 << 18)
    client.reset()
    await until(lambda: not fast.fronts.open, 10)  # though what it sent hides that it is gone
    sending.cancel()
    await asyncio.wait_for(recorder.left.wait(), 10)


async def test_who_asks_on_and_does_not_read_is_not_answered_on(
    fast: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"a" * 60_000)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of asyncio's Transport
    for _ in range(2):
        await client.send(head("/storage/a") * 100)
        await until(lambda: fast.front.full, 30)
    before = -1
    while before != len(recorder.received):
        before = len(recorder.received)
        await asyncio.sleep(0.3)
    assert before < 150
    for _ in range(50):
        await client.send(head("/storage/a"))
        await asyncio.sleep(0.01)
    assert len(recorder.received) == before
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(250):
        assert (await client.answer()).status == 200


async def test_a_slow_head_gains_no_time_by_a_handler_that_is_left(
    recorder: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts_module, "TICK", 600.0)  # looked at by hand
    async with data_path(backend(recorder.url), way="fast") as fast:
        client = await RawClient.connect(fast.port)
        await client.send(OURS)
        await client.answer()
        await client.send(b"GET /storage/a HTTP/1.1\r\n")
        front = fast.front
        await until(lambda: front.buffer, 10)
        assert front.stock is not None
        front.look(front.due)
        assert await client.at_end()
        client.close()


class Stuck(asyncio.Transport):
    """Whoever it leads to takes nothing."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self.ended = ""

    def get_write_buffer_size(self) -> int:
        return 1000

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


async def test_who_takes_nothing_of_what_was_left_is_cut_off(fast: DataPath) -> None:
    assert isinstance(fast.runner.server, Server)
    assert isinstance(fast.runner.server.front, Fronts)
    front = Front(fast.runner.server.front)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport = Stuck(ours)
        front.connection_made(transport)
        front.force_close()
        assert transport.ended == "closed"
        front.look(front.due)
        assert transport.ended == "aborted"
        front.connection_lost(None)


async def test_an_idle_connection_is_small(fast: DataPath) -> None:
    """10,000 of them are a bound of the design; here fewer, and the bytes that Python counts."""
    clients = [socket.create_connection(("127.0.0.1", fast.port)) for _ in range(50)]
    await until(lambda: len(fast.fronts.open) == 50)
    front = next(iter(fast.fronts.open))
    assert front.__sizeof__() < 200
    assert not hasattr(front, "__dict__")
    for one in clients:
        one.close()
    await until(lambda: not fast.fronts.open)


# --- the self-test


async def test_this_aiohttp_fits() -> None:
    assert await misfit() is None


class NeverDone(Connection):
    @property
    def is_done(self) -> bool:
        return False


class AlwaysDone(Connection):
    @property
    def is_done(self) -> bool:
        return True


class Renamed(Connection):
    @property
    def is_idle(self) -> bool:
        return bool(self._no_such_name)  # type: ignore[attr-defined]  # what another release might lack


class Closing(Connection):
    def leave(self) -> None:
        self.force_close()


@pytest.mark.parametrize("kind", [NeverDone, AlwaysDone, Renamed, Closing])
async def test_an_aiohttp_that_does_not_fit_is_found_out(kind: type[Connection]) -> None:
    assert await misfit(kind) is not None
