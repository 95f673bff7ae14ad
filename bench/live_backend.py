"""A backend of what stays open: events that are pushed, and a WebSocket that says what it hears.

`python -m bench.live_backend PORT EVENTS_A_SECOND`: it serves /live/events and /live/socket on 127.0.0.1.
"""

import asyncio
import contextlib
import sys
from base64 import b64encode
from hashlib import sha1
from typing import Final

EVENT: Final = b'event: saved\ndata: {"item":"chapter-3/question-7","state":"x"}\nid: 00000000\n\n'
_CHUNK: Final = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


class Live:
    """every: seconds between two events of one stream."""

    def __init__(self, every: float) -> None:
        self._every = every

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"/live/socket" in head.partition(b"\r\n")[0]:
                    await _echo(head, reader, writer)
                else:
                    await self._push(reader, writer)
        writer.close()

    async def _push(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_STREAM)
        while not reader.at_eof():
            writer.write(_CHUNK)
            await writer.drain()
            await asyncio.sleep(self._every)


async def _echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Text of at most 125 bytes, until the connection ends."""
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    accept = b64encode(sha1(key.partition(b":")[2].strip() + _GUID, usedforsecurity=False).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    while True:
        first, second = await reader.readexactly(2)
        length = second & 0x7F
        mask = await reader.readexactly(4)
        data = await reader.readexactly(length)
        key_bytes = (mask * (length // 4 + 1))[:length]
        plain = (int.from_bytes(data) ^ int.from_bytes(key_bytes)).to_bytes(length)
        writer.write(bytes((first, length)) + plain)
        if first & 0x0F == 0x8:  # close (section 5.5.1)
            return


async def main(port: int, events_a_second: float) -> None:
    server = await asyncio.start_server(Live(1 / events_a_second).serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
