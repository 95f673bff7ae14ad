"""An end of a WebSocket that goes through a gateway: the very bytes that it says, and all that it hears."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tests.data_path.talk import turns

GOES_ON, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_MASK = b"mask"


def frame(opcode: int, data: bytes = b"", *, masked: bool, final: bool = True) -> bytes:
    """RFC 6455 section 5.2. masked: a client's is."""
    size = len(data)
    form = 0 if size < 126 else 2 if size < 1 << 16 else 8  # bytes of a length that does not fit
    short = {0: size, 2: 126, 8: 127}[form]
    head = bytes((opcode | (0x80 if final else 0), short | (0x80 if masked else 0)))
    head += size.to_bytes(form) if form else b""
    return head + _MASK + _masked(data, _MASK) if masked else head + data


def goodbye(code: int, reason: bytes = b"") -> bytes:
    """The payload of a close frame."""
    return code.to_bytes(2) + reason


def _masked(data: bytes, mask: bytes) -> bytes:
    whole = mask * (len(data) // 4 + 1)
    return (int.from_bytes(data) ^ int.from_bytes(whole[: len(data)])).to_bytes(len(data))


@dataclass(frozen=True)
class Heard:
    """Messages, whole; what answered its pings; the payload of the goodbye; what was no frame."""

    messages: tuple[tuple[int, bytes], ...] = ()
    pongs: tuple[bytes, ...] = ()
    goodbye: bytes | None = None
    fault: str = ""


class End:
    """One end. masked: whether it masks what it says, as a client; it answers pings and goodbyes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, masked: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._masked = masked
        self._raw = b""
        self._part: tuple[int, bytes] | None = None  # of a message
        self._messages: list[tuple[int, bytes]] = []
        self._pongs: list[bytes] = []
        self._pinged: list[bytes] = []
        self._goodbye: bytes | None = None
        self._fault = ""
        self._is_leaving = False
        self.ended = False
        self.news = asyncio.Event()
        self._hearing = asyncio.create_task(self._hear())

    @property
    def heard(self) -> Heard:
        pongs = tuple(one for one in self._pongs if one in self._pinged)
        return Heard(tuple(self._messages), pongs, self._goodbye, self._fault)

    async def say(self, data: bytes, cuts: Sequence[int] = ()) -> None:
        """cuts: where one write ends and the next begins."""
        for first, last in zip((0, *cuts), (*cuts, len(data)), strict=True):
            self._writer.write(data[first:last])
            await turns(4)

    async def say_frame(self, opcode: int, data: bytes = b"", *, final: bool = True) -> None:
        if opcode == PING:
            self._pinged.append(data)
        self._is_leaving = self._is_leaving or opcode == CLOSE
        await self.say(frame(opcode, data, masked=self._masked, final=final))

    def leave(self) -> None:
        """Without a word."""
        self._writer.transport.abort()

    async def stop(self) -> None:
        self._writer.transport.abort()
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)

    async def _hear(self) -> None:
        try:
            while data := await self._reader.read(1 << 16):
                self._raw += data
                while await self._take():
                    pass
                self.news.set()
        except ConnectionError:
            pass
        self.ended = True
        self.news.set()

    async def _take(self) -> bool:
        """One frame, if it is there."""
        raw = self._raw
        if len(raw) < 2:
            return False
        short, masked = raw[1] & 0x7F, raw[1] > 0x7F
        more = {126: 2, 127: 8}.get(short, 0)
        start = 2 + more + (4 if masked else 0)
        size = int.from_bytes(raw[2 : 2 + more]) if more else short
        if len(raw) < start + size:
            return False
        if masked is self._masked or raw[0] & 0x70 or self._goodbye is not None:
            self._fault = f"{raw[:start]!r}"
        data = raw[start : start + size]
        self._raw = raw[start + size :]
        said = _masked(data, raw[start - 4 : start]) if masked else data
        await self._took(raw[0] & 15, said, final=raw[0] > 0x7F)
        return True

    async def _took(self, opcode: int, data: bytes, *, final: bool) -> None:
        if opcode == PING:
            await self.say_frame(PONG, data)
        elif opcode == PONG:
            self._pongs.append(data)
        elif opcode == CLOSE:
            self._goodbye = data
            if not self._is_leaving:
                await self.say_frame(CLOSE, data)
        else:
            self._part = (opcode, data) if self._part is None else (self._part[0], self._part[1] + data)
            if final:
                self._messages.append(self._part)
                self._part = None
