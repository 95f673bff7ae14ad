"""Answers as they come over the wire, for clients that must be cheap or must see what broke."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """head: in lower case. whole: False where the connection ended before the body did."""

    status: int
    head: bytes
    body: bytes
    whole: bool = True

    @property
    def closes(self) -> bool:
        return not self.whole or b"\r\nconnection: close" in self.head


async def read_answer(reader: asyncio.StreamReader, method: str = "GET") -> Answer:
    """The next final answer; 1xx are passed over. IncompleteReadError: the head did not come."""
    status = 100
    while status < 200 and status != 101:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
    if method == "HEAD" or status in {101, 204, 304}:
        return Answer(status, head, b"")
    try:
        return Answer(status, head, await _body(reader, head))
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(status, head, b"", whole=False)


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if found:
        return await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    if b"\r\ntransfer-encoding:" not in head:
        return await reader.read()
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
