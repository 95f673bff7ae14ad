"""WebSockets whose one end does not read, or answers the handshake wrongly: by both data paths."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.data_path.socket_ends import BINARY, frame
from tests.system.data_path import backend, data_path, head
from tests.system.echo_socket import accept_for, handshake
from tests.system.raw_client import RawClient
from tests.system.recording_backend import Connection, recording_backend
from tests.workers.gateway_process import until

OFFER = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: v2.page",
)
MESSAGE, MESSAGES = 1 << 20, 60
TAKEN = 40 << 20  # bytes at most that wait on the way: the kernel's four buffers, and little of ours


@asynccontextmanager
async def opened(way: str) -> AsyncGenerator[tuple[RawClient, Connection]]:
    """The two ends of a socket."""
    found: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def script(connection: Connection) -> None:
        await handshake(connection)
        found.set_result(connection)
        await over.wait()
        raise ConnectionResetError

    async with recording_backend() as recorder, data_path(backend(recorder.url), way=way) as path:
        recorder.script = script
        client = await RawClient.connect(path.port)
        await client.send(head("/public/live", *OFFER, person=None))
        assert (await client.head())[0] == 101
        try:
            yield client, await asyncio.wait_for(found, 20)
        finally:
            over.set()
            client.reset()


async def all_arrives(writer: asyncio.StreamWriter, reader: asyncio.StreamReader, *, masked: bool) -> None:
    """What is said is taken only as it is read at the other end, and all of it comes."""
    writer.transport.set_write_buffer_limits(0)
    data = frame(BINARY, bytes(MESSAGE), masked=masked)
    said = 0

    async def say() -> None:
        nonlocal said
        for _ in range(MESSAGES):
            writer.write(data)
            await writer.drain()
            said += len(data)

    saying = asyncio.create_task(say())
    before = -1
    while before != said:  # until nothing more is taken
        before = said
        await asyncio.sleep(0.5)
    assert 0 < said < TAKEN
    await asyncio.wait_for(reader.readexactly(said), 60)
    reading = asyncio.create_task(reader.readexactly(MESSAGES * len(data) - said))
    await asyncio.wait_for(asyncio.gather(saying, reading), 60)


async def test_a_backend_that_does_not_read_stops_its_client(way: str) -> None:
    async with opened(way) as (client, other):
        await all_arrives(client.writer, other.reader, masked=True)


async def test_a_client_that_does_not_read_stops_its_backend(way: str) -> None:
    async with opened(way) as (client, other):
        await all_arrives(other.writer, client.reader, masked=False)


# --- the handshake

GOOD = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(GOOD.replace("websocket", "h2c") + "{accept}", id="another protocol"),
        pytest.param(GOOD.replace("Connection: Upgrade", "Connection: close") + "{accept}", id="no upgrade"),
        pytest.param(GOOD + "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", id="another key's"),
        pytest.param(GOOD[: GOOD.index("Sec-")].rstrip(), id="no key"),
    ],
)
async def test_a_backend_that_shakes_hands_wrongly_is_502(way: str, answer: str) -> None:
    async def script(connection: Connection) -> None:
        said = answer.replace("{accept}", accept_for(connection.received.values("Sec-WebSocket-Key")[0]))
        await connection.say(b"HTTP/1.1 101 Switching Protocols\r\n" + said.encode() + b"\r\n\r\n")
        await connection.reader.readexactly(1)

    async with recording_backend() as recorder, data_path(backend(recorder.url), way=way) as path:
        recorder.script = script
        client = await RawClient.connect(path.port)
        await client.send(head("/public/live", *OFFER, person=None))
        assert (await client.answer()).status == 502
        await asyncio.wait_for(recorder.left.wait(), 20)
        client.close()


@pytest.mark.parametrize(
    "line", ["Sec-WebSocket-Protocol: v9.page", "Sec-WebSocket-Extensions: permessage-deflate"]
)
async def test_what_nobody_offered_is_agreed_on_with_nobody(way: str, line: str) -> None:
    """The fast path refuses it, aiohttp's client leaves it out."""

    async def script(connection: Connection) -> None:
        said = GOOD + accept_for(connection.received.values("Sec-WebSocket-Key")[0])
        await connection.say(f"HTTP/1.1 101 Switching Protocols\r\n{said}\r\n{line}\r\n\r\n".encode())
        await connection.reader.readexactly(1)

    async with recording_backend() as recorder, data_path(backend(recorder.url), way=way) as path:
        recorder.script = script
        client = await RawClient.connect(path.port)
        await client.send(head("/public/live", *OFFER, person=None))
        answer = await client.answer()
        assert answer.status == (502 if way == "fast" else 101)
        assert answer.values(line.partition(":")[0]) == []
        client.reset()


async def test_who_leaves_before_the_hands_are_shaken_leaves_nothing_open(way: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.reader.readexactly(1)

    async with recording_backend() as recorder, data_path(backend(recorder.url), way=way) as path:
        recorder.script = script
        client = await RawClient.connect(path.port)
        await client.send(head("/public/live", *OFFER, person=None))
        await until(lambda: recorder.received, 20)
        client.reset()
        await asyncio.wait_for(recorder.left.wait(), 20)
