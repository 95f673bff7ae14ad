"""Backends that refuse, hang, lie or die, and clients that leave: never a hang, never an internal address."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
import trustme

from gateway.records import LiveSignIn
from gateway.routes import BackendTls, InFlight
from tests.system.data_path import DataPath, Tokens, backend, data_path, head
from tests.system.raw_client import RawAnswer, RawClient
from tests.system.recording_backend import (
    OK,
    Connection,
    RecordingBackend,
    closing,
    saying,
)


@pytest.fixture
async def path(recorder: RecordingBackend) -> AsyncIterator[DataPath]:
    recorder.clear()
    async with data_path(backend(recorder.url)) as started:
        started.sign_in("ada")
        yield started
    recorder.assert_sound()


def assert_refusal(answer: RawAnswer, status: int, code: str, port: int) -> None:
    assert (answer.status, msgspec.json.decode(answer.body)["error"]) == (status, code)
    for secret in (b"127.0.0.1", str(port).encode(), b"aiohttp", b"Traceback"):
        assert secret not in answer.body
    assert answer.values("Access-Control-Allow-Origin") == ["https://books.example.edu"]


async def test_a_refused_connection_is_502() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with data_path(backend(f"http://127.0.0.1:{port}/")) as path:
            path.sign_in("ada")
            assert_refusal(await path.ask(), 502, "backend_unavailable", port)


async def test_a_name_without_an_address_is_502() -> None:
    async with data_path(backend("http://nowhere.invalid:1/")) as path:
        path.sign_in("ada")
        assert_refusal(await path.ask(), 502, "backend_unavailable", 1)


async def silent(connection: Connection) -> None:
    await connection.read_body()
    if not await connection.reader.read(1):
        raise ConnectionResetError


async def test_a_slow_first_byte_is_504_and_the_request_is_given_up(
    path: DataPath, recorder: RecordingBackend
) -> None:
    recorder.script = silent
    began = asyncio.get_running_loop().time()
    answer = await path.ask()
    assert_refusal(answer, 504, "backend_timeout", recorder.port)
    assert asyncio.get_running_loop().time() - began > 1.4
    await asyncio.wait_for(recorder.left.wait(), 10)
    recorder.assert_identity("ada")


async def test_a_backend_that_does_not_read_is_504(recorder: RecordingBackend) -> None:
    async def deaf(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        await asyncio.sleep(20)
        connection.reset()

    recorder.clear()
    recorder.script = deaf
    async with data_path(replace(backend(recorder.url), max_body=50_000_000)) as roomy:
        roomy.sign_in("ada")
        client = await RawClient.connect(roomy.port)
        sending = asyncio.create_task(
            client.send(head("/storage/x", "Content-Length: 50000000", method="POST") + b"x" * 50_000_000)
        )
        assert (await asyncio.wait_for(client.answer(), 10)).status == 504
        sending.cancel()
        client.reset()
    recorder.assert_identity("ada")


async def test_a_limit_that_is_passed_after_an_early_answer_breaks_it_off(
    path: DataPath, recorder: RecordingBackend
) -> None:
    async def early(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await connection.read_body()

    recorder.script = early
    client = await RawClient.connect(path.port)
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    await client.send(head("/storage/x", "Transfer-Encoding: chunked", method="POST") + piece)
    assert (await client.head())[0] == 200
    await client.send(piece)
    assert await asyncio.wait_for(client.reader.read(), 10) == b"half"
    await asyncio.wait_for(recorder.left.wait(), 10)
    client.close()


async def test_tls_with_a_ca_and_a_certificate_of_our_own(
    tmp_path_factory: pytest.TempPathFactory, recorder: RecordingBackend
) -> None:
    place, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(place / "ca.pem")
    own = authority.issue_cert("gateway.test")
    own.cert_chain_pems[0].write_to_path(place / "own.pem")
    own.private_key_pem.write_to_path(place / "own.key")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=place / "ca.pem")
    serving.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    recorder.clear()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    one = backend(f"https://127.0.0.1:{port}/")
    tls = BackendTls(ca=place / "ca.pem", certificate=place / "own.pem", key=place / "own.key")
    async with data_path(replace(one, tls=tls)) as path:
        path.sign_in("ada")
        assert (await path.ask()).status == 200
    recorder.assert_identity("ada")
    async with data_path(one) as path:  # a CA that nobody told us to trust
        path.sign_in("ada")
        assert_refusal(await path.ask(), 502, "backend_unavailable", port)
    server.close()


BROKEN = [
    pytest.param(b"what?\r\n\r\n", id="garbage"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", id="two lengths"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", id="a list of lengths"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="both"
    ),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="codings"),
    pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunked in 1.0"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", id="zero byte"),
    pytest.param(b"HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n", id="status 600"),
    pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="101"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", id="a huge head"),
    pytest.param(b"", id="nothing"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
]


@pytest.mark.parametrize("said", BROKEN)
async def test_what_is_no_sound_answer_is_502(
    path: DataPath, recorder: RecordingBackend, said: bytes
) -> None:
    recorder.script = closing(said)
    assert_refusal(await path.ask(method="POST"), 502, "backend_unavailable", recorder.port)
    recorder.script = saying(OK)
    assert (await path.ask()).body == b"{}"
    recorder.assert_identity("ada")


CUT = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="too short"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", id="no last chunk"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n", id="bad chunk"),
]


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("said", CUT)
async def test_a_body_that_breaks_off_breaks_the_reader_s_connection(
    path: DataPath, recorder: RecordingBackend, said: bytes, *, reset: bool
) -> None:
    async def cut(connection: Connection) -> None:
        await connection.say(said)
        await asyncio.sleep(0.05)
        if reset:
            connection.reset()
        else:
            connection.writer.close()

    recorder.script = cut
    answer = await path.ask()
    assert answer.status == 502 or not answer.complete  # 502: the break came with the head
    recorder.assert_identity("ada")


async def test_a_body_that_stalls_breaks_off_too(path: DataPath, recorder: RecordingBackend) -> None:
    async def stall(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        if not await connection.reader.read(1):
            raise ConnectionResetError

    recorder.script = stall
    answer = await asyncio.wait_for(path.ask(), 10)
    assert not answer.complete
    await asyncio.wait_for(recorder.left.wait(), 10)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_leaves_cancels_its_backend_request(
    path: DataPath, recorder: RecordingBackend, *, begun: bool
) -> None:
    async def long(connection: Connection) -> None:
        if begun:
            await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await silent(connection)

    recorder.script = long
    client = await RawClient.connect(path.port)
    await client.send(head("/storage/x"))
    await asyncio.sleep(0.1)
    client.reset()
    await asyncio.wait_for(recorder.left.wait(), 10)
    recorder.assert_identity("ada")


async def test_a_full_bulkhead_is_503_with_retry_after(path: DataPath, recorder: RecordingBackend) -> None:
    go_on = asyncio.Event()

    async def wait(connection: Connection) -> None:
        await go_on.wait()
        await connection.say(OK)

    recorder.script = wait
    hanging = [asyncio.create_task(path.ask()) for _ in range(4)]
    await asyncio.sleep(0.1)
    queued = asyncio.create_task(path.ask())
    await asyncio.sleep(0.05)
    over = await asyncio.wait_for(path.ask(), 10)  # the queue is full: at once
    assert_refusal(over, 503, "backend_busy", recorder.port)
    assert over.values("Retry-After") == ["1"]
    assert (await queued).status == 503  # it waited its time
    go_on.set()
    assert [answer.status for answer in await asyncio.gather(*hanging)] == [200] * 4
    assert len(recorder.received) == 4
    assert (await path.ask()).status == 200


async def test_a_request_whose_session_ends_while_it_waits_for_a_place_is_not_forwarded(
    recorder: RecordingBackend,
) -> None:
    go_on = asyncio.Event()

    async def wait(connection: Connection) -> None:
        await go_on.wait()
        await connection.say(OK)

    recorder.clear()
    recorder.script = wait
    patient = replace(backend(recorder.url), in_flight=InFlight(max=1, queue=1, wait=30))
    async with data_path(patient) as path:
        path.sign_in("ben")
        ended_by = path.sign_in("ada").ended_by
        hanging = asyncio.create_task(path.ask(person="ben"))
        async with asyncio.timeout(10):
            # ruff: ignore[async-busy-wait]  # the backend tells nobody
            while not recorder.received:
                await asyncio.sleep(0.01)
        queued = asyncio.create_task(path.ask())
        async with asyncio.timeout(10):
            # nobody tells that it waits
            while not queued.done():
                path.streams.cut(ended_by[:1])
                await asyncio.sleep(0.01)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await queued
        go_on.set()
        assert (await hanging).status == 200
        assert len(recorder.received) == 1


async def test_a_request_whose_session_ends_while_it_waits_for_a_token_is_not_forwarded(
    recorder: RecordingBackend,
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    class Slow(Tokens):
        async def fresh(self, live: LiveSignIn) -> str | None:
            asked.set()
            await answered.wait()
            return await super().fresh(live)

    recorder.clear()
    recorder.script = saying(OK)
    async with data_path(replace(backend(recorder.url), provider_token="campus"), tokens=Slow()) as path:
        ended_by = path.sign_in("ada").ended_by
        waiting = asyncio.create_task(path.ask())
        await asyncio.wait_for(asked.wait(), 10)
        path.streams.cut(ended_by)
        answered.set()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(waiting, 10)
        assert recorder.received == []


async def test_connections_are_kept_and_a_stale_one_is_tried_once_more(
    path: DataPath, recorder: RecordingBackend
) -> None:
    await path.ask()
    await path.ask()
    assert recorder.connections == 1
    dropped = 0

    async def drop_once(connection: Connection) -> None:
        nonlocal dropped
        dropped += 1
        if dropped == 1:
            connection.reset()
        else:
            await saying(OK)(connection)

    recorder.script = drop_once
    assert (await path.ask()).status == 200
    assert (dropped, recorder.connections) == (2, 2)
    recorder.assert_identity("ada")


@pytest.mark.parametrize(
    ("method", "body"),
    [pytest.param("POST", b"", id="not idempotent"), pytest.param("PUT", b"work", id="body")],
)
async def test_nothing_is_sent_twice_that_may_count_twice(
    path: DataPath, recorder: RecordingBackend, method: str, body: bytes
) -> None:
    async def drop(connection: Connection) -> None:
        await connection.read_body()
        connection.reset()

    await path.ask()
    recorder.script = drop
    answer = await path.ask("/storage/x", f"Content-Length: {len(body)}", method=method, body=body)
    assert answer.status == 502
    assert [received.line.split(" ")[0] for received in recorder.received] == ["GET", method]


async def test_a_unix_socket(tmp_path_factory: pytest.TempPathFactory, recorder: RecordingBackend) -> None:
    recorder.clear()
    place = tmp_path_factory.mktemp("s") / "b"
    server = await asyncio.start_unix_server(recorder.serve, place)
    async with data_path(backend(f"unix:{place}")) as path:
        path.sign_in("ada")
        assert (await path.ask("/storage/x?y")).status == 200
        recorder.assert_identity("ada")
        assert recorder.last.target == "/x?y"
    server.close()
