"""One protocol a client connection: what the fast path takes is relayed there, all else is handed to aiohttp.

What is handed over is handed over with all its bytes. The stock handler gives the connection back when it is
idle, where the request was the only thing that it was given; else it keeps it until it closes.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, cast

from gateway.proxy.client import Work
from gateway.proxy.delivery import has_left, reset, undelivered
from gateway.proxy.fast import Aside, Fast
from gateway.proxy.pace import RATE
from gateway.proxy.parsers import head_end
from gateway.server.addresses import Addresses
from gateway.server.connection import Connection
from gateway.server.times import KEEP_ALIVE

TICK: Final = 0.5  # seconds between two looks at all connections
HELD: Final = 1 << 16  # bytes of further requests that wait for the one before
LINGER: Final = 5.0  # seconds in which a client that was answered early may notice
LINGERING: Final = 1 << 20  # bytes of its body that are read and dropped meanwhile
UNREAD: Final = 30.0  # seconds between two looks at what a client has taken of what it asked for

# What no canonical head has, whatever follows: it need not be waited for.
_HOPELESS: Final = re.compile(rb"\r[^\n]|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Fronts:
    """The connections of a listener. max_head: bytes; addresses: count them; stock: makes the handlers."""

    def __init__(
        self, fast: Fast, max_head: int, addresses: Addresses | None, stock: Callable[[], Connection]
    ) -> None:
        self.fast = fast
        self.outbox = fast.outbox
        self.addresses = addresses
        self.stock = stock
        self.max_head = max_head
        self.open: set[Front] = set()
        self._left = asyncio.Event()  # somebody
        self.closing = False  # no connection is kept after its request
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time()  # as of the last look: no clock is asked for each request
        self.idle_until = self.now + KEEP_ALIVE
        self._sweeping = self._loop.call_later(TICK, self._sweep)

    @property
    def clients(self) -> "Sequence[Front]":
        return tuple(self.open)

    def connection(self) -> asyncio.Protocol:
        return Front(self)

    def left(self, front: "Front") -> None:
        self.open.discard(front)
        self._left.set()

    def begin_end(self) -> None:
        self.closing = True
        for front in tuple(self.open):
            if front.is_idle:
                front.force_close()

    async def end(self, grace: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self.open:
                    self._left.clear()
                    await self._left.wait()
        self._sweeping.cancel()
        for front in tuple(self.open):
            front.abort()
        await asyncio.sleep(0)  # for their ends to be told

    def _sweep(self) -> None:
        now = self.now = self._loop.time()
        self.idle_until = now + KEEP_ALIVE
        self._sweeping = self._loop.call_later(TICK, self._sweep)
        for front in [front for front in self.open if front.due <= now]:
            front.look(now)


class Front(asyncio.Protocol):
    """A client's connection. due: when it is looked at next, in the loop's time.

    At most one of `_exchange` and `stock` is there; with neither it waits for a request, or for its end.
    """

    __slots__ = (
        "_answers", "_crowded", "_ending", "_exchange", "_fronts", "_hears_end", "_owed", "_transport",
        "_whose", "buffer", "due", "full", "paused", "peer", "stock",
    )  # fmt: skip

    def __init__(self, fronts: Fronts) -> None:
        self._fronts = fronts
        self.buffer = b""  # what came of a head, or of requests that wait
        self._exchange: Work | None = None
        self.stock: Connection | None = None
        # of a stock handler: bytes of a body that it is still to be given; None: nobody knows, it stays.
        # At the end: of bytes that the client has not taken.
        self._owed: int | None = 0
        self._ending = False
        self._hears_end: Callable[[bytes], bool] | None = None
        self._answers = b""  # that go out at the end of this turn
        self.paused = False  # nothing is read
        self.full = False  # the client takes nothing at the moment
        self.peer: str | None = None
        self._whose: str | None = None  # among the connections of an address
        self._crowded = False  # one more than it may have, which is told so
        self.due = fronts.idle_until

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else None
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._fronts.open.add(self)
        if self._fronts.addresses is not None:
            seat = self._fronts.addresses.enter(self.peer)
            if seat is None:
                self.abort()
            else:
                self._whose, self._crowded = seat

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is not None:
            if exchange.takes_body:
                data = exchange.received(data)
            if data:
                self._hold(data)
        elif self._ending:
            self._drop(data)
        elif self.stock is not None and not self._is_done(self.stock):
            self._feed(self.stock, data)
        elif self.full:
            self._hold(data)  # who does not read what it asked for is not answered on
        else:
            self._read(self.buffer + data if self.buffer else data, len(self.buffer))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fronts.left(self)
        if self._fronts.addresses is not None:
            self._fronts.addresses.leave(self._whose)
        self._ending, self._answers = True, b""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_gone()
        stock, self.stock = self.stock, None
        if stock is not None:
            stock.connection_lost(exc)

    def pause_writing(self) -> None:
        self.full = True
        if self.stock is not None:
            self.stock.pause_writing()
        elif self._exchange is not None:
            self._exchange.client_full()

    def resume_writing(self) -> None:
        self.full = False
        if self.stock is not None:
            self.stock.resume_writing()
        if self._exchange is not None:
            self._exchange.client_drained()
        elif not self._ending and (self.stock is None or self._is_done(self.stock)):
            self._next()

    # --- requests

    def _read(self, data: bytes, known: int) -> None:
        """known: how many of the bytes were there before, and were no complete head."""
        end = head_end(data, max(0, known - 3))
        if end < 0:
            self._wait(data, known)
            return
        if end == len(data):
            head, rest = data, b""
        else:
            head, rest = data[:end], data[end:]
        self.buffer = b""
        if self._crowded or end > self._fronts.max_head:
            self.due = 0.0
            self._give(data, None)
            return
        begun = self._fronts.fast.begin(self, head)
        if isinstance(begun, Aside):
            self.due = 0.0
            self._give(data, None if begun.body is None else end + begun.body)
            return
        if self.stock is not None:
            self._leave_stock()
        self._exchange = begun
        self.due = 0.0
        if rest and begun.takes_body:
            rest = begun.received(rest)
        if rest:
            self._hold(rest)

    def _wait(self, data: bytes, known: int) -> None:
        """For the rest of a head; where there is no hope the stock handler says so."""
        hopeless = not 0x41 <= data[0] <= 0x5A or _HOPELESS.search(data, max(0, known - 1))
        if hopeless or len(data) > self._fronts.max_head:
            self.buffer = b""
            self._give(data, None)
            return
        self.buffer = data
        if not known:
            self.due = self._fronts.idle_until  # a slow head has its own time

    def _hold(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > HELD:
            self.pause_reading()

    def go_on(self, work: Work, held: bytes) -> None:
        """What was asked about is forwarded. held: what came of its body."""
        self._exchange = work
        self.resume_reading()
        if held and (rest := work.received(held)):
            self.buffer = rest + self.buffer
        elif work.takes_body and self.buffer:  # of a socket that is to be: it has no body, and yet goes on
            data, self.buffer = self.buffer, b""
            self.buffer = work.received(data)

    def hand_over(self, data: bytes, length: int | None) -> None:
        """An exchange that came to nothing: its bytes go to aiohttp, with all that came behind.

        data: the head and what came of the body. length: of both; None: nobody knows.
        """
        self._exchange = None
        behind, self.buffer = self.buffer, b""
        self._give(data + behind, length)

    def _give(self, data: bytes, length: int | None) -> None:
        """To a stock handler. length: of the request that `data` begins with; None: nobody knows."""
        self._owed = _left(length, len(data))
        self._write_answers()
        stock = self.stock
        if stock is None:
            stock = self.stock = self._fronts.stock()
            stock.crowded = self._crowded
            stock.connection_made(self._transport)
            if self.full:
                stock.pause_writing()
        self.resume_reading()
        stock.data_received(data)

    def _feed(self, stock: Connection, data: bytes) -> None:
        self._owed = _left(self._owed, len(data))
        stock.data_received(data)
        if not stock.is_idle:
            self.due = 0.0

    def _is_done(self, stock: Connection) -> bool:
        """Whether the stock handler has done what it was given; it may stay for the next of its kind."""
        return self._owed == 0 and stock.is_done

    def _leave_stock(self) -> None:
        if self.stock is not None:
            self.stock.leave()
            self.stock = None

    def done(
        self, *, keep: bool, left: int | None = 0, hears_end: Callable[[bytes], bool] | None = None
    ) -> None:
        """The exchange has ended: see `Client`."""
        self._exchange = None
        if keep:
            self.due = self._fronts.idle_until
            if self.paused and len(self.buffer) <= HELD:
                self.resume_reading()
            if self.buffer and not self.full:
                self._next()
        elif left == 0:
            self.force_close()
        else:
            # closed under what is still sent, the connection would be reset, and the answer lost with it
            self._ending, self.buffer = True, b""
            self.resume_reading()
            self._hears_end = hears_end
            self._owed = LINGERING if left is None else min(left, LINGERING)
            self.due = self._fronts.now + LINGER

    def _next(self) -> None:
        """What came meanwhile."""
        if self.buffer:
            data, self.buffer = self.buffer, b""
            self.resume_reading()
            self._read(data, 0)

    def _drop(self, data: bytes) -> None:
        self._owed = (self._owed or 0) - len(data)
        if self._owed <= 0 or (self._hears_end is not None and self._hears_end(data)):
            self.force_close()

    # --- what an exchange asks of it, and who ends the gateway

    @property
    def closing(self) -> bool:
        """Whether this request is its last."""
        return self._fronts.closing

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request; one whose head has begun to arrive waits for it too."""
        if self._exchange is not None or self._ending:
            return False
        return self.stock is None or self.stock.is_idle

    @property
    def undelivered(self) -> int:
        return undelivered(self._transport) + len(self._answers)

    def write(self, data: bytes) -> None:
        if self._answers:
            data, self._answers = self._answers + data, b""
        self._transport.write(data)

    def write_whole(self, answer: bytes) -> None:
        """One that is the last of its exchange: nothing depends on when it goes out in this turn."""
        if self._answers:
            self._answers += answer
        else:
            self._answers = answer
            self._fronts.outbox.send(self._write_answers)

    def _write_answers(self) -> None:
        if self._answers:
            self.write(b"")

    def pause_reading(self) -> None:
        if not self.paused:
            self.paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.paused:
            self.paused = False
            self._transport.resume_reading()

    def force_close(self) -> None:
        """Once all is written; who takes nothing of it is cut off."""
        self._ending = True
        self._write_answers()
        self._owed = self.undelivered
        self.due = self._fronts.now + UNREAD
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def reset(self) -> None:
        reset(self._transport)

    # --- time

    def look(self, now: float) -> None:
        """What the time that has passed means; called when it is due."""
        if self._exchange is not None:
            if self.paused and has_left(self._transport):
                self.abort()
            else:
                self._exchange.look(now)
        elif self._ending:
            self._look_at_end()
        elif self.stock is None or self.buffer:
            self.force_close()
        elif self._is_done(self.stock):
            self._leave_stock()
            self.due = self._fronts.idle_until
        elif not self.stock.is_idle:
            self.due = 0.0
        elif not self.due:
            self.due = self._fronts.idle_until
        else:
            self.force_close()

    def _look_at_end(self) -> None:
        if not self._transport.is_closing():
            self.force_close()
            return
        left = self.undelivered
        if left > max(0, (self._owed or 0) - int(RATE * UNREAD)):
            self.reset()
        self._owed = left
        self.due = self._fronts.now + UNREAD


def _left(owed: int | None, size: int) -> int | None:
    """What is owed after so many bytes; None: more came than one request, or nobody knows."""
    return None if owed is None or size > owed else owed - size
