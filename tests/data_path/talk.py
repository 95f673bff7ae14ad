"""A conversation on one connection: the very bytes of a client, in pieces, and all that it hears."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

from tests.data_path.byte_backend import TURNS
from tests.data_path.referee import FaultError, Message, answers

LIMIT = 30.0  # seconds that anything may take on a busy machine
AFTER = 12  # turns of the loop between an answer and the next request: what comes late has come


@dataclass(frozen=True)
class Talk:
    """Requests on one connection.

    cuts: where, in all of their bytes, one write ends and the next begins. pipelined: the next is sent before
    the answer to the one before has come."""

    requests: tuple[bytes, ...]
    cuts: frozenset[int] = frozenset()
    pipelined: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(one.lstrip(b"\r\n").split(b" ", 1)[0].decode("latin-1") for one in self.requests)

    def byte_by_byte(self) -> "Talk":
        return replace(self, cuts=frozenset(range(sum(map(len, self.requests)))))

    def pieces(self) -> list[list[bytes]]:
        """The writes of each request."""
        found, at = [], 0
        for request in self.requests:
            inside = sorted(cut - at for cut in self.cuts if at < cut < at + len(request))
            borders = [0, *inside, len(request)]
            found.append([request[a:b] for a, b in pairwise(borders)])
            at += len(request)
        return found


@dataclass(frozen=True)
class Heard:
    """What a client heard. closed: by the gateway. fault: of bytes that are no answer."""

    answers: tuple[Message, ...]
    closed: bool
    fault: str = ""


class Client(asyncio.Protocol):
    """One connection to a gateway, and every byte that came on it."""

    def __init__(self) -> None:
        self.raw = bytearray()
        self.closed = False
        self.news = asyncio.Event()
        self.transport: asyncio.Transport

    @classmethod
    async def connect(cls, port: int) -> "Client":
        _, client = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # of another loop it is not one by name

    def data_received(self, data: bytes) -> None:
        self.raw += data
        self.news.set()

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        self.news.set()

    def say(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    async def say_pieces(self, pieces: Sequence[bytes]) -> None:
        """Each in a write that the other side reads by itself."""
        for piece in pieces:
            self.say(piece)
            await turns(TURNS)

    def heard(self, methods: Sequence[str]) -> Heard:
        found: list[Message] = []
        try:
            found.extend(answers(bytes(self.raw), methods, closed=self.closed))
        except FaultError as fault:
            return Heard(tuple(found), self.closed, str(fault))
        return Heard(tuple(found), self.closed)

    async def wait(self, quiet: float) -> bool:
        """Until something comes; False: nothing did, for so many seconds."""
        self.news.clear()
        try:
            await asyncio.wait_for(self.news.wait(), quiet)
        except TimeoutError:
            return False
        return True

    async def answered(self, methods: Sequence[str], count: int, quiet: float) -> bool:
        """Until so many answers came whole, or the end, or nothing more."""
        while True:
            heard = self.heard(methods)
            whole = sum(one.complete and one.status >= 200 for one in heard.answers if one.fields)
            if whole >= count or heard.closed or heard.fault:
                return True
            if not await self.wait(quiet):
                return False


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def converse(port: int, talk: Talk, quiet: float) -> Heard:
    """quiet: seconds of silence after which nothing more is waited for."""
    client = await Client.connect(port)
    async with asyncio.timeout(LIMIT):
        for number, pieces in enumerate(talk.pieces(), 1):
            await client.say_pieces(pieces)
            if not talk.pipelined:
                await client.answered(talk.methods, number, quiet)
                await turns(AFTER)
        while not client.closed and await client.wait(quiet):
            pass
    heard = client.heard(talk.methods)
    client.transport.abort()
    return heard
