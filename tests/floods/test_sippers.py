"""Who takes the end of an answer too slowly is cut as everybody else is, though nothing of it is to come."""

import asyncio
import socket
from dataclasses import replace
from typing import Final

from gateway.routes import Timeouts
from tests.data_path.both_ways import WAYS
from tests.system.data_path import backend, data_path, head
from tests.system.recording_backend import Connection, recording_backend

SIZE: Final = 3_200_000  # bytes: more than the kernel takes of a client that reads little
SIP: Final = 600  # bytes, every three seconds
PATIENT: Final = 75.0  # seconds: 15 of an idle connection, 30 behind the rate, and a busy machine


async def large(connection: Connection) -> None:
    await connection.read_body()
    await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + b"x" * SIZE)


async def sips(way: str) -> bool:
    """Whether it is cut."""
    loop = asyncio.get_running_loop()
    async with recording_backend() as service:
        service.script = large
        patient = replace(backend(service.url), timeouts=Timeouts(connect=20, first_byte=20, idle=200))
        async with data_path(patient, way=way) as path:
            path.sign_in("ada")
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
                client.setblocking(False)
                await loop.sock_connect(client, ("127.0.0.1", path.port))
                await loop.sock_sendall(client, head("/storage/x"))
                await loop.sock_recv(client, SIP)
                while path.upstreams["storage"].bulkhead.inside:
                    await loop.sock_recv(client, 20_000)
                    await asyncio.sleep(0.002)
                return await is_cut(client)


async def is_cut(client: socket.socket) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENT
    while loop.time() < end:
        await asyncio.sleep(3)
        try:
            client.recv(SIP)
        except BlockingIOError:
            pass
        except ConnectionResetError:
            return True
    return False


async def test_who_sips_the_end_of_an_answer_is_cut() -> None:
    assert await asyncio.gather(*map(sips, WAYS)) == [True, True]
