"""Whoever reads the log has stopped, or has gone: requests are answered as if nothing were."""

import asyncio
import os
import re
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.system.raw_client import RawClient
from tests.workers.gateway_process import START, GatewayProcess, gateway_process, until

PIPE = 1 << 16  # bytes that a pipe keeps (pipe(7))
LOST = re.compile(r'^bookgate_log_lines_lost_total\{worker="\d+"\} (\d+)$', re.MULTILINE)
ASKED = 400  # whose lines are far more than that


@dataclass
class LogReader:
    """Copies what is logged into a file, while it reads. writing: the gateway's end of the pipe."""

    log: Path
    writing: int
    reading: int
    reads: threading.Event = field(default_factory=threading.Event)
    leaves: bool = False

    def __post_init__(self) -> None:
        self.log.touch()
        self.reads.set()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def leave(self) -> None:
        """Nobody reads the pipe any more."""
        self.leaves = True
        self.reads.set()
        os.write(self.writing, b'{"event":"the last that is read"}\n')
        self.thread.join()
        os.close(self.reading)

    def _run(self) -> None:
        with self.log.open("ab", buffering=0) as file:
            while self.reads.wait() and not self.leaves:
                file.write(os.read(self.reading, 4096))


@pytest.fixture
def reader(tmp_path: Path) -> Generator[LogReader]:
    reading, writing = os.pipe()
    reader = LogReader(tmp_path / "log", writing, reading)
    yield reader
    if not reader.leaves:
        reader.leave()
    os.close(writing)


async def ask(gateway: GatewayProcess, count: int) -> None:
    """On one connection, one after the other; each within seconds."""
    client = await RawClient.connect(gateway.port)
    for number in range(count):
        said = f"Host: 127.0.0.1:{gateway.port}\r\nX-Request-Id: unread-{number:04}\r\n"
        async with asyncio.timeout(20):
            await client.send(f"GET /pictures/x HTTP/1.1\r\n{said}\r\n".encode())
            assert (await client.answer()).status == 200
    client.writer.close()


async def lost(gateway: GatewayProcess) -> int:
    """Lines, as the metrics say."""
    async with aiohttp.ClientSession() as client, client.get(f"{gateway.private}/metrics") as got:
        found = LOST.search(await got.text())
    assert found is not None
    return int(found[1])


async def test_who_stops_reading_the_log_delays_nobody(tmp_path: Path, reader: LogReader) -> None:
    async with gateway_process(tmp_path, 1, stdout=reader.writing) as gateway:
        reader.reads.clear()
        await ask(gateway, ASKED)
        assert reader.log.stat().st_size < PIPE
        reader.reads.set()  # nothing was lost: some megabytes wait
        wanted = {f"unread-{number:04}" for number in range(ASKED)}
        await until(lambda: wanted <= {line["id"] for line in gateway.lines("request")})
        assert await lost(gateway) == 0


async def test_lines_that_nobody_takes_are_counted(tmp_path: Path, reader: LogReader) -> None:
    async with gateway_process(tmp_path, 1, stdout=reader.writing) as gateway:
        assert await lost(gateway) == 0
        reader.leave()
        await ask(gateway, 3)
        async with asyncio.timeout(START):
            while True:
                if await lost(gateway) >= 3:
                    return
                await asyncio.sleep(0.05)
