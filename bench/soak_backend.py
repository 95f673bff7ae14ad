"""The backend of the soak: answers of every form, and every way to break one.

`python -m bench.soak_backend PORT`: the last part of a path says what is answered.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

BODY: Final = b'{"text":"' + b"x" * 1013 + b'"}'
BIG: Final = b"y" * 2_000_000
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_WHOLE: Final = _OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
_CHUNK: Final = b"%x\r\n%b\r\n" % (len(BODY), BODY)

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


async def json(_: Reader, writer: Writer) -> None:
    writer.write(_WHOLE)


async def chunked(_: Reader, writer: Writer) -> None:
    writer.write(_OK + b"Transfer-Encoding: chunked\r\n\r\n")
    for _part in range(3):
        writer.write(_CHUNK)
        await writer.drain()
        await asyncio.sleep(0.01)
    writer.write(b"0\r\n\r\n")


async def big(_: Reader, writer: Writer) -> None:
    writer.write(_OK + b"Content-Length: %d\r\n\r\n" % len(BIG) + BIG)


async def hints(_: Reader, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" + _WHOLE)


async def empty(_: Reader, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def slow(_: Reader, writer: Writer) -> None:
    await asyncio.sleep(0.3)
    writer.write(_WHOLE)


async def until_close(_: Reader, writer: Writer) -> None:
    writer.write(_OK + b"Connection: close\r\n\r\n" + BODY)
    writer.close()


async def short(_: Reader, writer: Writer) -> None:
    """Less than was announced."""
    writer.write(_OK + b"Content-Length: 5000\r\n\r\n" + BODY)
    writer.close()


async def reset(_: Reader, writer: Writer) -> None:
    """In the middle of a body."""
    writer.write(_OK + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNK)
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.transport.abort()


async def garbage(_: Reader, writer: Writer) -> None:
    writer.write(b"BANANA\r\n\r\n")
    writer.close()


async def gone(_: Reader, writer: Writer) -> None:
    """No answer."""
    writer.close()


async def huge(_: Reader, writer: Writer) -> None:
    """A head that nobody needs."""
    writer.write(_OK + b"X-Huge: " + b"z" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def early(_: Reader, writer: Writer) -> None:
    """Before the upload has come."""
    writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.close()


ANSWERS: Final[Mapping[str, Callable[[Reader, Writer], Awaitable[None]]]] = {
    each.__name__: each
    for each in (json, chunked, big, hints, empty, slow, until_close, short, reset, garbage, gone, huge)
}


async def serve(reader: Reader, writer: Writer) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            name = head.split(b" ", 2)[1].partition(b"?")[0].rpartition(b"/")[2].decode()
            if name == "early":
                await early(reader, writer)
            else:
                await _take(reader, head.lower())
                await ANSWERS["json" if name == "upload" else name](reader, writer)
    writer.close()


async def _take(reader: Reader, head: bytes) -> None:
    """Read the body and forget it."""
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if found:
        left = int(rest.partition(b"\r\n")[0])
        while left:
            left -= len(await reader.readexactly(min(left, 65_536)))
    elif b"\r\ntransfer-encoding:" in head:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
