"""Services that mean harm: whom their bytes reach, and what is left of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.routes import Timeouts
from tests.data_path.both_ways import WAYS
from tests.data_path.byte_backend import OK, ByteBackend, always, byte_backend
from tests.data_path.talk import LIMIT, Client, turns
from tests.system.data_path import DataPath, backend, data_path, head

EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


@pytest.fixture
async def service() -> AsyncIterator[ByteBackend]:
    async with byte_backend() as started:
        yield started


async def asked(path: DataPath, *requests: bytes) -> tuple[bytes, ...]:
    """The bodies that a client is answered, one request after another."""
    client = await Client.connect(path.port)
    for number, request in enumerate(requests, 1):
        client.say(request)
        assert await client.answered(["GET"] * number, number, LIMIT)
    client.transport.abort()
    return tuple(answer.body for answer in client.heard(["GET"] * len(requests)).answers)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_nobody_asked_for_answers_nobody(service: ByteBackend, way: str, method: str) -> None:
    """A second answer on a kept connection, that comes at the moment in which another request takes it."""
    async with data_path(backend(service.url), way=way) as path:
        path.sign_in("ada")
        path.sign_in("ben")
        assert await asked(path, head("/storage/x"), head("/storage/x", person="ben")) == (b"{}", b"{}")
        client = await Client.connect(path.port)
        await turns(20)
        (line,) = service.open
        lines = ("Content-Length: 4",) if method == "POST" else ()
        client.say(head("/storage/x", *lines, method=method, person="ben") + b"work" * len(lines))
        line.transport.write(EVIL)
        assert await client.answered([method], 1, LIMIT)
        (answer,) = client.heard([method]).answers
        client.transport.abort()
        assert answer.body != b"evil"


BINDING = [
    "Accept-CH: Sec-CH-UA-Model",
    "Critical-CH: Sec-CH-UA-Model",
    "Set-Login: logged-out",
    'Secure-Session-Registration: (ES256);path="/storage/register"',
    'Sec-Session-Registration: (ES256);path="/storage/register"',
    'Use-As-Dictionary: match="/*"',
    "Activate-Storage-Access: load",
]


@pytest.mark.parametrize("way", WAYS)
async def test_what_would_bind_our_host_beyond_an_answer_reaches_no_browser(
    service: ByteBackend, way: str
) -> None:
    service.plan = always(OK.replace(b"\r\n\r\n", "\r\n".join(["", *BINDING, "", ""]).encode()))
    async with data_path(backend(service.url), way=way) as path:
        path.sign_in("ada")
        answer = await path.ask()
    assert answer.body == b"{}"
    passed = {name.lower() for name, _ in answer.pairs}
    assert not passed & {line.partition(":")[0].lower() for line in BINDING}


async def hanging(*_: object, **__: object) -> None:
    """A resolver that hangs; of threads that could be kept busy not every event loop has the same."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [0, 4])
async def test_a_body_does_not_stop_the_clock_of_connecting(
    service: ByteBackend, way: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = f"http://localhost:{service.port}/"
    hasty = replace(backend(named), timeouts=Timeouts(connect=0.3, first_byte=20, idle=20))
    async with data_path(hasty, way=way) as path, asyncio.timeout(10):
        path.sign_in("ada")
        with monkeypatch.context() as patched:
            patched.setattr(asyncio.get_running_loop(), "getaddrinfo", hanging)
            answer = await path.ask("/storage/x", f"Content-Length: {size}", method="POST", body=b"x" * size)
    assert answer.status == 504
