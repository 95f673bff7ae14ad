"""The ways to a backend: names, TLS, Unix sockets, one that does not answer; and 101."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from gateway.errors import BackendBrokenError, BackendTimeoutError
from gateway.routes import BackendTls, InFlight, Timeouts
from tests.system.data_path import backend
from tests.system.recording_backend import Connection, RecordingBackend
from tests.upstream_parts import PATIENCE, Asking, asking

LONG = Timeouts(connect=20, first_byte=20, idle=20)


@pytest.fixture
async def patient(recorder: RecordingBackend) -> AsyncIterator[Asking]:
    recorder.clear()
    roomy = InFlight(max=2, queue=2, wait=20)
    async with asking(replace(backend(recorder.url), timeouts=LONG, in_flight=roomy)) as made:
        yield made


async def test_101_gives_the_connection_away(patient: Asking, recorder: RecordingBackend) -> None:
    async def echo(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhi")
        connection.writer.write(await connection.reader.readexactly(3))
        connection.writer.close()

    recorder.script = echo
    told = await patient.begin(switches=True).over()
    assert told.transport is not None
    assert told.rest == b"hi"
    patient.assert_quiet()
    reader = asyncio.StreamReader()
    told.transport.set_protocol(asyncio.StreamReaderProtocol(reader))
    told.transport.write(b"abc")
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b"abc"
    told.transport.close()


async def test_another_answer_to_an_upgrade_is_an_answer(patient: Asking) -> None:
    told = await patient.begin(switches=True).over()
    assert (told.status, bytes(told.body)) == (200, b"{}")


async def test_a_unix_socket(tmp_path_factory: pytest.TempPathFactory, recorder: RecordingBackend) -> None:
    recorder.clear()
    path = tmp_path_factory.mktemp("u") / "s"
    async with asking(backend(f"unix:{path}")) as made:
        assert isinstance((await made.ask()).error, BackendBrokenError)
        server = await asyncio.start_unix_server(recorder.serve, path)
        assert (await made.ask()).status == 200
        assert recorder.last.values("Host") == ["localhost"]
        server.close()


async def test_a_name_is_looked_up(recorder: RecordingBackend) -> None:
    recorder.clear()
    async with asking(backend(f"http://localhost:{recorder.port}/")) as made:
        assert (await made.ask()).status == 200
        assert (await made.ask()).status == 200
        assert recorder.connections == 1
        assert recorder.last.values("Host") == [f"localhost:{recorder.port}"]
    async with asking(backend("http://nowhere.invalid:1/")) as made:
        assert isinstance((await made.ask()).error, BackendBrokenError)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return authority, folder


@pytest.mark.parametrize(
    ("name", "told", "sound"),
    [
        pytest.param("127.0.0.1", True, True, id="ours"),
        pytest.param("127.0.0.1", False, False, id="a CA that nobody told us to trust"),
        pytest.param("elsewhere.example.edu", True, False, id="another's certificate"),
    ],
)
async def test_tls_is_proved(
    authority: tuple[trustme.CA, Path], recorder: RecordingBackend, name: str, *, told: bool, sound: bool
) -> None:
    recorder.clear()
    issuer, folder = authority
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issuer.issue_cert(name).configure_cert(serving)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, ssl=serving)
    one = backend(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    tls = BackendTls(ca=folder / "ca.pem") if told else BackendTls()
    async with asking(replace(one, tls=tls, timeouts=LONG)) as made:
        answer = await made.ask("PUT", b"x" * 1000)
        if sound:
            assert (answer.status, recorder.last.body) == (200, b"x" * 1000)
        else:
            assert isinstance(answer.error, BackendBrokenError)
            assert recorder.received == []
    server.close()


async def test_a_backend_that_does_not_answer_a_connection_is_given_up() -> None:
    """A listener whose queue is full drops what comes."""
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, backlog=1, start_serving=False
    )
    port = server.sockets[0].getsockname()[1]
    server.sockets[0]._sock.listen(0)  # type: ignore[attr-defined]  # ruff: ignore[private-member-access]
    fillers = [asyncio.create_task(asyncio.open_connection("127.0.0.1", port)) for _ in range(4)]
    await asyncio.sleep(0.2)
    quick = replace(
        backend(f"http://127.0.0.1:{port}/"), timeouts=Timeouts(connect=0.5, first_byte=20, idle=20)
    )
    async with asking(quick) as made:
        assert isinstance((await made.ask()).error, BackendTimeoutError)
    for task in fillers:
        task.cancel()
    for done in await asyncio.gather(*fillers, return_exceptions=True):
        if isinstance(done, tuple):
            done[1].close()
    server.close()
