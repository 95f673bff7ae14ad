"""What is being relayed, so that it is cut when its session ends, and ended when the gateway stops."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from gateway.errors import StoreUnavailableError
from gateway.records import LiveBook

EVERY: Final = 1.0  # seconds between two looks at every open stream's session
AT_ONCE: Final = 16  # sessions that are asked about
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
        self._endless: set[Callable[[], None]] = set()
        self._ended = False

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

    async def look(self, keys: frozenset[str] | None) -> None:
        """Looks at once at the streams of these (None: at all), and ends those that may not go on.

        Where Redis does not answer the watch decides.
        """
        named = self._open if keys is None else keys & self._open.keys()
        for stream in {stream for key in named for stream in self._open[key]}:
            with suppress(StoreUnavailableError):
                if not await self._still_alive(stream.live):
                    stream.cut()

    @contextmanager
    def endless(self, end: Callable[[], None]) -> Generator[None, None, None]:
        """Registers what does not end by itself while the block runs, whoever's it is.

        end: ends it politely, so that the other side comes again; called once, at once when all were ended.
        """
        self._endless.add(end)
        try:
            if self._ended:
                end()
            yield
        finally:
            self._endless.discard(end)

    def end_all(self) -> None:
        """The gateway stops: whatever would keep it from that ends, and so does what comes yet."""
        if self._ended:
            return
        self._ended = True
        for end in tuple(self._endless):
            end()

    async def watch(self) -> None:
        """Runs until cancelled: finds sessions that ended elsewhere, and origins that lost their grant."""
        while True:
            await asyncio.sleep(self._every)
            await self._watch_once()

    async def _watch_once(self) -> None:
        """Where Redis answers none of a few, the others need not ask: each would wait as long as it may."""
        streams = list({stream for streams in self._open.values() for stream in streams})
        away = False
        for first in range(0, len(streams), AT_ONCE):
            some = streams[first : first + AT_ONCE]
            alive = [None] * len(some) if away else await asyncio.gather(*map(self._is_alive, some))
            away = away or not any(answer is not None for answer in alive)
            for stream, answer in zip(some, alive, strict=True):
                stream.doubts = stream.doubts + 1 if answer is None else 0
                if answer is False or stream.doubts >= DOUBTS:
                    stream.cut()

    async def _is_alive(self, stream: Stream) -> bool | None:
        """None: the store does not say."""
        try:
            return await self._still_alive(stream.live)
        except StoreUnavailableError:
            return None

    def _drop(self, key: str, stream: Stream) -> None:
        left = self._open[key]
        left.discard(stream)
        if not left:
            del self._open[key]
