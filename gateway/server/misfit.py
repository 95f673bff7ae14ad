"""Whether this aiohttp is one that connections can be handed over to: found out at start-up, not in use."""

import asyncio
from collections.abc import Sequence
from typing import Final

import aiohttp
from aiohttp import web

from gateway.server.connection import Connection, Server

_TURNS: Final = 20  # of the event loop, that a request of the self-test may take; it takes 4


class _Memory(asyncio.Transport):
    """A transport of the self-test: keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def misfit(kind: type[Connection] = Connection) -> str | None:
    """Why connections cannot be handed over to aiohttp and taken back; None: they can.

    Runs two requests through a handler of this kind, the first in two pieces and past `start`, and looks when
    it is idle.
    """
    loop = asyncio.get_running_loop()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        later = loop.create_future()
        loop.call_soon(later.set_result, None)
        await later
        return web.Response(body=await request.read())

    server, transport = Server(handle), _Memory()
    server.at_once = handle
    handler = kind(server, loop=loop)
    try:
        handler.connection_made(transport)
        for said in (
            [b"GET / HTTP/1.1\r\nHost: a", b"\r\n\r\n"],
            [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"],
        ):
            if fault := await _ask(handler, transport, said):
                return f"aiohttp {aiohttp.__version__}: {fault}"
        handler.leave()
        await asyncio.sleep(0)
    except AttributeError as error:
        return f"aiohttp {aiohttp.__version__}: {error}"
    return "aiohttp closes what it was to leave" if transport.closed else None


async def _ask(handler: Connection, transport: _Memory, said: Sequence[bytes]) -> str | None:
    """One request; what was not as it should be."""
    transport.written = b""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    before = handler.is_done
    for piece in said:
        handler.data_received(piece)
    meanwhile = handler.is_done
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        if handler.is_done and not transport.written.startswith(b"HTTP/1.1 200 "):
            return "a handler seems to be idle before it has answered"
    seen = (before, meanwhile, handler.is_done) == (True, False, True)
    return None if seen else "whether a handler is idle cannot be seen"
