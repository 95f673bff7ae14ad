"""A load whose every request is prepared: keep-alive connections that send one after another."""

import asyncio
from collections.abc import Iterable, Iterator

from bench.answers import read_answer


async def send(port: int, heads: Iterable[bytes], connections: int = 32) -> int:
    """Sends each head once to 127.0.0.1; how many were answered. SystemExit: one was not answered by 200."""
    waiting = iter(heads)
    return sum(await asyncio.gather(*(_connection(port, waiting) for _ in range(connections))))


async def _connection(port: int, waiting: Iterator[bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    for head in waiting:
        writer.write(head)
        answer = await read_answer(reader)
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {answer.body.decode(errors='replace')[:500]}")
        answered += 1
    writer.close()
    await writer.wait_closed()
    return answered
