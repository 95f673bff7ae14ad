"""A load whose every request is prepared: keep-alive connections that send one after another."""

import asyncio
from collections.abc import Iterable, Iterator


async def send(port: int, heads: Iterable[bytes], connections: int = 32) -> int:
    """Sends each head once to 127.0.0.1; how many were answered. SystemExit: one was not answered by 200."""
    waiting = iter(heads)
    return sum(await asyncio.gather(*(_connection(port, waiting) for _ in range(connections))))


async def _connection(port: int, waiting: Iterator[bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    for head in waiting:
        writer.write(head)
        status, body = await _answer(reader)
        if status != 200:
            raise SystemExit(f"{status}: {body.decode(errors='replace')[:500]}")
        answered += 1
    writer.close()
    await writer.wait_closed()
    return answered


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Of an answer whose length is announced or that is chunked."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, rest = head.partition(b"content-length:")
    body = b""
    if found:
        body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    else:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    return int(head[9:12]), body
