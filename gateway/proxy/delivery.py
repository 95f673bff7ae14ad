"""What a client takes of an answer: how much of it has arrived, and an end for whoever takes too little."""

import asyncio
import fcntl
import select
import socket
import struct
import termios
from contextlib import suppress
from typing import Final

from gateway.proxy.pace import Pace

LOOK: Final = 1.0  # seconds between two looks at who does not take what waits
_LEFT: Final = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR
_RESET: Final = struct.pack("ii", 1, 0)


def undelivered(transport: asyncio.Transport) -> int:
    """Bytes that were written and that the client's machine has not acknowledged.

    The socket's own buffer may be megabytes: what it takes says little, and late (tcp(7), SIOCOUTQ).
    """
    left = transport.get_write_buffer_size()
    with suppress(OSError, ValueError):  # it is closed, or no socket of a kind that tells
        queued = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        left += int.from_bytes(queued, "little")
    return left


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection whose client does not read.

    Closed in the usual way the kernel would go on holding what was sent, for as long as the client likes.
    """
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def has_left(transport: asyncio.Transport) -> bool:
    """Whether a client is gone that nobody reads from: what it sent hides its end (poll(2), POLLRDHUP)."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), _LEFT)
    return bool(poll.poll(0))


class Delivery:
    """Watches one answer, from its beginning until the socket has all of it; `stop` in any case."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop.time())
        self._left: int | None = None  # undelivered, at the last look; None: nothing waits for the client
        self._over = False
        self._timer = self._loop.call_later(LOOK, self._look)

    def waits(self, size: int) -> None:
        """It is the client's turn, as soon as so many more bytes were written."""
        self._pace.go_on(self._loop.time())
        self._left = undelivered(self._transport) + size

    def goes_on(self) -> None:
        """It took what there was."""
        self._count()
        self._left = None

    def stop(self) -> None:
        """Nothing more is written. Closed with something in its buffer a connection could stay for ever."""
        if self._transport.get_write_buffer_size():
            self._over = True
            self.waits(0)
        else:
            self._timer.cancel()

    def _count(self) -> int:
        """How much the client took since it was counted last; less than nothing: something new is written."""
        left = undelivered(self._transport)
        took = (self._left or 0) - left
        self._pace.moved(took)
        self._left = left
        return took

    def _look(self) -> None:
        if self._left is not None:
            took = self._count()
            if self._over and (took < 0 or not self._transport.get_write_buffer_size()):
                return
            if self._pace.is_too_slow(self._loop.time()):
                reset(self._transport)
                return
        self._timer = self._loop.call_later(LOOK, self._look)
