"""What is being relayed, so that it is cut when its session ends, and ended when the gateway stops."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.known import Known
from gateway.personal_tokens import PersonalToken
from gateway.proxy.decide import Matched
from gateway.records import LiveBook

EVERY: Final = 1.0  # seconds between two looks at every open stream's session
AT_ONCE: Final = 16  # sessions that are asked about
DOUBTS: Final = 2  # looks that may fail before a stream is cut: what cannot be proved does not go on

Alive = LiveBook | PersonalToken
StillAlive = Callable[[Alive, Matched], Awaitable[bool]]


class Stream(Protocol):
    """What is open in a session's name, and the request that opened it."""

    @property
    def matched(self) -> Matched: ...

    def cut(self) -> None:
        """Ends it at once; may be called twice."""


class Endless(Protocol):
    """What does not end by itself."""

    def end_politely(self) -> None:
        """So that the other side comes again."""


@dataclass(slots=True, eq=False)
class _Handle:
    """What a task of aiohttp's is known by."""

    matched: Matched
    cut: Callable[[], None]


@dataclass(slots=True, eq=False)
class _EndlessHandle:
    end_politely: Callable[[], None]


@dataclass(slots=True, eq=False)
class _Kept:
    """doubts: looks that found nothing out, the last ones."""

    live: Alive
    matched: Matched
    doubts: int = 0


class Streams:
    """still_alive: whether a session (loaded anew), its origin's policy and the route still allow it."""

    def __init__(self, still_alive: StillAlive, every: float = EVERY) -> None:
        self._still_alive = still_alive
        self._every = every
        # Nearly all that is opened ends before anybody asks for it: only what is asked for finds its way
        # into the index.
        self._fresh: dict[Stream, Alive | Known] = {}
        self._kept: dict[Stream, _Kept] = {}
        self._by_key: dict[str, set[Stream]] = {}
        self._endless: set[Endless] = set()
        self._ended = False
        self.keeps = True  # connections, after their requests

    def enter(self, stream: Stream, session: Alive | Known) -> None:
        """Registers what is opened in a session's name, until it leaves."""
        self._fresh[stream] = session

    def leave(self, stream: Stream) -> None:
        """Harmless when it was never there."""
        if self._fresh.pop(stream, None) is not None:
            return
        kept = self._kept.pop(stream, None)
        for key in () if kept is None else kept.live.ended_by:
            left = self._by_key[key]
            left.discard(stream)
            if not left:
                del self._by_key[key]

    def stay(self, endless: Endless) -> None:
        """Registers what does not end by itself, whoever's it is; ended at once when all were."""
        self._endless.add(endless)
        if self._ended:
            endless.end_politely()

    def go(self, endless: Endless) -> None:
        self._endless.discard(endless)

    @contextmanager
    def open(
        self, live: Alive | None, matched: Matched, cut: Callable[[], None]
    ) -> Generator[None, None, None]:
        """Both, around a block; a stream of nobody cannot end with a session."""
        if live is None:
            yield
            return
        stream = _Handle(matched, cut)
        self.enter(stream, live)
        try:
            yield
        finally:
            self.leave(stream)

    @contextmanager
    def endless(self, end: Callable[[], None]) -> Generator[None, None, None]:
        """Both, around a block. end: called once."""
        endless = _EndlessHandle(end)
        try:
            self.stay(endless)
            yield
        finally:
            self.go(endless)

    def keep_no_more(self) -> None:
        """The gateway will stop: each answer is the last of its connection."""
        self.keeps = False

    def cut(self, keys: Iterable[str]) -> None:
        """Ends every stream of these sessions, of their children, or of a person's slot."""
        self._settle()
        for key in keys:
            for stream in tuple(self._by_key.get(key, ())):
                stream.cut()

    async def look(self, keys: frozenset[str] | None) -> None:
        """Looks at once at the streams of these (None: at all), and ends those that may not go on.

        Where nobody answers the watch decides.
        """
        self._settle()
        named = self._by_key if keys is None else keys & self._by_key.keys()
        for stream in {stream for key in named for stream in self._by_key[key]}:
            kept = self._kept.get(stream)  # it may have ended meanwhile
            with suppress(StoreUnavailableError, DirectoryUnavailableError):
                if kept is not None and not await self._still_alive(kept.live, kept.matched):
                    stream.cut()

    def end_all(self) -> None:
        """The gateway stops: whatever would keep it from that ends, and so does what comes yet."""
        if self._ended:
            return
        self._ended = True
        for endless in tuple(self._endless):
            endless.end_politely()

    async def watch(self) -> None:
        """Runs until cancelled: finds sessions that ended elsewhere, and origins that lost their grant."""
        while True:
            await asyncio.sleep(self._every)
            await self._watch_once()

    async def _watch_once(self) -> None:
        """Where Redis answers none of a few, the others need not ask: each would wait as long as it may."""
        self._settle()
        streams = list(self._kept.items())
        away = False
        for first in range(0, len(streams), AT_ONCE):
            some = streams[first : first + AT_ONCE]
            alive = (
                [None] * len(some)
                if away
                else await asyncio.gather(*(self._is_alive(kept) for _, kept in some))
            )
            away = away or not any(answer is not None for answer in alive)
            for (stream, kept), answer in zip(some, alive, strict=True):
                kept.doubts = kept.doubts + 1 if answer is None else 0
                if answer is False or kept.doubts >= DOUBTS:
                    stream.cut()

    async def _is_alive(self, kept: _Kept) -> bool | None:
        """None: the store does not say."""
        try:
            return await self._still_alive(kept.live, kept.matched)
        except (StoreUnavailableError, DirectoryUnavailableError):
            return None

    def _settle(self) -> None:
        """What is fresh can be found by its keys from now on."""
        for stream, session in self._fresh.items():
            live = session.live if isinstance(session, Known) else session
            self._kept[stream] = _Kept(live, stream.matched)
            for key in live.ended_by:
                self._by_key.setdefault(key, set()).add(stream)
        self._fresh.clear()
