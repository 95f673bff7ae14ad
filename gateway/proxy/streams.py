"""What is being relayed under a session, so that it is cut when the session ends."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from gateway.errors import StoreUnavailableError
from gateway.records import LiveBook

EVERY: Final = 1.0  # seconds between two looks at every open stream's session
DOUBTS: Final = 2  # looks that may fail before a stream is cut: what cannot be proved does not go on

StillAlive = Callable[[LiveBook], Awaitable[bool]]


@dataclass(slots=True, eq=False)
class Stream:
    """One open stream; cut: ends it at once, and may be called twice."""

    live: LiveBook
    cut: Callable[[], None]
    doubts: int = 0


class Streams:
    """still_alive: whether a session (loaded anew) and its origin's policy still allow what is open."""

    def __init__(self, still_alive: StillAlive, every: float = EVERY) -> None:
        self._still_alive = still_alive
        self._every = every
        self._open: dict[str, set[Stream]] = {}

    @contextmanager
    def open(self, live: LiveBook | None, cut: Callable[[], None]) -> Generator[None, None, None]:
        """Registers a stream while the block runs; a stream of nobody cannot end with a session."""
        if live is None:
            yield
            return
        stream = Stream(live, cut)
        for key in live.ended_by:
            self._open.setdefault(key, set()).add(stream)
        try:
            yield
        finally:
            for key in live.ended_by:
                self._drop(key, stream)

    def cut(self, keys: Iterable[str]) -> None:
        """Ends every stream of these sessions, of their children, or of a person's slot."""
        for key in keys:
            for stream in tuple(self._open.get(key, ())):
                stream.cut()

    def cut_all(self) -> None:
        self.cut(tuple(self._open))

    async def watch(self) -> None:
        """Runs until cancelled: finds sessions that ended elsewhere, and origins that lost their grant."""
        while True:
            await asyncio.sleep(self._every)
            for stream in {stream for streams in self._open.values() for stream in streams}:
                if not await self._is_alive(stream):
                    stream.cut()

    async def _is_alive(self, stream: Stream) -> bool:
        try:
            alive = await self._still_alive(stream.live)
        except StoreUnavailableError:
            stream.doubts += 1
            return stream.doubts < DOUBTS
        stream.doubts = 0
        return alive

    def _drop(self, key: str, stream: Stream) -> None:
        left = self._open[key]
        left.discard(stream)
        if not left:
            del self._open[key]
