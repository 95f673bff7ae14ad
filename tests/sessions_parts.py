"""Sessions and grants on a real Redis, with clocks that a test turns and a journal that it reads."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from redis.asyncio import Redis

from gateway.errors import DirectoryUnavailableError
from gateway.grants import Grants
from gateway.quick_sessions import QuickSessions
from gateway.records import Book, LiveBook, LiveSignIn, Mode
from gateway.revocation_rules import Act, EndPerson
from gateway.sealing import Sealer
from gateway.session_life import LOOKED_AT
from gateway.session_limits import Life, SessionLimits
from gateway.sessions import Sessions
from gateway.store import Looks, Store

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


class Silence:
    """A link over which nothing comes."""

    last_beat = float("-inf")


@dataclass
class Notes:
    """A journal in memory; order: what the test wants to know the order of."""

    acts: list[Act] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    down: bool = False

    async def note(self, acts: Sequence[Act], ends: int) -> None:
        if self.down:
            raise DirectoryUnavailableError("down")
        self.order.append("row")
        self.acts += acts
        self.ends.append(ends)

    async def raise_epoch(self, slots: Sequence[str], floor: Mapping[str, int], ends: int) -> dict[str, int]:
        noted = [act for act in self.acts if isinstance(act, EndPerson)]
        acts = [
            EndPerson(slot, max([floor[slot], *(act.epoch for act in noted if act.slot == slot)]) + 1)
            for slot in slots
        ]
        await self.note(acts, ends)
        return {act.slot: act.epoch for act in acts}


@dataclass
class Parts:
    store: Store
    sealer: Sealer
    clock: Clock
    sessions: Sessions
    grants: Grants
    journal: Notes

    @classmethod
    def on(
        cls,
        store: Store,
        root: bytes = ROOT,
        previous: tuple[bytes, ...] = (),
        limits: SessionLimits = LIMITS,
    ) -> "Parts":
        clock, sealer, journal = Clock(), Sealer(root, previous, os.urandom), Notes()
        return cls(
            store,
            sealer,
            clock,
            Sessions(store, sealer, limits, clock, os.urandom, journal),
            Grants(store, sealer, clock, os.urandom, limits.access, store.put_new),
            journal,
        )

    def quick(self) -> QuickSessions:
        """As the data path asks, by the way of all operations: nobody tells what changes."""
        return QuickSessions(self.sessions, self.sealer, Looks(self.store, Silence(), LOOKED_AT))

    async def passes(self, seconds: int) -> None:
        """So much time goes by: the gateway's clock moves on, and for Redis everything is older by as much.

        `clock.now += seconds` alone is a clock that steps.
        """
        self.clock.now += seconds

        async def age(redis: "Redis") -> None:
            for key in await self.keys(redis):
                await age_key(redis, key, seconds)

        await self.store.connection.do(age)

    @property
    def prefix(self) -> str:
        return self.store._prefix  # ruff: ignore[private-member-access]

    async def keys(self, redis: "Redis") -> list[bytes]:
        """All that is kept in Redis for this test."""
        return list({key async for key in redis.scan_iter(match=f"{self.prefix}*")})  # it may tell one twice

    async def signed_in(
        self,
        person: str = "ada",
        *,
        own_device: bool = True,
        replaces: str | None = None,
        provider: str = "campus",
        device: str | None = None,
        provider_session: str | None = None,
    ) -> LiveSignIn:
        return await self.sessions.begin_sign_in(
            person,
            person.title(),
            provider,
            int(self.clock()),
            own_device=own_device,
            replaces=replaces,
            device=device,
            provider_session=provider_session,
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


async def age_key(redis: "Redis", key: bytes, seconds: int) -> None:
    """As if it had been written so long ago."""
    life = await redis.pttl(key)
    left = life - seconds * 1000
    kind = await redis.type(key)
    if left <= 0 <= life:
        await redis.delete(key)
        return
    if kind == b"hash":
        for name in ("seen", "born"):
            if await redis.hexists(key, name):
                await redis.hincrby(key, name, -seconds)
    elif kind == b"zset":
        for member in cast("list[bytes]", await redis.zrange(key, 0, -1)):
            await redis.zincrby(key, -seconds, member)
    if left > 0:
        await redis.pexpire(key, left)


async def loaded(parts: Parts, live: LiveSignIn) -> LiveSignIn | None:
    """The session as its cookie would find it now."""
    assert live.id is not None
    return await parts.sessions.load_sign_in(live.id)


async def loaded_book(parts: Parts, live: LiveBook) -> LiveBook | None:
    assert live.id is not None
    return await parts.sessions.load_book(live.id)
