"""Sessions and grants on a real Redis, with a clock that a test turns."""

import os
import time
from dataclasses import dataclass, field

from gateway.grants import Grants
from gateway.records import Book, LiveBook, LiveSignIn, Mode
from gateway.sealing import Sealer
from gateway.session_limits import Life, SessionLimits
from gateway.sessions import Sessions
from gateway.store import Store

BOOK = "https://book.example"
ROOT = b"r" * 32
LIMITS = SessionLimits(
    sign_in=Life(1000, 5000),
    book=Life(800, 4000),
    shared_device=Life(200, 600),
    access=600,
    guest=Life(900, 3000),
)


@dataclass
class Clock:
    now: float = field(default_factory=lambda: float(int(time.time())))

    def __call__(self) -> float:
        return self.now


@dataclass
class Parts:
    store: Store
    sealer: Sealer
    clock: Clock
    sessions: Sessions
    grants: Grants

    @classmethod
    def on(cls, store: Store, root: bytes = ROOT, previous: tuple[bytes, ...] = ()) -> "Parts":
        clock, sealer = Clock(), Sealer(root, previous, os.urandom)
        return cls(
            store,
            sealer,
            clock,
            Sessions(store, sealer, LIMITS, clock, os.urandom),
            Grants(store, sealer, clock, os.urandom, LIMITS.access),
        )

    async def signed_in(
        self, person: str = "ada", *, own_device: bool = True, replaces: str | None = None
    ) -> LiveSignIn:
        return await self.sessions.begin_sign_in(
            person, person.title(), "campus", int(self.clock()), own_device=own_device, replaces=replaces
        )

    async def book(
        self,
        parent: LiveSignIn | None = None,
        mode: Mode = Mode.COOKIE,
        origin: str = BOOK,
        jkt: str | None = None,
        *,
        approved: bool = False,
    ) -> LiveBook:
        """A book session, confirmed; its id is what the cookie holds."""
        above = parent or await self.signed_in()
        begun = await self.sessions.begin_book(above, origin, jkt, approved=approved)
        if mode is Mode.PENDING:
            return begun
        live = await self.sessions.confirm_book(begun.key, mode)
        assert live is not None
        return LiveBook(begun.id, live.key, live.record, live.parent)

    async def found_live(self, live: LiveBook) -> LiveBook:
        again = await self.sessions.load_book_key(live.key, live.record.parent)
        assert again is not None
        return again

    async def found(self, live: LiveBook) -> Book | None:
        """The session as a request would find it now."""
        again = await self.sessions.load_book_key(live.key, live.record.parent)
        return None if again is None else again.record


async def loaded(parts: Parts, live: LiveSignIn) -> LiveSignIn | None:
    """The session as its cookie would find it now."""
    assert live.id is not None
    return await parts.sessions.load_sign_in(live.id)


async def loaded_book(parts: Parts, live: LiveBook) -> LiveBook | None:
    assert live.id is not None
    return await parts.sessions.load_book(live.id)
