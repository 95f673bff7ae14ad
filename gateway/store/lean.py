"""One connection to a master over which many ask at once: what one turn of the loop asks is one write.

It speaks RESP3, so that the master says over it too which keys have changed: a reply that was read before a
change always comes before the word of that change.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from hiredis import ProtocolError, PushNotification, Reader, ReplyError

Reply = object  # of hiredis: bytes, int, None, lists of them; a ReplyError or an OSError as a value
Done = Callable[[Reply], None]

MOST: Final = 10_000  # questions on their way: with more the master does not keep up
_NOTHING: Final = object()


class LeanConnection(asyncio.Protocol):
    """Replies come in the order of the questions, and each question waits for its own, wanted or not.

    deadline: seconds that a reply may take. on_push: told what comes unasked. on_lost: told that it
    is lost, before anybody who waits for a reply is.
    """

    def __init__(
        self, deadline: float, on_push: Callable[[Sequence[Reply]], None], on_lost: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = deadline
        self._on_push = on_push
        self._on_lost = on_lost
        self._reader = Reader(notEnoughData=_NOTHING)
        self._transport: asyncio.WriteTransport | None = None
        self._is_believed = True
        self._outgoing: list[bytes] = []
        self._waiting: deque[tuple[float, Done]] = deque()
        self.closed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= MOST

    def ask(self, command: bytes, done: Done) -> None:
        """command: packed. done: called once with the reply, never from in here.

        With a ReplyError where the master says so; with an OSError (TimeoutError) where no reply will come.
        """
        if self._transport is None:
            self._loop.call_soon(done, _lost())
            return
        if not self._outgoing:
            self._loop.call_soon(self._write)
        self._outgoing.append(command)
        self._waiting.append((self._loop.time(), done))

    async def say(self, *words: str | int) -> Reply:
        """The reply to one command. ReplyError, OSError."""
        answer: asyncio.Future[Reply] = self._loop.create_future()

        def done(reply: Reply) -> None:
            if not answer.done():
                answer.set_result(reply)

        self.ask(packed(*words), done)
        reply = await answer
        if isinstance(reply, ReplyError | OSError):
            raise reply
        return reply

    def sweep(self) -> None:
        """To be called now and then: a reply that is overdue is the end of the connection."""
        late = self._loop.time() - self._deadline
        if self._waiting and self._waiting[0][0] < late:
            while self._waiting and self._waiting[0][0] < late:
                self._loop.call_soon(self._waiting.popleft()[1], TimeoutError("no reply in time"))
            self.abort()

    def abort(self) -> None:
        """At once, also when the other side hangs: no reply is believed any more. Who waits is told soon."""
        self._is_believed = False
        if self._transport is not None:
            self._transport.abort()

    def _write(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None:
            self._transport.write(b"".join(outgoing))

    # -- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._read(data)
        except ProtocolError:
            self.abort()

    def _read(self, data: bytes) -> None:
        """ProtocolError: that is not how Redis speaks."""
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while self._is_believed and (reply := reader.gets()) is not _NOTHING:
            if type(reply) is PushNotification:
                self._on_push(reply)
            elif waiting:
                waiting.popleft()[1](reply)
            else:
                raise ProtocolError("a reply that nobody waits for")

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self.closed.set()
        self._on_lost()
        while self._waiting:
            self._loop.call_soon(self._waiting.popleft()[1], _lost())


def _lost() -> OSError:
    return ConnectionResetError("the connection was lost")


def packed(*words: str | int) -> bytes:
    """A command as an array of bulk strings."""
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
