"""Clients of what stays open, as cheap as can be: who counts events, who sends one message after another."""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Sequence

from bench.processes import Server
from bench.wrk import Asked

_TEXT = b"x" * 64
_MASK = b"\x01\x02\x03\x04"
_FRAME = bytes((0x81, 0x80 | len(_TEXT))) + _MASK + bytes(b ^ _MASK[i % 4] for i, b in enumerate(_TEXT))
_ANSWER = 2 + len(_TEXT)


class _Client(asyncio.Protocol):
    """Sends its head, then counts. opened: set once the answer's head came."""

    def __init__(self, head: bytes, status: bytes) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count = 0
        self._head = head
        self._status = status
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # ruff: ignore[assert]  what create_connection makes
        self.transport = transport
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            self.heard(data)
            return
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if found and head.split(b" ", 2)[1] != self._status:
            self.opened.set_exception(ConnectionError(head.decode()))
        elif found:
            self.opened.set_result(None)
            self.begin()
            self.heard(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed"))

    def begin(self) -> None:
        """The answer's head has come."""

    def heard(self, data: bytes) -> None:
        raise NotImplementedError


class EventReader(_Client):
    """count: events that came."""

    def heard(self, data: bytes) -> None:
        self.count += data.count(b"\n\n")


class Talker(_Client):
    """count: messages that came back."""

    _waiting = _ANSWER

    def begin(self) -> None:
        self.transport.write(_FRAME)

    def heard(self, data: bytes) -> None:
        self._waiting -= len(data)
        if self._waiting <= 0:
            self._waiting += _ANSWER
            self.count += 1
            self.transport.write(_FRAME)


async def open_events(server: Server, asked: Asked, cookies: Sequence[str]) -> list[EventReader]:
    """A stream for each cookie, all open."""
    heads = [_head("/live/events", asked, cookie, "Accept: text/event-stream") for cookie in cookies]
    clients = [EventReader(head, b"200") for head in heads]
    await _opened(server, clients)
    return clients


async def open_sockets(server: Server, asked: Asked, cookies: Sequence[str]) -> list[Talker]:
    """A WebSocket for each cookie, each with a message under way."""
    clients = [Talker(_head("/live/socket", asked, cookie, *upgrade()), b"101") for cookie in cookies]
    await _opened(server, clients)
    return clients


async def _opened(server: Server, clients: Sequence[_Client]) -> None:
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", server.port)  # type: ignore[misc]
        async with asyncio.timeout(30):
            await client.opened


def upgrade() -> tuple[str, ...]:
    """The header lines that ask for a WebSocket (RFC 6455 section 4.1)."""
    key = b64encode(secrets.token_bytes(16)).decode()
    return (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )


def _head(path: str, asked: Asked, cookie: str, *lines: str) -> bytes:
    usual = (
        f"GET {path} HTTP/1.1",
        f"Host: {asked.host}",
        f"Origin: {asked.origin}",
        f"Cookie: {cookie}",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    )
    return "\r\n".join((*usual, *lines, "", "")).encode()
