"""A client that leaves, at whatever stage: within a second nothing is done for it any more, by both ways."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

import pytest

from gateway.access import Facts
from gateway.errors import GatewayError
from gateway.known import Known
from gateway.origins import Policy
from gateway.proxy.delivery import reset
from gateway.routes import Backend, InFlight, Timeouts
from tests.data_path.both_ways import WAYS
from tests.data_path.talk import LIMIT
from tests.system.data_path import DataPath, Sessions, backend, data_path, head
from tests.system.echo_socket import echoing
from tests.system.raw_client import RawClient
from tests.system.recording_backend import Connection, RecordingBackend
from tests.system.test_websockets import KEY, SHAKE

RULE = 1.0  # seconds, in which a backend request ends whose client has left
PATIENT = Timeouts(connect=20, first_byte=20, idle=20)


class SlowSessions(Sessions):
    """Redis, on a bad day: it answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()
        self._waiting: set[asyncio.Task[None]] = set()

    async def recognise(self, facts: Facts, policy: Policy | None) -> Known | None:
        self.asked += 1
        await self.answers.wait()
        return await super().recognise(facts, policy)

    def ask(self, cookie_value: str, done: Callable[[Known | GatewayError | None], None]) -> None:
        async def later() -> None:
            await self.answers.wait()
            super_ask(cookie_value, done)

        super_ask = super().ask
        self.asked += 1
        task = asyncio.create_task(later())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)


@dataclass
class Scene:
    path: DataPath
    sessions: SlowSessions
    recorder: RecordingBackend

    @property
    def inside(self) -> int:
        """Requests that the backend's bulkhead holds a place for."""
        return self.path.upstreams["storage"].bulkhead.inside

    async def send(self, data: bytes) -> RawClient:
        client = await RawClient.connect(self.path.port)
        await client.send(data)
        return client

    async def until(self, happened: Callable[[], bool]) -> float:
        """Seconds that it took."""
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(LIMIT):
            # ruff: ignore[async-busy-wait]  # nobody tells
            while not happened():
                await asyncio.sleep(0.005)
        return asyncio.get_running_loop().time() - began


@asynccontextmanager
async def scene(recorder: RecordingBackend, way: str, one: Backend | None = None) -> AsyncGenerator[Scene]:
    recorder.clear()
    sessions = SlowSessions()
    storage = replace(one or backend(recorder.url), timeouts=PATIENT, max_body=100_000_000)
    async with data_path(storage, sessions=sessions, way=way) as path:
        path.sign_in("ada")
        yield Scene(path, sessions, recorder)


async def silent(connection: Connection) -> None:
    await connection.read_body()
    if not await connection.reader.read(1):
        raise ConnectionResetError


def begun(answer: bytes) -> Callable[[Connection], Awaitable[None]]:
    async def script(connection: Connection) -> None:
        await connection.say(answer)
        await silent(connection)

    return script


async def first_byte(scene: Scene) -> RawClient:
    scene.recorder.script = silent
    client = await scene.send(head("/storage/x"))
    await scene.until(lambda: len(scene.recorder.received) == 1)
    return client


async def with_requests_behind(scene: Scene) -> RawClient:
    """So many that nothing is read any more."""
    scene.recorder.script = silent
    client = await scene.send(head("/storage/x") + head("/storage/y", f"Accept: {'x' * 5000}") * 60)
    await scene.until(lambda: len(scene.recorder.received) == 1)
    return client


