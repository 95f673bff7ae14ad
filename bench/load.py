"""The load: keep-alive connections that each send one request after another, every one as another reader."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent. heads: complete request heads, used in turn."""

    host: str
    port: int
    heads: Sequence[bytes]
    connections: int
    at_most: int  # requests
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    requests: int
    failed: int
    seconds: float
    p50: float  # milliseconds
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


async def measure(load: Load) -> Measured:
    """Send until the count or the time is used up."""
    numbers = iter(range(load.at_most))
    ends = time.perf_counter() + load.seconds
    taken: list[float] = []
    failed = 0

    async def connection() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(load.host, load.port)
        for number in _until(numbers, ends):
            began = time.perf_counter()
            writer.write(load.heads[number % len(load.heads)])
            status = await _answer(reader)
            taken.append(time.perf_counter() - began)
            failed += status != 200
        writer.close()
        await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(load.connections)))
    seconds = time.perf_counter() - began
    cuts = quantiles(taken, n=100)
    return Measured(len(taken), failed, seconds, cuts[49] * 1000, cuts[98] * 1000)


def _until(numbers: Iterator[int], ends: float) -> Iterator[int]:
    for number in numbers:
        if time.perf_counter() > ends:
            return
        yield number


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of an answer whose length is announced or that is chunked."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, rest = head.partition(b"content-length:")
    if found:
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    else:
        while (await reader.readuntil(b"\r\n")) != b"0\r\n":
            pass
        await reader.readuntil(b"\r\n")
    return int(head[9:12])
