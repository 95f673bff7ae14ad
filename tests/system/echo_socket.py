"""A WebSocket of the recording backend's that says everything back, written frame by frame (RFC 6455)."""

from base64 import b64encode
from hashlib import sha1

from tests.system.recording_backend import Connection, Script


def accept_for(key: str) -> str:
    salted = f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()
    return b64encode(sha1(salted, usedforsecurity=False).digest()).decode()


async def handshake(connection: Connection, protocol: str | None = None, behind: bytes = b"") -> None:
    """behind: what is said in the same breath."""
    accept = accept_for(connection.received.values("Sec-WebSocket-Key")[0]).encode()
    chosen = b"" if protocol is None else b"Sec-WebSocket-Protocol: " + protocol.encode() + b"\r\n"
    end = b"\r\n" + behind
    await connection.say(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\nSet-Cookie: __Host-Http-bookgate=x\r\n" + chosen + end
    )


async def frame(connection: Connection) -> tuple[int, bytes]:
    """One short masked frame: opcode and payload."""
    first, second = await connection.reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = int.from_bytes(await connection.reader.readexactly(2))
    mask = await connection.reader.readexactly(4)
    data = await connection.reader.readexactly(length)
    return first & 15, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def echoing(protocol: str | None = None) -> Script:
    async def script(connection: Connection) -> None:
        await handshake(connection, protocol)
        while True:
            opcode, data = await frame(connection)
            connection.received.body += data
            await connection.say(bytes([0x80 | opcode, len(data)]) + data)
            if opcode == 8:
                connection.writer.close()
                raise ConnectionResetError

    return script
