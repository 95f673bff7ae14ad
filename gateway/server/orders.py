"""What the parent and a worker tell each other: frames of MessagePack on a pair of connected sockets.

The pair is the leash too: when one end dies, by whatever signal, the other reads its end.
"""

import asyncio
import socket
import struct
from typing import Self

import msgspec

from gateway.config.faults import Fault

ENDED = struct.Struct("!ii")  # from the nursery: a worker's pid, and its status as waitpid gives it
_LENGTH = 4  # bytes before each frame

Files = dict[str, bytes]


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The first order. config, data: gateway.yaml's path and bytes; public, private: listening sockets.

    A worker that replaces one that died gets these bytes too: a file that was spoilt meanwhile harms nobody.
    """

    config: str
    data: bytes
    redis_url: str
    origins: Files
    faults: tuple[Fault, ...]  # of the origins as they lie there, where they were not taken
    public: tuple[int, ...]
    private: tuple[int, ...]


class TakeOrigins(msgspec.Struct, frozen=True, tag=True):
    """These are in force from now on."""

    files: Files


class KeepOrigins(msgspec.Struct, frozen=True, tag=True):
    """The file was not taken."""

    faults: tuple[Fault, ...]


class NoLongerReady(msgspec.Struct, frozen=True, tag=True):
    """The whole gateway is about to end: say so to whoever asks whether to send requests here."""


class Leave(msgspec.Struct, frozen=True, tag=True):
    """Take no more connections and end. patience: seconds that idle connections are kept."""

    patience: float


class Started(msgspec.Struct, frozen=True, tag=True):
    """A worker's first words."""

    pid: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """It serves."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It cannot serve."""

    reason: str


class Leaving(msgspec.Struct, frozen=True, tag=True):
    """It takes no more connections."""


Order = Begin | TakeOrigins | KeepOrigins | NoLongerReady | Leave
Report = Started | Ready | Failed | Leaving

_orders = msgspec.msgpack.Decoder(Order)
_reports = msgspec.msgpack.Decoder(Report)


class Line:
    """One end of the pair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        return cls(*await asyncio.open_connection(sock=end))

    def say(self, message: Order | Report) -> None:
        """Never waits; to an end that is gone it says nothing."""
        frame = msgspec.msgpack.encode(message)
        self._writer.write(len(frame).to_bytes(_LENGTH) + frame)

    async def order(self) -> Order | None:
        """The parent's next order; None: the parent is gone."""
        frame = await self._frame()
        return None if frame is None else _orders.decode(frame)

    async def report(self) -> Report | None:
        """The worker's next report; None: the worker is gone."""
        frame = await self._frame()
        return None if frame is None else _reports.decode(frame)

    async def _frame(self) -> bytes | None:
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH))
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        self._writer.close()
