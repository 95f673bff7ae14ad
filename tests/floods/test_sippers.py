"""Who takes the end of an answer too slowly is cut as everybody else is, though nothing of it is to come.

What the kernel has taken of it is the kernel's; here it takes little, whatever the machine.
"""

import asyncio
import socket
from dataclasses import replace
from typing import Final

import pytest

from gateway.routes import Timeouts
from tests.system.data_path import backend, data_path, head
from tests.system.recording_backend import Connection, recording_backend
from tests.workers.gateway_process import until

SIZE: Final = 200_000  # bytes
TAKES: Final = 4608  # bytes, that the kernel takes
SIP: Final = 600  # bytes at once
PATIENT: Final = 75.0  # seconds: 15 of an idle connection, 30 behind the rate, and a busy machine


async def large(connection: Connection) -> None:
    await connection.read_body()
    await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + b"x" * SIZE)


@pytest.mark.parametrize(("every", "cut"), [(3.0, True), (0.02, False)])
async def test_who_sips_the_end_of_an_answer_is_cut(every: float, *, cut: bool) -> None:
    loop = asyncio.get_running_loop()
    async with recording_backend() as service:
        service.script = large
        patient = replace(backend(service.url), timeouts=Timeouts(connect=20, first_byte=20, idle=200))
        async with data_path(patient, way="fast") as path:
            path.sign_in("ada")
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
                client.setblocking(False)
                await loop.sock_connect(client, ("127.0.0.1", path.port))
                await until(lambda: path.fronts.open, 10)
                (front,) = path.fronts.open
                own = front._transport.get_extra_info("socket")  # ruff: ignore[private-member-access]
                own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TAKES)
                await loop.sock_sendall(client, head("/storage/x"))
                while path.upstreams["storage"].bulkhead.inside or not service.received:
                    await loop.sock_recv(client, 1000)
                    await asyncio.sleep(0.002)
                assert await is_cut(client, every) == cut


async def is_cut(client: socket.socket, every: float) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENT
    while loop.time() < end:
        await asyncio.sleep(every)
        try:
            if client.recv(SIP) == b"":
                return False  # all of it came
        except BlockingIOError:
            pass
        except ConnectionResetError:
            return True
    return False
