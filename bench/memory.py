"""What connections hold: those that wait for their next request, and those whose reader is slow."""

import asyncio
import resource
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from bench.processes import Server
from bench.wrk import Asked

IDLE = 10_000  # connections
SLOW = 20
_SPARE = 500  # descriptors beside the connections
_AT_ONCE = 50
_READ = 16_384  # bytes at a time of a slow reader
_PAUSE = 0.25  # seconds between two
_SECONDS = 4.0


async def idle_connection(server: Server, asked: Asked, cookies: Sequence[str]) -> float:
    """Bytes for each connection that has had one answer and waits, as a browser's does."""
    connections = _affordable()
    with ExitStack() as stack:
        await _ask(stack, server, asked, cookies, _AT_ONCE)
        before = server.memory()
        for first in range(0, connections, _AT_ONCE):
            await _ask(stack, server, asked, cookies[first % len(cookies) :] or cookies, _AT_ONCE)
        await asyncio.sleep(0.5)
        return (server.memory() - before) / connections


async def slow_reader(server: Server, asked: Asked, cookies: Sequence[str]) -> float:
    """The most bytes that were held for each."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        before = most = server.memory()
        heads = [_head("/app/files/10mb", asked, cookie) for cookie in cookies[:SLOW]]
        readers = [await _sent(stack, server, head) for head in heads]
        ends = loop.time() + _SECONDS
        while loop.time() < ends:
            await asyncio.gather(*(loop.sock_recv(reader, _READ) for reader in readers))
            await asyncio.sleep(_PAUSE)
            most = max(most, server.memory())
        return (most - before) / SLOW


async def _ask(stack: ExitStack, server: Server, asked: Asked, cookies: Sequence[str], count: int) -> None:
    """So many connections more; each asks once and is answered."""
    loop = asyncio.get_running_loop()
    heads = [_head("/app/json", asked, cookies[number % len(cookies)]) for number in range(count)]
    for connection in [await _sent(stack, server, head) for head in heads]:
        answer = b""
        while not answer.endswith(b'"}'):
            answer += await loop.sock_recv(connection, 65_536) or _closed(answer)


def _closed(answer: bytes) -> bytes:
    raise SystemExit(f"closed after {answer[:500]!r}")


async def _sent(stack: ExitStack, server: Server, data: bytes) -> socket.socket:
    loop = asyncio.get_running_loop()
    connection = stack.enter_context(socket.socket())
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    await loop.sock_connect(connection, ("127.0.0.1", server.port))
    await loop.sock_sendall(connection, data)
    return connection


def _head(path: str, asked: Asked, cookie: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: {asked.host}\r\nOrigin: {asked.origin}\r\nCookie: {cookie}\r\n\r\n"
    ).encode()


def _affordable() -> int:
    """As many idle connections as this process may have descriptors for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = IDLE + _SPARE if hard == resource.RLIM_INFINITY else min(IDLE + _SPARE, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most - _SPARE
