"""Whoever reads the log has stopped, or has gone: requests are answered as if nothing were."""

import asyncio
import os
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.system.raw_client import RawClient
from tests.workers.gateway_process import GatewayProcess, gateway_process, until

PIPE = 1 << 16  # bytes that a pipe keeps (pipe(7))
ASKED = 400  # whose lines are far more than that


@dataclass
class LogReader:
    """Copies what is logged into a file, while it reads. writing: the gateway's end of the pipe."""

    log: Path
    writing: int
    reading: int
    reads: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with self.log.open("ab", buffering=0) as file:
            while self.reads.wait() and (data := os.read(self.reading, 4096)):
                file.write(data)


@pytest.fixture
def reader(tmp_path: Path) -> Generator[LogReader]:
    reading, writing = os.pipe()
    reader = LogReader(tmp_path / "log", writing, reading)
    reader.log.touch()
    reader.reads.set()
    thread = threading.Thread(target=reader.run)
    thread.start()
    yield reader
    reader.reads.set()
    os.close(writing)
    thread.join()
    os.close(reading)


async def ask(gateway: GatewayProcess, count: int) -> None:
    """On one connection, one after the other; each within seconds."""
    client = await RawClient.connect(gateway.port)
    for number in range(count):
        said = f"Host: 127.0.0.1:{gateway.port}\r\nX-Request-Id: unread-{number:04}\r\n"
        async with asyncio.timeout(20):
            await client.send(f"GET /pictures/x HTTP/1.1\r\n{said}\r\n".encode())
            assert (await client.answer()).status == 200
    client.writer.close()


async def test_who_stops_reading_the_log_delays_nobody(tmp_path: Path, reader: LogReader) -> None:
    async with gateway_process(tmp_path, 1, stdout=reader.writing) as gateway:
        reader.reads.clear()
        await ask(gateway, ASKED)
        assert reader.log.stat().st_size < PIPE
        reader.reads.set()  # nothing was lost: some megabytes wait
        wanted = {f"unread-{number:04}" for number in range(ASKED)}
        await until(lambda: wanted <= {line["id"] for line in gateway.lines("request")})
