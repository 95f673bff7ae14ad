"""A backend that keeps every byte it receives and answers as it is told, and invariant I1 over all of it."""

import asyncio
import re
import struct
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import AF_UNIX, SO_LINGER, SOL_SOCKET

import msgspec

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

_IDENTITY = re.compile(
    r"x-bookgate-.*|x-forwarded-user|x-forwarded-email|remote-user|x-remote-user|authorization"
)


@dataclass
class Received:
    """One request as it lay on the wire."""

    head: bytes
    body: bytes = b""
    aborted: bool = False

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n")[0].decode()

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        lines = self.head.decode().split("\r\n")[1:]
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.pairs if found.lower() == name.lower()]

    def identities(self) -> list[tuple[str, str]]:
        """Every line that some backend might read an identity from, in whatever spelling."""
        folded = ((re.sub(r"[^a-z0-9]", "-", name.lower()), value) for name, value in self.pairs)
        return [(name, value) for name, value in folded if _IDENTITY.fullmatch(name)]


@dataclass
class Connection:
    """What a script may do: read on, write any bytes, go away."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: Received

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_body(self) -> bytes:
        """The body by its framing; kept in `received` too."""
        length = self.received.values("Content-Length")
        if length:
            await self._keep(int(length[0]))
        elif self.received.values("Transfer-Encoding"):
            while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await self._keep(size)
                await self.reader.readuntil(b"\r\n")
            while await self.reader.readuntil(b"\r\n") != b"\r\n":
                pass
        return self.received.body

    async def _keep(self, size: int) -> None:
        while size:
            piece = await self.reader.read(min(size, 1 << 16))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            self.received.body += piece
            size -= len(piece)

    def reset(self) -> None:
        """RST, not FIN: what is closed with a linger of nothing."""
        socket = self.writer.transport.get_extra_info("socket")
        if socket.family != AF_UNIX:
            socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Connection], Awaitable[None]]


def saying(*pieces: bytes) -> Script:
    """Reads the request whole, then writes these bytes."""

    async def script(connection: Connection) -> None:
        await connection.read_body()
        for piece in pieces:
            await connection.say(piece)

    return script


def closing(*pieces: bytes) -> Script:
    """The same, then closes."""

    async def script(connection: Connection) -> None:
        await saying(*pieces)(connection)
        connection.writer.close()

    return script


@dataclass
class RecordingBackend:
    """script: what it does with a request; left: set when a connection ended under a request."""

    script: Script = field(default_factory=lambda: saying(OK))
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    server: asyncio.Server | None = None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def stop(self) -> None:
        """Away: from now on connections are refused, and those that are open end."""
        if self.server is not None:
            self.server.close()
        self.drop()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """Every connection ends."""
        for writer in self.writers:
            writer.transport.abort()

    @property
    def last(self) -> Received:
        return self.received[-1]

    def clear(self) -> None:
        self.script = saying(OK)
        self.received.clear()
        self.connections = 0
        self.left.clear()

    def assert_identity(self, person: str | None) -> None:
        """I1: each request that came carried exactly one identity, this person's, or none at all."""
        assert {_person(received) for received in self.received} <= {person}

    def assert_sound(self) -> None:
        """I1 whoever asked: no request with two identities, or with one in another spelling."""
        for received in self.received:
            _person(received)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                received = Received(head)
                self.received.append(received)
                try:
                    await self.script(Connection(reader, writer, received))
                except (ConnectionError, asyncio.IncompleteReadError):
                    received.aborted = True
                    self.left.set()
                    raise
        writer.close()


def _person(received: Received) -> str | None:
    found = received.identities()
    if not found:
        return None
    ((name, value),) = found
    assert name == "x-bookgate-assertion"
    payload = value.split(".")[1]
    claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


@asynccontextmanager
async def recording_backend() -> AsyncGenerator[RecordingBackend, None]:
    backend = RecordingBackend()
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0, limit=1 << 20, backlog=4096)
    backend.server = server
    backend.port = server.sockets[0].getsockname()[1]
    try:
        yield backend
    finally:
        await backend.stop()
