"""Bodies in both directions: streamed, counted, framed, and never hung."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.routes import Timeouts
from tests.system.data_path import DataPath, backend, data_path, head
from tests.system.raw_client import RawClient
from tests.system.recording_backend import (
    OK,
    Connection,
    RecordingBackend,
    closing,
    saying,
)


@pytest.fixture
async def client(path: DataPath) -> AsyncIterator[RawClient]:
    connected = await RawClient.connect(path.port)
    yield connected
    connected.close()


def post(*lines: str, target: str = "/storage/x", person: str | None = "ada", method: str = "POST") -> bytes:
    return head(target, *lines, method=method, person=person)


async def test_a_body_arrives_whole_with_its_length(path: DataPath, recorder: RecordingBackend) -> None:
    body = gzip.compress(b"work" * 100, mtime=0)  # and is not unpacked on the way
    lines = (f"Content-Length: {len(body)}", "Content-Type: text/plain", "Content-Encoding: gzip")
    answer = await path.ask("/storage/x", *lines, method="PUT", body=body)
    assert (answer.status, recorder.last.body) == (200, body)
    assert recorder.last.values("Content-Length") == [str(len(body))]
    assert recorder.last.values("Transfer-Encoding") == []
    recorder.assert_identity("ada")


async def test_a_chunked_body_arrives_chunked_without_its_trailers(
    path: DataPath, recorder: RecordingBackend
) -> None:
    body = b"4\r\nwork\r\n3\r\n!!!\r\n0\r\nX-Bookgate-Assertion: forged\r\n\r\n"
    lines = ("Transfer-Encoding: chunked", "Trailer: X-Bookgate-Assertion")
    answer = await path.ask("/storage/x", *lines, method="POST", body=body)
    assert (answer.status, recorder.last.body) == (200, b"work!!!")
    assert recorder.last.values("Transfer-Encoding") == ["chunked"]
    assert recorder.last.values("Trailer") == [] == recorder.last.values("Content-Type")
    recorder.assert_identity("ada")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("Content-Length: 4", "Transfer-Encoding: chunked"), id="both"),
        pytest.param(("Content-Length: 4", "Content-Length: 4"), id="twice the same"),
        pytest.param(("Content-Length: 4, 4",), id="a list"),
        pytest.param(("Content-Length: +4",), id="a sign"),
        pytest.param(("Content-Length: 0x4",), id="hexadecimal"),
        pytest.param(("Content-Length: -4",), id="negative"),
        pytest.param(("Transfer-Encoding: gzip, chunked",), id="two codings"),
        pytest.param(("Transfer-Encoding: chunked, identity",), id="not last"),
        pytest.param(("Transfer-Encoding: identity",), id="identity"),
        pytest.param(("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), id="two lines"),
        pytest.param(("Transfer-Encoding: Chunked",), id="another case"),
        pytest.param(("Transfer-Encoding : chunked",), id="blank before the colon"),
        pytest.param(("X: y\n Content-Length: 4",), id="folded"),
    ],
)
async def test_framing_in_doubt_is_refused_and_closed(
    path: DataPath, recorder: RecordingBackend, client: RawClient, lines: tuple[str, ...]
) -> None:
    await client.send(post(*lines) + b"0\r\n\r\nGET /storage/smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n")
    answer = await client.answer()
    assert answer.status == 400
    assert await client.at_end()
    assert recorder.received == []


@pytest.mark.parametrize("version", ["0.9", "2.0", "1.2", "3.0"])
async def test_other_versions_are_refused(
    path: DataPath, recorder: RecordingBackend, client: RawClient, version: str
) -> None:
    await client.send(post(method="GET").replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
    assert (await client.answer()).status == 400
    assert recorder.received == []


async def test_a_request_without_a_version_is_refused(
    path: DataPath, recorder: RecordingBackend, client: RawClient
) -> None:
    await client.send(b"GET /public/x\r\n\r\n")
    assert (await client.answer()).status in {400, 421}  # 421: it has no Host either
    assert recorder.received == []


async def test_connect_is_refused(path: DataPath, recorder: RecordingBackend, client: RawClient) -> None:
    await client.send(b"CONNECT gw.test:80 HTTP/1.1\r\nHost: gw.test\r\n\r\n")
    assert (await client.answer()).status in {400, 404, 405}
    assert recorder.received == []


async def test_http_1_0_is_served_and_spoken_1_1_behind(
    path: DataPath, recorder: RecordingBackend, client: RawClient
) -> None:
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    await client.send(post(method="GET").replace(b"HTTP/1.1", b"HTTP/1.0"))
    answer = await client.answer()
    assert (answer.status, answer.body) == (200, b"hi")
    assert answer.values("Transfer-Encoding") == []
    assert recorder.last.line.endswith("HTTP/1.1")
    recorder.assert_identity("ada")


async def test_a_long_head_is_431(path: DataPath, recorder: RecordingBackend) -> None:
    answer = await path.ask("/storage/x", f"Accept: {'x' * 8000}")
    assert (answer.status, recorder.received) == (431, [])


# -- limits


async def test_too_long_by_its_own_word_is_413_before_forwarding(
    path: DataPath, recorder: RecordingBackend
) -> None:
    answer = await path.ask("/storage/x", "Content-Length: 100001", method="POST")
    assert (answer.status, recorder.received) == (413, [])


async def test_a_chunked_body_is_cut_at_the_limit(
    path: DataPath, recorder: RecordingBackend, client: RawClient
) -> None:
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    await client.send(post("Transfer-Encoding: chunked") + piece)
    await asyncio.sleep(0.1)
    assert len(recorder.last.body) == 65536  # streamed, not kept
    await client.send(piece)
    assert (await client.answer()).status == 413
    await asyncio.wait_for(recorder.left.wait(), 10)
    assert len(recorder.last.body) <= 131072
    assert recorder.last.aborted


async def test_a_body_that_stalls_is_408(
    path: DataPath, recorder: RecordingBackend, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.proxy.pace.PATIENCE", 0.5)
    await client.send(post("Content-Length: 10") + b"work")
    answer = await asyncio.wait_for(client.answer(), 10)
    assert answer.status == 408
    await asyncio.wait_for(recorder.left.wait(), 10)


async def test_broken_chunks_end_the_request(
    path: DataPath, recorder: RecordingBackend, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.proxy.pace.PATIENCE", 0.5)
    await client.send(post("Transfer-Encoding: chunked") + b"4\r\nwork\r\n")
    await asyncio.sleep(0.1)
    await client.send(b"zz\r\n")
    assert (await client.answer()).status in {400, 408}  # 408: aiohttp's parser stops without a word
    await asyncio.wait_for(recorder.left.wait(), 10)


# -- Expect


async def test_100_continue_comes_after_authentication(
    path: DataPath, recorder: RecordingBackend, client: RawClient
) -> None:
    await client.send(post("Content-Length: 4", "Expect: 100-continue"))
    status, _ = await client.head()
    assert status == 100
    await client.send(b"work")
    answer = await client.answer()
    assert (answer.status, recorder.last.body) == (200, b"work")
    assert recorder.last.values("Expect") == []
    recorder.assert_identity("ada")


@pytest.mark.parametrize(
    ("lines", "person", "status"),
    [
        pytest.param(("Content-Length: 4",), None, 401, id="nobody"),
        pytest.param(("Content-Length: 100001",), "ada", 413, id="too long"),
    ],
)
async def test_a_refusal_comes_instead_of_100(
    path: DataPath,
    recorder: RecordingBackend,
    client: RawClient,
    lines: tuple[str, ...],
    person: str | None,
    status: int,
) -> None:
    await client.send(post(*lines, "Expect: 100-continue", person=person))
    answer = await client.answer()
    assert (answer.status, answer.interim) == (status, ())
    assert answer.values("Connection") == ["close"]
    assert recorder.received == []


async def test_another_expectation_is_417(path: DataPath, recorder: RecordingBackend) -> None:
    answer = await path.ask("/storage/x", "Expect: tea", method="POST")
    assert (answer.status, recorder.received) == (417, [])


# -- answers


async def test_an_answer_before_the_upload_has_ended_is_relayed(
    path: DataPath, recorder: RecordingBackend, client: RawClient
) -> None:
    async def early(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 409 Conflict\r\nContent-Length: 5\r\n\r\nearly")
        await connection.read_body()

    recorder.script = early
    await client.send(post("Content-Length: 50000") + b"x" * 10)
    answer = await asyncio.wait_for(client.answer(), 10)
    assert (answer.status, answer.body) == (409, b"early")
    await client.send(b"x" * 49990)  # drained by the gateway, and the connection goes on, or it said that not
    if answer.values("Connection") == ["close"]:
        assert await client.at_end()
        client = await RawClient.connect(path.port)
    recorder.script = saying(OK)
    await client.send(post(method="GET"))
    assert (await asyncio.wait_for(client.answer(), 10)).status == 200
    client.close()


async def test_interim_answers_are_dropped(path: DataPath, recorder: RecordingBackend) -> None:
    recorder.script = saying(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n" + OK)
    answer = await path.ask()
    assert (answer.status, answer.body, answer.interim) == (200, b"{}", ())


@pytest.mark.parametrize(
    ("method", "said", "status", "length"),
    [
        pytest.param("HEAD", b"200 OK\r\nContent-Length: 77\r\n\r\n", 200, ["77"], id="HEAD"),
        pytest.param("HEAD", b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, [], id="HEAD chunked"),
        pytest.param("GET", b"204 No Content\r\n\r\n", 204, [], id="204"),
        pytest.param("GET", b'304 Not Modified\r\nETag: "e"\r\n\r\n', 304, [], id="304"),
        pytest.param("POST", b"201 Created\r\nContent-Length: 0\r\n\r\n", 201, ["0"], id="empty"),
    ],
)
async def test_answers_without_a_body(
    path: DataPath,
    recorder: RecordingBackend,
    client: RawClient,
    method: str,
    said: bytes,
    status: int,
    length: list[str],
) -> None:
    recorder.script = saying(b"HTTP/1.1 " + said)
    await client.send(post(method=method))
    answer = await client.answer(method)
    assert (answer.status, answer.values("Content-Length")) == (status, length)
    assert answer.values("Transfer-Encoding") == []
    recorder.script = saying(OK)
    await client.send(post(method="GET"))  # the connection is at the right byte
    assert (await client.answer()).body == b"{}"


async def test_an_answer_to_the_end_of_the_connection(path: DataPath, recorder: RecordingBackend) -> None:
    recorder.script = closing(b"HTTP/1.1 200 OK\r\n\r\nto the end")
    assert (await path.ask()).body == b"to the end"


async def test_a_compressed_answer_stays_compressed_and_trailers_go(
    path: DataPath, recorder: RecordingBackend
) -> None:
    packed = gzip.compress(b"work", mtime=0)
    recorder.script = saying(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
        b"Trailer: Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"%x\r\n%s\r\n0\r\nSet-Cookie: a=b\r\n\r\n" % (len(packed), packed),
    )
    answer = await path.ask()
    assert (answer.body, answer.values("Content-Encoding")) == (packed, ["gzip"])
    assert answer.values("Trailer") == []


async def test_event_streams_come_at_once_and_without_a_place_in_the_bulkhead(
    path: DataPath, recorder: RecordingBackend
) -> None:
    go_on = asyncio.Event()

    async def events(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await connection.say(b"data: 1\n\n")
        await go_on.wait()
        connection.writer.close()

    recorder.script = events
    clients = [await RawClient.connect(path.port) for _ in range(6)]  # more than the bulkhead lets in
    for one in clients:
        await one.send(post(method="GET"))
        status, pairs = await asyncio.wait_for(one.head(), 10)
        assert (status, dict(pairs)["Transfer-Encoding"]) == (200, "chunked")
        assert await asyncio.wait_for(one.reader.readuntil(b"data: 1\n\n\r\n"), 10)
    recorder.assert_identity("ada")
    go_on.set()
    for one in clients:
        one.close()


async def test_a_slow_reader_holds_the_backend_back(
    path: DataPath, recorder: RecordingBackend, client: RawClient
) -> None:
    size, written = 30_000_000, 0

    async def much(connection: Connection) -> None:
        nonlocal written
        await connection.say(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        while written < size:
            await connection.say(b"x" * 100_000)
            written += 100_000

    recorder.script = much
    await client.send(post(method="GET"))
    await client.head()
    await asyncio.sleep(0.3)
    assert written < size  # socket buffers and the gateway's are full
    seen = 0
    while seen < size:
        piece = await asyncio.wait_for(client.reader.read(1 << 20), 10)
        assert piece
        seen += len(piece)


async def test_a_reader_that_reads_nothing_is_let_go(
    path: DataPath, recorder: RecordingBackend, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.proxy.pace.PATIENCE", 0.5)

    async def much(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            await connection.say(b"x" * 100_000)

    recorder.script = much
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
    await client.send(post(method="GET"))
    await asyncio.wait_for(recorder.left.wait(), 10)
    recorder.assert_identity("ada")


async def test_a_slow_backend_holds_the_writer_back(path: DataPath, recorder: RecordingBackend) -> None:
    go_on = asyncio.Event()

    async def slow(connection: Connection) -> None:
        await go_on.wait()
        await connection.read_body()
        await connection.say(OK)

    recorder.script = slow
    size = 30_000_000
    async with data_path(replace(backend(recorder.url), max_body=size, timeouts=Timeouts())) as roomy:
        roomy.sign_in("ada")
        writer = await RawClient.connect(roomy.port)
        sending = asyncio.create_task(writer.send(post(f"Content-Length: {size}") + b"x" * size))
        await asyncio.sleep(0.2)
        assert not sending.done()
        go_on.set()
        assert (await asyncio.wait_for(writer.answer(), 10)).status == 200
        await sending
        writer.close()
    assert len(recorder.last.body) == size
    recorder.assert_identity("ada")
