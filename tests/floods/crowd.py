"""Many clients at once who want to be slow, on plain sockets, and what became of each."""

import asyncio
import select
import socket
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LOOK: Final = 0.1  # seconds between two looks at all of them
AT_ONCE: Final = 100  # that connect
_CONNECT: Final = 30.0  # seconds
_LISTEN: Final = "0A"


@dataclass(slots=True)
class Client:
    """began: when it had connected. told, ended: seconds until an answer began, and until it was closed."""

    sock: socket.socket
    began: float
    told: float | None = None
    ended: float | None = None
    answer: bytes = b""

    @property
    def status(self) -> int | None:
        return int(self.answer.split(b" ")[1]) if self.answer.startswith(b"HTTP/1.1 ") else None


@dataclass
class Crowd:
    """reads: whether they read what comes; who does not sees only a reset."""

    port: int
    address: str = "127.0.0.1"
    reads: bool = True
    receive_buffer: int | None = None
    clients: list[Client] = field(default_factory=list)

    @property
    def open(self) -> list[Client]:
        return [client for client in self.clients if client.ended is None]

    async def connect(self, count: int, first: bytes) -> None:
        """So many more, who send these bytes at once."""
        for start in range(0, count, AT_ONCE):
            await asyncio.gather(*(self._connect(first) for _ in range(min(AT_ONCE, count - start))))

    async def _connect(self, first: bytes) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        if self.receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        sock.bind((self.address, 0))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT):
            await loop.sock_connect(sock, ("127.0.0.1", self.port))
            client = Client(sock, time.monotonic())
            self.clients.append(client)
            with suppress(ConnectionError):
                await loop.sock_sendall(sock, first)

    async def drip(self, seconds: float, *, every: float = 1.0, drop: bytes = b"", sip: int = 0) -> None:
        """Each open one sends a drop now and then, or takes a sip, until all were closed, or for so long."""
        until, due = time.monotonic() + seconds, time.monotonic() + every
        while (now := time.monotonic()) < until and self.open:
            if now >= due:
                due = now + every
                for client in self.open:
                    with suppress(BlockingIOError, ConnectionError):
                        if drop:
                            client.sock.send(drop)
                        if sip:
                            client.sock.recv(sip)
            self.look()
            await asyncio.sleep(LOOK)

    async def until(self, found: Callable[[], bool], seconds: float) -> None:
        """Until something is so; who was closed meanwhile is noticed."""
        began = time.monotonic()
        while not found():
            assert time.monotonic() - began < seconds, self.told()
            self.look()
            await asyncio.sleep(LOOK)

    def told(self) -> str:
        """How they stand."""
        stand = Counter((client.status, client.ended is None) for client in self.clients)
        return ", ".join(
            f"{count} x {status} {'open' if is_open else 'closed'}"
            for (status, is_open), count in stand.items()
        )

    def look(self) -> None:
        for client in self.open:
            if self._has_ended(client):
                client.ended = time.monotonic() - client.began
                client.sock.close()

    def _has_ended(self, client: Client) -> bool:
        if not self.reads:
            poll = select.poll()
            poll.register(client.sock, 0)
            return bool(poll.poll(0))
        try:
            while data := client.sock.recv(1 << 16):
                client.told = client.told or time.monotonic() - client.began
                client.answer += data
        except BlockingIOError:
            return False
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        for client in self.clients:
            client.sock.close()


@asynccontextmanager
async def crowd(
    port: int, *, address: str = "127.0.0.1", reads: bool = True, receive_buffer: int | None = None
) -> AsyncGenerator[Crowd]:
    made = Crowd(port, address, reads, receive_buffer)
    try:
        yield made
    finally:
        made.close()


def connections(pid: int, *ports: int) -> int:
    """TCP connections of a process that begin or end at these ports (proc(5), net/tcp)."""
    mine = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text("utf-8").splitlines()[1:]]
    asked = {f"{port:04X}" for port in ports}
    return sum(
        bool({found[1][-4:], found[2][-4:]} & asked)
        and found[3] != _LISTEN
        and f"socket:[{found[9]}]" in mine
        for found in lines
    )


def resident(pid: int) -> int:
    """Bytes of memory of a process (proc(5), VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    (found,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(found.split()[1]) * 1024