async def mid_answer(scene: Scene) -> RawClient:
    scene.recorder.script = begun(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    client = await scene.send(head("/storage/x"))
    await client.reader.readuntil(b"half")
    return client


async def slow_reader(scene: Scene) -> RawClient:
    async def much(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            await connection.say(b"x" * 100_000)

    scene.recorder.script = much
    client = await scene.send(head("/storage/x"))
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
    await asyncio.sleep(0.3)
    return client


async def event_stream(scene: Scene) -> RawClient:
    said = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
    scene.recorder.script = begun(said)
    client = await scene.send(head("/storage/x"))
    await client.reader.readuntil(b"data: 1")
    return client


async def web_socket(scene: Scene) -> RawClient:
    scene.recorder.script = echoing()
    client = await scene.send(head("/storage/x", *SHAKE, f"Sec-WebSocket-Key: {KEY}"))
    assert (await client.head())[0] == 101
    return client


async def mid_upload(scene: Scene) -> RawClient:
    scene.recorder.script = silent
    client = await scene.send(head("/storage/x", "Content-Length: 1000", method="POST") + b"x" * 10)
    await scene.until(lambda: bool(scene.recorder.received and scene.recorder.last.body))
    return client


async def mid_chunks(scene: Scene) -> RawClient:
    scene.recorder.script = silent
    client = await scene.send(
        head("/storage/x", "Transfer-Encoding: chunked", method="POST") + b"4\r\nwork\r\n5"
    )
    await scene.until(lambda: bool(scene.recorder.received and scene.recorder.last.body))
    return client


STAGES = [
    first_byte, with_requests_behind, mid_answer, slow_reader, event_stream, web_socket, mid_upload,
    mid_chunks,
]  # fmt: skip


def leave(client: RawClient, how: str) -> None:
    if how == "reset":
        client.reset()
    else:
        client.close()


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
@pytest.mark.parametrize("way", WAYS)
async def test_its_backend_request_ends(
    recorder: RecordingBackend, way: str, stage: Callable[[Scene], Awaitable[RawClient]], how: str
) -> None:
    async with scene(recorder, way) as opened:
        client = await stage(opened)
        leave(client, how)
        assert await opened.until(lambda: recorder.left.is_set() and not opened.inside) < RULE
        recorder.assert_identity("ada")
        assert len(recorder.received) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_an_upload_that_the_backend_does_not_take(recorder: RecordingBackend, way: str) -> None:
    """Reset, that is: who closes in the usual way is not heard of before all that he sent was read."""
    wakes = asyncio.Event()

    async def deaf(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        await wakes.wait()

    async with scene(recorder, way) as opened:
        recorder.script = deaf
        client = await RawClient.connect(opened.path.port)
        size = 30_000_000
        client.writer.write(head("/storage/x", f"Content-Length: {size}", method="POST") + b"x" * size)
        await opened.until(lambda: len(recorder.received) == 1)
        await asyncio.sleep(0.3)
        reset(cast("asyncio.Transport", client.writer.transport))
        assert await opened.until(lambda: not opened.inside) < RULE
        wakes.set()
        recorder.drop()


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("way", WAYS)
async def test_before_its_head_is_complete_nothing_was_begun(
    recorder: RecordingBackend, way: str, how: str
) -> None:
    async with scene(recorder, way) as opened:
        client = await opened.send(head("/storage/x")[:-2])
        await asyncio.sleep(0.05)
        leave(client, how)
        await asyncio.sleep(0.1)
        assert (await opened.path.ask()).status == 200
        assert (len(recorder.received), opened.inside) == (1, 0)


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("way", WAYS)
async def test_while_its_session_is_looked_up(recorder: RecordingBackend, way: str, how: str) -> None:
    async with scene(recorder, way) as opened:
        opened.sessions.answers.clear()
        client = await opened.send(head("/storage/x"))
        await opened.until(lambda: opened.sessions.asked > 0)
        leave(client, how)
        await asyncio.sleep(0.1)
        opened.sessions.answers.set()
        assert (await opened.path.ask("/storage/other")).status == 200
        assert [one.target for one in recorder.received] == ["/other"]


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("way", WAYS)
async def test_while_it_waits_for_a_place(recorder: RecordingBackend, way: str, how: str) -> None:
    narrow = replace(backend(recorder.url), in_flight=InFlight(max=1, queue=1, wait=30))
    async with scene(recorder, way, narrow) as opened:
        first = await first_byte(opened)
        second = await opened.send(head("/storage/second"))
        await asyncio.sleep(0.1)
        leave(second, how)
        await asyncio.sleep(0.1)
        third = await opened.send(head("/storage/third"))  # the queue of one has room again
        await asyncio.sleep(0.1)
        leave(first, how)
        assert await opened.until(lambda: len(recorder.received) == 2) < RULE
        assert recorder.last.target == "/third"
        third.reset()
        assert await opened.until(lambda: not opened.inside) < RULE


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("way", WAYS)
async def test_while_the_backend_is_connected_to(recorder: RecordingBackend, way: str, how: str) -> None:
    """A listener whose queue is full answers nothing: connecting hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        async with scene(recorder, way, backend(f"http://127.0.0.1:{port}/")) as opened:
            client = await opened.send(head("/storage/x"))
            await opened.until(lambda: opened.inside == 1)
            await asyncio.sleep(0.1)
            leave(client, how)
            assert await opened.until(lambda: opened.inside == 0) < RULE
        for filler in fillers:
            filler.close()
