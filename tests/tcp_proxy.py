"""A TCP proxy in front of a server on loopback, which does to what passes what a test says."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 1 << 16


def _as_it_is(data: bytes) -> bytes:
    return data


@dataclass
class TcpProxy:
    """latency: seconds before each piece goes on, in either direction.

    ask, say: what becomes of a piece on the way to the server, and of what the server says.
    """

    target: tuple[str, int]
    port: int = 0
    latency: Callable[[], float] = lambda: 0.0
    ask: Callable[[bytes], bytes] = _as_it_is
    say: Callable[[bytes], bytes] = _as_it_is
    connections: int = 0  # that came, ever
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _ended: asyncio.Condition = field(default_factory=asyncio.Condition)
    _passing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def living(self) -> int:
        """Connections that are open now."""
        return len(self._open) // 2

    async def admit(self) -> None:
        """Connections are taken, on the same port as before."""
        self._passing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Nobody listens any more; what is open goes on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def cut(self) -> None:
        """Every connection is reset."""
        for writer in list(self._open):
            writer.transport.abort()

    def hold(self) -> None:
        """Connections are taken and kept, and no byte passes until `release`."""
        self._passing.clear()

    def release(self) -> None:
        self._passing.set()

    def mend(self) -> None:
        """Bytes pass as they are."""
        self.latency, self.ask, self.say = lambda: 0.0, _as_it_is, _as_it_is
        self.release()

    async def close(self) -> None:
        self.refuse()
        self.mend()
        self.cut()
        async with self._ended:
            await self._ended.wait_for(lambda: not self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._open |= both
        try:
            await asyncio.gather(
                self._pass(reader, far_writer, up=True),
                self._pass(far_reader, writer, up=False),
            )
        finally:
            self._open -= both
            for end in both:
                end.transport.abort()
            async with self._ended:
                self._ended.notify_all()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                if wait := self.latency():
                    await asyncio.sleep(wait)
                await self._passing.wait()
                writer.write(self.ask(piece) if up else self.say(piece))
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def tcp_proxy(host: str, port: int) -> AsyncGenerator[TcpProxy]:
    proxy = TcpProxy((host, port))
    await proxy.admit()
    try:
        yield proxy
    finally:
        await proxy.close()
