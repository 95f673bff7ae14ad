"""A gateway, those who are slow in every way at once, and a reader who is not."""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.floods.crowd import Client, Crowd, connections, crowd, resident
from tests.floods.ordinary import Ordinary, ordinary
from tests.floods.service import service
from tests.system.house import TRUSTED
from tests.system.reader import Flow
from tests.system.recording_backend import Connection
from tests.workers.gateway_process import GatewayProcess, gateway_process

LONG: Final = os.environ.get("FLOODS") == "long"
SLOW: Final = 1000 if LONG else 100
RATE: Final = 50.0  # ordinary requests a second
CALM: Final = 10.0 if LONG else 2.0  # seconds without anybody slow
BUSY: Final = 12.0  # seconds with all of them: the first are cut after 15
PATIENT: Final = 90.0  # seconds; whoever is to be cut was cut long before
BIG: Final = 1_000_000  # bytes: more than the kernel takes for a client
LIMITS: Final = (
    "limits: {connections_per_address: 20000, requests: {per_person: 100000/s, per_origin: 100000/s}}\n"
)

KEPT: Final = 4  # connections to services, that wait for the next request


@dataclass(frozen=True)
class Edit:
    """Of gateway.yaml: room for everybody, so that nothing but time is short. grades: the URL of that one."""

    data_path: str
    more: str
    grades: str

    def __call__(self, text: str) -> str:
        roomy = text.replace("    websocket: true\n", "    in_flight: {max: 10000}\n", 1)
        roomy = roomy.replace("/grades/}]", "/grades/}], in_flight: {max: 10000}", 1)
        roomy = re.sub(r"(grades: \{urls: \[)[^]]*", rf'\g<1>"{self.grades}"', roomy)
        bare = re.sub(r"(?m)^(?:limits|data_path): .*\n", "", roomy)
        return f"{bare}data_path: {self.data_path}\n{self.more}"


async def answer(connection: Connection) -> None:
    """A long answer where one is asked for."""
    if not connection.received.target.endswith("/big"):
        await connection.read_body()
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return
    await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
    for _ in range(BIG // 50_000):
        await connection.say(b"x" * 50_000)


async def sign_in(gateway: GatewayProcess) -> str:
    """The lines of a head that say who asks."""
    async with gateway.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        cookie = "; ".join(f"{name}={value}" for name, value in ada.partitions["example.edu"].items())
    return f"Host: 127.0.0.1:{gateway.port}\r\nOrigin: {TRUSTED}\r\nCookie: {cookie}\r\n"


@asynccontextmanager
async def gateway_for(folder: Path, data_path: str, more: str = LIMITS) -> AsyncGenerator[GatewayProcess]:
    async with service() as other, gateway_process(folder, 1, edit=Edit(data_path, more, other)) as running:
        running.storage.script = answer
        yield running


@dataclass(frozen=True)
class Evening:
    """What became of everybody. left: connections that were open after them.

    took: bytes of memory that the worker had more while all were there.
    """

    heads: list[Client]
    bodies: list[Client]
    chunks: list[Client]
    readers: list[Client]
    sippers: list[Client]
    calm: Ordinary
    busy: Ordinary
    left: int
    took: int


async def evening(folder: Path, data_path: str) -> Evening:
    async with gateway_for(folder, data_path) as gateway:
        said = await sign_in(gateway)
        (worker,) = gateway.workers()
        calm = await ordinary(gateway.port, said, RATE, CALM)
        memory = resident(worker)
        async with (
            crowd(gateway.port) as heads,
            crowd(gateway.port) as bodies,
            crowd(gateway.port) as chunks,
            crowd(gateway.port, reads=False, receive_buffer=4096) as readers,
            crowd(gateway.port, reads=False, receive_buffer=4096) as sippers,
        ):
            await _come(said, heads, bodies, chunks, readers, sippers)
            took = resident(worker) - memory
            busy, *_ = await asyncio.gather(
                ordinary(gateway.port, said, RATE, BUSY),
                heads.drip(PATIENT, drop=b"a"),
                bodies.drip(PATIENT, drop=b"a"),
                chunks.drip(PATIENT, drop=b"1\r\na\r\n"),
                readers.drip(PATIENT),
                sippers.drip(PATIENT, sip=100),
            )
            left = await still_open(gateway)
        return Evening(
            heads.clients,
            bodies.clients,
            chunks.clients,
            readers.clients,
            sippers.clients,
            calm,
            busy,
            left,
            took,
        )


async def _come(
    said: str, heads: Crowd, bodies: Crowd, chunks: Crowd, readers: Crowd, sippers: Crowd
) -> None:
    post, get = f"POST /storage/x HTTP/1.1\r\n{said}", f"GET /storage/big HTTP/1.1\r\n{said}\r\n"
    await heads.connect(SLOW, b"GET /storage/x HTTP/1.1\r\nHost: gw\r\nX-Slow: ")
    await bodies.connect(SLOW // 2, f"{post}Content-Length: 100000\r\n\r\n".encode())
    await chunks.connect(SLOW // 2, f"{post}Transfer-Encoding: chunked\r\n\r\n".encode())
    await readers.connect(SLOW // 2, get.encode())
    await sippers.connect(SLOW // 2, get.encode())


async def still_open(gateway: GatewayProcess, more: int = 0) -> int:
    """Connections to clients and services, when only those are left that are kept, or after a while."""
    began = time.monotonic()
    (worker,) = gateway.workers()
    while (left := connections(worker, gateway.port, gateway.storage.port)) > KEPT + more:
        if time.monotonic() - began > PATIENT:
            break
        await asyncio.sleep(0.1)
    return left
