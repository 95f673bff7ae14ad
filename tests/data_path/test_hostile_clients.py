"""Clients that mean harm: what they hold, whom they reach, what is left of them."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from gateway.errors import BackendBrokenError
from gateway.proxy.answer_head import read_answer
from gateway.proxy.canonical import read_request
from gateway.proxy.fields import Lines
from tests.data_path.both_ways import WAYS
from tests.data_path.talk import LIMIT
from tests.system.data_path import backend, data_path, head
from tests.system.echo_socket import handshake
from tests.system.raw_client import RawClient
from tests.system.recording_backend import OK, Connection, RecordingBackend, saying
from tests.system.test_websockets import KEY, SHAKE

MB = 1 << 20
LAST = head("/storage/last", "Connection: close")
FRAME = bytes((0x82, 0xFF)) + MB.to_bytes(8) + bytes(4) + bytes(MB)


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_client_says_before_its_socket_is_open_is_bounded(tmp_path: Path, way: str) -> None:
    """A service that reads nothing: what waits for it is not read from the client either."""
    asked, opens, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        if not connection.received.values("Upgrade"):
            await saying(OK)(connection)
            return
        cast("asyncio.Transport", connection.writer.transport).pause_reading()
        asked.set()
        await opens.wait()
        await handshake(connection)
        await done.wait()
        connection.reset()

    service = RecordingBackend(script)
    server = await asyncio.start_unix_server(service.serve, tmp_path / "socket", limit=1024)
    storage = replace(backend(f"unix:{tmp_path / 'socket'}"), max_body=16 * MB)
    async with data_path(storage, way=way) as path, asyncio.timeout(LIMIT):
        path.sign_in("ada")
        client = await RawClient.connect(path.port)
        work = head("/storage/x", f"Content-Length: {8 * MB}", method="POST")
        await client.send(work + bytes(8 * MB))  # the kernel gives a busy connection more room
        assert (await client.answer()).status == 200
        await client.send(head("/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}"))
        await asked.wait()
        said = FRAME * 60
        for piece in (said[: 1 << 16], said[1 << 16 :]):
            client.writer.write(piece)
            await asyncio.sleep(0.1)
        opens.set()
        taken = await at_rest(client, len(said))
        done.set()
        client.reset()
        server.close()
        service.drop()
    assert taken < 30 * MB


async def at_rest(client: RawClient, size: int) -> int:
    """How many of so many bytes were taken when nothing more is."""
    left, before = client.writer.transport.get_write_buffer_size(), -1
    while left not in {0, before}:
        before = left
        await asyncio.sleep(1)
        left = client.writer.transport.get_write_buffer_size()
    return size - left


BLANKS = [
    pytest.param(b"X-A:" + b" " * 1000 + b"\x01", id="then a control byte"),
    pytest.param(b"X-A: a" + b" " * 7000 + b"b", id="inside"),
    pytest.param(b"X-A:" + b"\t" * 7000 + b"b", id="before"),
    pytest.param(b"X-A: b" + b" " * 7000, id="behind"),
]


@pytest.mark.parametrize("line", BLANKS)
def test_a_line_of_blanks_costs_no_more_than_another(line: bytes) -> None:
    """One that is read more than once or twice stops a worker: so many blanks fit into a head."""
    began = time.thread_time()
    read_request(
        b"GET /x HTTP/1.1\r\nHost: gw.test\r\n" + line + b"\r\n\r\n", Lines(), frozenset({"gw.test"})
    )
    with suppress(BackendBrokenError):
        read_answer(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")
    assert time.thread_time() - began < 0.1  # a thousandth of it is enough


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("POST", b"work")])
async def test_nobody_s_bodies_that_never_come_leave_room_for_others(
    recorder: RecordingBackend, way: str, method: str, body: bytes
) -> None:
    """No session, no origin, so no budget counts them; each may stall for half a minute."""
    async with data_path(backend(recorder.url), way=way) as path, asyncio.timeout(LIMIT):
        path.sign_in("ada")
        stalled = head("/public/x", "Content-Length: 1", method="POST", origin=None)
        crowd = [await RawClient.connect(path.port) for _ in range(10)]
        for client in crowd:
            await client.send(stalled)
        await asyncio.sleep(0.5)
        answer = await path.ask("/storage/x", f"Content-Length: {len(body)}", method=method, body=body)
        for client in crowd:
            client.reset()
    assert answer.status == 200
