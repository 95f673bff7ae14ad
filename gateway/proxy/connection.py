"""One connection to a backend: bytes of one call after another."""

import asyncio
import os
import select
from contextlib import suppress
from typing import Final, Protocol, cast

BUFFER: Final = 1 << 16  # bytes that wait to be written, before whoever writes is told to wait
_LEFT_OVER: Final = 1 << 18  # bytes of an early answer, from a connection that broke under its upload


class Exchange(Protocol):
    """Whom the bytes of a connection are for."""

    def received(self, data: bytes) -> None: ...
    def ended(self) -> None:
        """The backend sends no more."""

    def lost(self, error: Exception | None) -> None:
        """The connection is gone, whoever ended it."""

    def paused(self) -> None: ...
    def resumed(self) -> None: ...


class Connections(Protocol):
    """Whose connections these are."""

    def forget(self, connection: "Connection") -> None:
        """It is of no use any more; may be said twice."""

    def keep(self, connection: "Connection") -> None:
        """It waits for the next call."""


class Connection(asyncio.Protocol):
    """Open from the handshake until either side ends it; between two calls it lies in its pool."""

    __slots__ = ("_poll", "exchange", "idle_since", "is_open", "is_reused", "peer", "pool", "transport")

    transport: asyncio.Transport

    def __init__(self, pool: Connections) -> None:
        self.pool = pool
        self.exchange: Exchange | None = None
        self.is_open = False
        self.is_reused = False  # it has served a call before
        self.idle_since = 0.0
        self.peer: object = None  # the address at the other end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.peer = transport.get_extra_info("peername")
        self.transport.set_write_buffer_limits(high=BUFFER)
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket"), select.POLLIN)
        self.is_open = True

    @property
    def has_news(self) -> bool:
        """Whether the backend has said something, or has ended it, that nobody has read yet."""
        return bool(self.is_open and self._poll.poll(0))

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:
            self.abort()  # an answer that nobody asked for: the next one would be the wrong one
        else:
            self.exchange.received(data)

    def eof_received(self) -> None:
        """The transport closes itself after this."""
        self.is_open = False
        self.pool.forget(self)
        if self.exchange is not None:
            self.exchange.ended()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self.pool.forget(self)
        if self.exchange is not None:
            self.exchange.lost(error)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.paused()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.resumed()

    def abort(self) -> None:
        self.is_open = False
        self.pool.forget(self)
        self.transport.abort()

    def left_over(self) -> bytes:
        """Of a connection that just broke under a write: what had come before, which the system still has."""
        if self.transport.get_extra_info("sslcontext") is not None:
            return b""
        with suppress(OSError):
            return os.read(self.transport.get_extra_info("socket").fileno(), _LEFT_OVER)
        return b""
