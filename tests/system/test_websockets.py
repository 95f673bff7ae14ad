"""WebSockets through the gateway: who may open one, what is relayed, and when it is cut."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import aiohttp
import pytest

from gateway.cookies import book_name
from tests.system.data_path import BOOK, CONSENT, READER, STRANGER, DataPath, backend, data_path, head
from tests.system.echo_socket import echoing, frame, handshake
from tests.system.raw_client import RawClient
from tests.system.recording_backend import Connection, RecordingBackend, saying

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
SHAKE = ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")


@pytest.fixture
async def path(recorder: RecordingBackend) -> AsyncIterator[DataPath]:
    recorder.clear()
    recorder.script = echoing()
    async with data_path(backend(recorder.url)) as started:
        started.sign_in("ada")
        watching = asyncio.create_task(started.streams.watch())
        yield started
        watching.cancel()
    recorder.assert_sound()


@asynccontextmanager
async def opened(
    path: DataPath, *protocols: str, person: str | None = "ada", target: str = "/storage/live"
) -> AsyncGenerator[aiohttp.ClientWebSocketResponse, None]:
    said = {"Host": "gw.test", "Origin": BOOK}
    if person is not None:
        said["Cookie"] = f"{book_name(BOOK)}={person}"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"http://127.0.0.1:{path.port}{target}", headers=said, protocols=protocols
        ) as socket,
    ):
        yield socket


async def test_messages_go_both_ways_as_the_session_s_person(
    path: DataPath, recorder: RecordingBackend
) -> None:
    async with opened(path) as socket:
        await socket.send_str("wörk")
        assert (await socket.receive()).data == "wörk"
        await socket.send_bytes(b"\x00\xff")
        assert (await socket.receive()).data == b"\x00\xff"
        assert socket.protocol is None
    recorder.assert_identity("ada")
    assert recorder.last.target == "/live"
    assert recorder.last.values("Cookie") == [] == recorder.last.values("Origin")


@pytest.mark.parametrize(
    ("offered", "picked", "forwarded", "answered"),
    [
        pytest.param(("bookgate",), None, [], "bookgate", id="only ours"),
        pytest.param(("bookgate", "bookgate.ticket.ada"), None, [], "bookgate", id="a ticket"),
        pytest.param(
            ("v2.page", "bookgate", "bookgate.book.books.example.edu"),
            None,
            ["v2.page"],
            "bookgate",
            id="a book",
        ),
        pytest.param(("v2.page", "bookgate"), "v2.page", ["v2.page"], "v2.page", id="the backend picks"),
        pytest.param(("v2.page", "bookgate"), None, ["v2.page"], "bookgate", id="it picks none"),
    ],
)
async def test_subprotocols(
    path: DataPath,
    recorder: RecordingBackend,
    offered: tuple[str, ...],
    picked: str | None,
    forwarded: list[str],
    answered: str,
) -> None:
    recorder.script = echoing(picked)
    person = None if "bookgate.ticket.ada" in offered else "ada"
    async with opened(path, *offered, person=person) as socket:
        assert socket.protocol == answered
    assert recorder.last.values("Sec-WebSocket-Protocol") == forwarded
    assert b"ticket" not in recorder.last.head
    recorder.assert_identity("ada")


@pytest.mark.parametrize(
    ("origin", "person", "status"),
    [
        pytest.param(STRANGER, "ada", 403, id="stranger"),
        pytest.param(BOOK, None, 401, id="nobody"),
        pytest.param(CONSENT, "ada", 403, id="another origin's session"),
        pytest.param(READER, None, 403, id="may only read"),
        pytest.param(None, None, 401, id="no origin"),
    ],
)
async def test_who_may_not_is_refused_before_the_upgrade(
    path: DataPath, recorder: RecordingBackend, origin: str | None, person: str | None, status: int
) -> None:
    answer = await path.ask(
        "/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}", origin=origin, person=person
    )
    assert (answer.status, recorder.received) == (status, [])


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((*SHAKE,), id="no key"),
        pytest.param((*SHAKE, "Sec-WebSocket-Key: short"), id="bad key"),
        pytest.param((*SHAKE[:2], "Sec-WebSocket-Version: 8", f"Sec-WebSocket-Key: {KEY}"), id="version"),
        pytest.param((*SHAKE, f"Sec-WebSocket-Key: {KEY}", "Content-Length: 5"), id="a body"),
    ],
)
async def test_a_bad_handshake_is_400(
    path: DataPath, recorder: RecordingBackend, lines: tuple[str, ...]
) -> None:
    answer = await path.ask("/storage/live", *lines)
    assert (answer.status, recorder.received) == (400, [])


async def test_other_upgrades_are_ordinary_requests(path: DataPath, recorder: RecordingBackend) -> None:
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    lines = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert (await path.ask("/storage/live", *lines)).status == 200
    assert recorder.last.values("Upgrade") == [] == recorder.last.values("HTTP2-Settings")
    recorder.assert_identity("ada")


async def test_a_backend_without_websockets(recorder: RecordingBackend) -> None:
    recorder.clear()
    async with data_path(replace(backend(recorder.url), websocket=False)) as path:
        path.sign_in("ada")
        answer = await path.ask("/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}")
        assert (answer.status, recorder.received) == (403, [])


@pytest.mark.parametrize(("said", "status"), [(b"403 Forbidden", 403), (b"500 Oops", 502), (b"200 OK", 502)])
async def test_a_handshake_that_the_backend_refuses(
    path: DataPath, recorder: RecordingBackend, said: bytes, status: int
) -> None:
    recorder.script = saying(b"HTTP/1.1 " + said + b"\r\nContent-Length: 0\r\n\r\n")
    answer = await path.ask("/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}")
    assert answer.status == status


async def test_a_handshake_that_is_never_answered_is_504(path: DataPath, recorder: RecordingBackend) -> None:
    async def silent(connection: Connection) -> None:
        await connection.reader.read(1)

    recorder.script = silent
    answer = await path.ask("/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}")
    assert answer.status == 504


async def test_the_backend_s_cookies_do_not_come_with_the_handshake(
    path: DataPath, recorder: RecordingBackend
) -> None:
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}"))
    answer = await client.answer()
    assert (answer.status, answer.values("Set-Cookie")) == (101, [])
    client.reset()


async def test_a_close_is_relayed_with_its_code(path: DataPath, recorder: RecordingBackend) -> None:
    async def closes(connection: Connection) -> None:
        await handshake(connection)
        await connection.say(b"\x88\x02" + (4000).to_bytes(2))
        await frame(connection)
        connection.writer.close()
        raise ConnectionResetError

    recorder.script = closes
    async with opened(path) as socket:
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4000


async def test_a_client_s_close_reaches_the_backend(path: DataPath, recorder: RecordingBackend) -> None:
    async with opened(path) as socket:
        await socket.close(code=4001)
    await asyncio.wait_for(recorder.left.wait(), 10)
    assert recorder.last.body == (4001).to_bytes(2)


async def test_a_backend_that_dies_ends_the_socket(path: DataPath, recorder: RecordingBackend) -> None:
    async def dies(connection: Connection) -> None:
        await handshake(connection)
        connection.reset()

    recorder.script = dies
    async with opened(path) as socket:
        assert (await asyncio.wait_for(socket.receive(), 10)).type is aiohttp.WSMsgType.CLOSE


async def test_a_client_that_vanishes_ends_the_backend_s(path: DataPath, recorder: RecordingBackend) -> None:
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}"))
    assert (await client.head())[0] == 101
    client.reset()
    await asyncio.wait_for(recorder.left.wait(), 10)


async def test_a_huge_message_is_refused(path: DataPath, recorder: RecordingBackend) -> None:
    async with opened(path) as socket:
        with suppress(aiohttp.ClientError, ConnectionError):
            await socket.send_bytes(b"x" * (5 << 20))
        message = await asyncio.wait_for(socket.receive(), 10)
        assert message.type is not aiohttp.WSMsgType.BINARY
    await asyncio.wait_for(recorder.left.wait(), 10)
    assert len(recorder.last.body) == 2  # a close code, and nothing of the message


# -- streams end with their session


@pytest.mark.parametrize("ended", [0, 1, 2], ids=["the book's session", "its parent", "everywhere"])
async def test_a_socket_is_cut_when_its_session_ends(
    path: DataPath, recorder: RecordingBackend, ended: int
) -> None:
    path.sign_in("ben")
    async with opened(path) as socket, opened(path, person="ben") as other:
        await socket.send_str("x")
        await socket.receive()
        key = path.sessions.living["ada"].ended_by[ended]
        path.streams.cut([key])
        message = await asyncio.wait_for(socket.receive(), 10)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4401)
        if ended == 0:  # ben has another book session below the same parent in this fixture
            await other.send_str("still here")
            assert (await other.receive()).data == "still here"


async def test_a_socket_whose_session_ends_while_it_opens_is_cut_at_once(
    path: DataPath, recorder: RecordingBackend
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()
    echo = echoing()

    async def slowly(connection: Connection) -> None:
        asked.set()
        await answered.wait()
        await echo(connection)

    async def end() -> None:
        await asked.wait()
        path.streams.cut(path.sessions.living["ada"].ended_by)
        answered.set()

    recorder.script = slowly
    ending = asyncio.create_task(end())
    async with opened(path) as socket:
        message = await asyncio.wait_for(socket.receive(), 10)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4401)
    await ending


async def test_a_session_that_ended_elsewhere_is_found_by_the_watch(path: DataPath) -> None:
    async with opened(path) as socket:
        del path.sessions.living["ada"]
        await asyncio.wait_for(socket.receive(), 10)
        assert socket.close_code == 4401


async def test_an_event_stream_is_cut_when_its_session_ends(
    path: DataPath, recorder: RecordingBackend
) -> None:
    async def events(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        if not await connection.reader.read(1):
            raise ConnectionResetError

    recorder.script = events
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/events"))
    await client.reader.readuntil(b"data: 1\n\n\r\n")
    path.streams.cut(path.sessions.living["ada"].ended_by)
    assert await asyncio.wait_for(client.reader.read(), 10) == b""
    await asyncio.wait_for(recorder.left.wait(), 10)
    recorder.assert_identity("ada")
    client.close()


async def test_streams_of_nobody_stay(path: DataPath) -> None:
    async with opened(path, person=None, target="/public/live") as socket:
        path.streams.cut(path.sessions.living["ada"].ended_by)
        await asyncio.sleep(0.1)
        await socket.send_str("x")
        assert (await socket.receive()).data == "x"


# -- streams end when the gateway stops


async def test_every_socket_is_told_to_come_again_when_the_gateway_stops(path: DataPath) -> None:
    async with opened(path) as ada, opened(path, person=None, target="/public/live") as nobody:
        path.streams.end_all()
        for socket in (ada, nobody):
            await asyncio.wait_for(socket.receive(), 10)
            assert socket.close_code == aiohttp.WSCloseCode.SERVICE_RESTART
        async with opened(path) as late:
            await asyncio.wait_for(late.receive(), 10)
            assert late.close_code == aiohttp.WSCloseCode.SERVICE_RESTART


async def test_an_event_stream_is_over_when_the_gateway_stops_and_an_answer_is_not(
    path: DataPath, recorder: RecordingBackend
) -> None:
    async def events(connection: Connection) -> None:
        if connection.received.target.endswith("slow"):
            await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            await asyncio.sleep(0.3)
            await connection.say(b"lf")
            return
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        if not await connection.reader.read(1):
            raise ConnectionResetError

    recorder.script = events
    stream, slow = await RawClient.connect(path.port), await RawClient.connect(path.port)
    await stream.send(head("/storage/events"))
    await stream.reader.readuntil(b"data: 1\n\n\r\n")
    await slow.send(head("/storage/slow"))
    await slow.reader.readuntil(b"ha")
    path.streams.end_all()
    assert await asyncio.wait_for(stream.reader.read(), 10) == b"0\r\n\r\n"
    assert await asyncio.wait_for(slow.reader.readexactly(2), 10) == b"lf"
    await asyncio.wait_for(recorder.left.wait(), 10)
    stream.close()
    slow.close()
