"""What clients do to the gateway in the soak: what is right, what is wrong, and leaving in the middle."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from bench.answers import Answer, read_answer
from bench.live_clients import upgrade
from bench.proofs import TokenSession
from bench.soak_backend import BIG, BODY
from bench.wrk import Asked

_PATIENCE: Final = 60.0  # seconds: longer than whatever the gateway itself waits for
_FRAME: Final = b"\x81\x85\x00\x00\x00\x00hello"  # a masked text of five bytes (RFC 6455 section 5.7)
_CLOSE: Final = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


class UnexpectedError(Exception):
    """An answer that should have been another."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One client's way to the gateway."""

    port: int
    asked: Asked
    cookies: Sequence[str]
    tokens: Sequence[TokenSession]
    random: Random

    def head(self, path: str, *lines: str, method: str = "GET", cookie: bool = True) -> bytes:
        """A request head as a browser sends it. lines: beside the usual ones."""
        own = (f"Cookie: {self.random.choice(self.cookies)}",) if cookie else ()
        usual = (
            f"{method} {path}?n={self.random.getrandbits(40)} HTTP/1.1",
            f"Host: {self.asked.host}",
            f"Origin: {self.asked.origin}",
            f"Referer: {self.asked.origin}/chapter/{self.random.getrandbits(20)}",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
            "Accept: */*",
        )
        return "\r\n".join((*usual, *own, *lines, "", "")).encode()

    async def ask(self, data: bytes, *statuses: int, method: str = "GET", whole: bool = True) -> Answer:
        """On a connection of its own. whole: whether the answer's body must come to its end."""
        reader, writer = await self.open(data)
        try:
            answer = await read_answer(reader, method)
        finally:
            writer.close()
        if answer.status not in statuses or answer.whole != whole:
            said = f"{answer.status} {'whole' if answer.whole else 'broken'} {answer.body[:200]!r}"
            raise UnexpectedError(f"{data[:60]!r}: {said}")
        return answer

    async def open(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        return reader, writer


# --- what is right


async def read(visitor: Visitor) -> None:
    name = visitor.random.choice(("json", "chunked", "hints", "slow", "until_close"))
    await visitor.ask(visitor.head(f"/app/{name}"), 200)


async def read_nothing(visitor: Visitor) -> None:
    await visitor.ask(visitor.head("/app/empty"), 204)
    await visitor.ask(visitor.head("/app/json", method="HEAD"), 200, method="HEAD")


async def read_two_at_once(visitor: Visitor) -> None:
    """Pipelined (RFC 9112 section 9.3.2)."""
    reader, writer = await visitor.open(visitor.head("/app/json") + visitor.head("/app/chunked"))
    statuses = [(await read_answer(reader)).status for _ in range(2)]
    writer.close()
    if statuses != [200, 200]:
        raise UnexpectedError(f"pipelined: {statuses}")


async def upload(visitor: Visitor) -> None:
    body = b"u" * visitor.random.randrange(300_000)
    head = visitor.head("/app/upload", f"Content-Length: {len(body)}", method="POST")
    await visitor.ask(head + body, 200)


async def upload_in_chunks(visitor: Visitor) -> None:
    parts = (b"u" * visitor.random.randrange(1, 60_000) for _ in range(5))
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    head = visitor.head("/app/upload", "Transfer-Encoding: chunked", method="POST")
    await visitor.ask(head + body + b"0\r\n\r\n", 200)


async def download(visitor: Visitor) -> None:
    answer = await visitor.ask(visitor.head("/app/big"), 200)
    if len(answer.body) != len(BIG):
        raise UnexpectedError(f"{len(answer.body)} bytes of {len(BIG)}")


async def prove(visitor: Visitor) -> None:
    session = visitor.random.choice(visitor.tokens)
    proof = session.key.proof("GET", f"http://{visitor.asked.host}/app/json", session.token)
    lines = (f"Authorization: DPoP {session.token}", f"DPoP: {proof}")
    await visitor.ask(visitor.head("/app/json", *lines, cookie=False), 200)


async def listen(visitor: Visitor) -> None:
    """To an event stream for a while."""
    reader, writer = await visitor.open(visitor.head("/live/events", "Accept: text/event-stream"))
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head:
        raise UnexpectedError(f"events: {head!r}")
    for _ in range(visitor.random.randrange(1, 20)):
        await reader.readuntil(b"\n\n")
    writer.transport.abort()


async def talk(visitor: Visitor) -> None:
    """By a WebSocket, and leave with or without a word."""
    reader, writer = await visitor.open(visitor.head("/live/socket", *upgrade()))
    answer = await read_answer(reader)
    if answer.status != 101:
        raise UnexpectedError(f"WebSocket: {answer.status}")
    for _ in range(visitor.random.randrange(1, 10)):
        writer.write(_FRAME)
        if await reader.readexactly(7) != b"\x81\x05hello":
            raise UnexpectedError("another text came back")
    if visitor.random.random() < 0.5:
        writer.write(_CLOSE)
        await reader.read()
    writer.transport.abort()


async def ask_the_gateway(visitor: Visitor) -> None:
    """What it answers itself."""
    await visitor.ask(visitor.head("/.well-known/jwks.json", cookie=False), 200)
    method = "Access-Control-Request-Method: PUT"
    await visitor.ask(visitor.head("/app/json", method, method="OPTIONS", cookie=False), 200, 204)


# --- what is handed to the slower path, or refused


async def ask_oddly(visitor: Visitor) -> None:
    """In forms that are allowed, but that no browser sends."""
    for line in ("x_odd: 1", "Connection: close, x-odd", "X-Odd:   1  "):
        await visitor.ask(visitor.head("/app/json", line), 200, 400)
    body = b"e" * 1000
    lines = ("Expect: 100-continue", f"Content-Length: {len(body)}")
    await visitor.ask(visitor.head("/app/upload", *lines, method="POST") + body, 200)


async def be_refused(visitor: Visitor) -> None:
    nobody = visitor.head("/app/json", cookie=False)
    await visitor.ask(nobody, 401)
    await visitor.ask(nobody.replace(visitor.asked.origin.encode(), b"https://elsewhere.example"), 403)
    await visitor.ask(visitor.head("/nowhere/json"), 404)
    await visitor.ask(visitor.head("/app/%2e%2e/json"), 400, 404)
    await visitor.ask(visitor.head("/app/json").replace(b"Host: ", b"Host: x"), 400, 421)


async def be_wrong(visitor: Visitor) -> None:
    """Framing that two servers could read in two ways."""
    two = ("Content-Length: 5", "Transfer-Encoding: chunked")
    await visitor.ask(visitor.head("/app/upload", *two, method="POST") + b"0\r\n\r\n", 400)
    await visitor.ask(visitor.head("/app/upload", "Content-Length: +5", method="POST"), 400)
    await visitor.ask(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400)


# --- what breaks


async def find_it_broken(visitor: Visitor) -> None:
    """A backend that does not do what it should."""
    for name in ("garbage", "gone", "huge"):
        await visitor.ask(visitor.head(f"/faulty/{name}"), 502)
    for name in ("short", "reset"):
        await visitor.ask(visitor.head(f"/faulty/{name}"), 200, whole=False)


async def be_answered_early(visitor: Visitor) -> None:
    """Before the upload has ended: the answer may be lost with the connection that it came on."""
    body = b"e" * 1_000_000
    head = visitor.head("/faulty/early", f"Content-Length: {len(body)}", method="POST")
    try:
        await visitor.ask(head + body, 403, 502)
    except (asyncio.IncompleteReadError, ConnectionError):
        return


async def leave(visitor: Visitor) -> None:
    """At every stage."""
    head = visitor.head("/app/slow")
    body = visitor.head("/app/upload", "Content-Length: 100000", method="POST") + b"u" * 5000
    for data in (
        b"",
        head[: len(head) // 2],
        head,
        body,
        visitor.head("/app/big"),
        visitor.head("/live/events"),
    ):
        reader, writer = await visitor.open(data)
        if visitor.random.random() < 0.5:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.sleep(visitor.random.random() / 10)
        writer.transport.abort()
        await reader.read()


Deed = Callable[[Visitor], Awaitable[None]]

DEEDS: Final[Sequence[Deed]] = (
    *(read, read, read, read_nothing, read_two_at_once, upload, upload_in_chunks, download, prove),
    *(listen, talk, talk, ask_the_gateway, ask_oddly, be_refused, be_wrong),
    *(find_it_broken, be_answered_early, leave, leave),
)


async def one_deed(visitor: Visitor) -> str | None:
    """Any of them; what was wrong about it."""
    deed = visitor.random.choice(DEEDS)
    try:
        async with asyncio.timeout(_PATIENCE):
            await deed(visitor)
    except (UnexpectedError, TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as error:
        return f"{deed.__name__}: {type(error).__name__} {error}"
    return None


class Regular(asyncio.Protocol):
    """A connection that asks for the same again and again, as cheaply as can be.

    every: seconds between two requests; 0: at once.
    """

    def __init__(self, heads: Sequence[bytes], every: float) -> None:
        self.answered = 0
        self.wrong: list[bytes] = []
        self._heads = heads
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.time()
        self._seen = b""
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # ruff: ignore[assert]  what create_connection makes
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if not self._seen.endswith(BODY[-50:]):
            return
        if not self._seen.startswith(b"HTTP/1.1 200 "):
            self.wrong.append(self._seen[:200])
        self._seen = b""
        self.answered += 1
        self._next += self._every
        wait = self._next - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._ask)
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended:
            self.wrong.append(self._seen[:200] or repr(exc).encode())

    def end(self) -> None:
        self._ended = True
        self._transport.abort()

    def _ask(self) -> None:
        if not self._ended:
            self._transport.write(self._heads[self.answered % len(self._heads)])
