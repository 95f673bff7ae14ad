"""A backend that keeps every byte it is sent, reads it strictly, and answers the bytes it is told."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from tests.data_path.referee import FaultError, Message, read_body, read_head

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
TURNS = 3  # of the loop after which who reads on the other side has read


@dataclass(frozen=True)
class Plan:
    """What is answered. early: when the head has come, not the body. ends: how the connection does."""

    pieces: tuple[bytes, ...] = (OK,)
    early: bool = False
    ends: str = ""  # "", "close" or "reset"


def always(*pieces: bytes, early: bool = False, ends: str = "") -> Callable[[int], Plan]:
    return lambda _: Plan(pieces, early, ends)


@dataclass
class ByteBackend:
    """plan: given a request's number, what it is answered. faults: bytes that no backend should be sent."""

    plan: Callable[[int], Plan] = field(default=always(OK))
    messages: dict[int, Message] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    open: set["Line"] = field(default_factory=set)
    asked: int = 0
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def received(self) -> list[Message]:
        """In the order in which they began."""
        return [self.messages[number] for number in sorted(self.messages)]

    @property
    def busy(self) -> int:
        """Requests that were begun, on connections that live, and not answered."""
        return sum(line.number is not None for line in self.open)

    def clear(self) -> None:
        """Forgets, and has no connection left on which something is half done."""
        self.plan = always(OK)
        self.messages, self.faults, self.connections, self.asked = {}, [], 0, 0
        for line in tuple(self.open):
            if line.number is not None:
                line.forget()

    def forget(self) -> None:
        """The requests of which nothing more will come."""
        busy = {line.number for line in self.open}
        self.messages = {number: one for number, one in self.messages.items() if number in busy}


class Line(asyncio.Protocol):
    """One connection of the gateway's."""

    def __init__(self, backend: ByteBackend) -> None:
        self.backend = backend
        self.raw = bytearray()  # of the request that comes, and what is behind it
        self.number: int | None = None  # of that request
        self.begun = False  # of its answer
        self.answered = False
        self.forgotten = False
        self.transport: asyncio.Transport
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # of another loop it is not one by name
        self.backend.connections += 1
        self.backend.open.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.backend.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self.raw += data
        if not self.forgotten:
            self.look()

    def look(self) -> None:
        try:
            self._look()
        except FaultError as fault:
            self.backend.faults.append(f"{fault} in {bytes(self.raw)!r}")
            self.transport.abort()

    def _look(self) -> None:
        if not self.raw:
            return
        if self.number is None:
            self.number = self.backend.asked
            self.backend.asked += 1
        raw = bytes(self.raw)
        read = read_head(raw, 0, is_request=True)
        if read is None:
            self.backend.messages[self.number] = Message(raw, (), b"", complete=False)
            return
        head, at = read
        body, end = read_body(raw, at, head, is_request=True)
        found = Message(head.first, head.fields, body, complete=end is not None)
        self.backend.messages[self.number] = found
        plan = self.backend.plan(self.number)
        if self.answered:
            self._go_on()
        elif not self.begun and (found.complete or plan.early):
            self.begun = True
            task = asyncio.create_task(self.answer(plan, is_head=head.first.startswith(b"HEAD ")))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def answer(self, plan: Plan, *, is_head: bool) -> None:
        for piece in (OK[:-2],) if is_head and plan.pieces == (OK,) else plan.pieces:
            self.transport.write(piece)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        if plan.ends == "reset":
            self.transport.abort()
        elif plan.ends == "close":
            self.transport.close()
        self.answered = True
        self._go_on()

    def forget(self) -> None:
        """What was sent on this connection is nobody's business any more."""
        self.transport.abort()
        self.forgotten = True

    def _go_on(self) -> None:
        """The next request, if this one has come whole; an early answer may be long before that."""
        found = None if self.number is None or self.forgotten else self.backend.messages.get(self.number)
        if found is None or not found.complete:
            return
        read = read_head(bytes(self.raw), 0, is_request=True)
        assert read is not None
        _, end = read_body(bytes(self.raw), read[1], read[0], is_request=True)
        del self.raw[:end]
        self.number, self.begun, self.answered = None, False, False
        self.look()


@asynccontextmanager
async def byte_backend() -> AsyncGenerator[ByteBackend]:
    backend = ByteBackend()
    server = await asyncio.get_running_loop().create_server(lambda: Line(backend), "127.0.0.1", 0)
    backend.port = server.sockets[0].getsockname()[1]
    try:
        yield backend
    finally:
        server.close()
        for line in tuple(backend.open):
            line.transport.abort()
