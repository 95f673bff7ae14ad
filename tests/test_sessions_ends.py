"""Every way to end sessions: the row first, then Redis, then everybody is told, then the answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.records import LiveBook, LiveSignIn, Mode
from gateway.revocation_rules import (
    Act,
    EndAtOrigin,
    EndAtProvider,
    EndBook,
    EndPerson,
    EndProviderSession,
    EndSignIn,
)
from gateway.session_ends import GRAVE
from gateway.session_ids import slot_of
from gateway.session_life import place_of
from gateway.store import Place, Store
from tests.redis_server import RedisServer
from tests.sessions_parts import BOOK, LIMITS, Parts, loaded, loaded_book

OTHER = "https://other.example"
SID = "s" * 43


@dataclass
class Signed:
    """A person with a session of each kind."""

    parts: Parts
    parent: LiveSignIn
    book: LiveBook
    token: LiveBook

    async def alive(self) -> list[bool]:
        found = [
            await loaded(self.parts, self.parent),
            await loaded_book(self.parts, self.book),
            await self.parts.found(self.token),
        ]
        return [one is not None for one in found]


async def signed(parts: Parts, sid: str = SID) -> Signed:
    parent = await parts.signed_in(provider_session=sid)
    return Signed(parts, parent, await parts.book(parent), await parts.book(parent, Mode.DPOP, OTHER))


@dataclass(frozen=True)
class Way:
    """One way to end: the call, the acts that it notes, and who of parent, book and token lives on."""

    call: Callable[[Signed], Awaitable[object]]
    acts: Callable[[Signed], list[Act]]
    left: list[bool]
    told: Callable[[Signed], frozenset[str]] = field(default=lambda one: frozenset({one.parent.key}))


def slot(one: Signed) -> str:
    return slot_of(one.parent.key)


WAYS = {
    "browser": Way(
        lambda one: one.parts.sessions.end_sign_in(one.parent.key),
        lambda one: [EndSignIn(one.parent.key)],
        [False, False, False],
    ),
    "book": Way(
        lambda one: one.parts.sessions.end_book(one.book.key),
        lambda one: [EndBook(one.book.key)],
        [True, False, True],
        lambda one: frozenset({one.book.key}),
    ),
    "everywhere": Way(
        lambda one: one.parts.sessions.end_everywhere("ada"),
        lambda one: [EndPerson(slot(one), int(one.parts.clock()))],
        [False, False, False],
        lambda one: frozenset({slot(one)}),
    ),
    "provider": Way(
        lambda one: one.parts.sessions.end_person_at_provider("ada", "campus"),
        lambda one: [EndAtProvider(slot(one), "campus", int(one.parts.clock()) + 1)],
        [False, False, False],
    ),
    "consent": Way(
        lambda one: one.parts.sessions.end_books("ada", OTHER),
        lambda one: [EndAtOrigin(slot(one), OTHER, int(one.parts.clock()) + 1)],
        [True, True, False],
        lambda one: frozenset({one.token.key}),
    ),
    "session at the provider": Way(
        lambda one: one.parts.sessions.end_provider_session(SID, signed=True),
        lambda one: [EndProviderSession(SID), EndSignIn(one.parent.key)],
        [False, False, False],
    ),
    "replaced": Way(
        lambda one: one.parts.signed_in("ben", replaces=one.parent.id),
        lambda one: [EndSignIn(one.parent.key)],
        [False, False, False],
    ),
}
EACH = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def listen(parts: Parts) -> list[tuple[str, frozenset[str]]]:
    """Who is told what, in order."""
    told: list[tuple[str, frozenset[str]]] = []

    async def announce(ended: frozenset[str]) -> None:
        told.append(("others", ended))

    parts.sessions.on_end.append(lambda ended: told.append(("streams", ended)))
    parts.sessions.announce = announce
    return told


@EACH
async def test_the_row_is_written_first_and_everybody_is_told_before_the_answer(
    parts: Parts, way: Way
) -> None:
    one, told = await signed(parts), listen(parts)
    alive_at_the_row: list[bool] = []
    note = parts.journal.note

    async def noted(acts: list[Act], ends: int) -> None:
        alive_at_the_row.extend(await one.alive())
        await note(acts, ends)

    parts.journal.note = noted  # type: ignore[assignment]
    await way.call(one)
    assert alive_at_the_row == [True, True, True]
    assert parts.journal.acts == way.acts(one)
    assert told == [("streams", way.told(one)), ("others", way.told(one))]
    assert await one.alive() == way.left
    longest = max(life.absolute for life in (LIMITS.sign_in, LIMITS.book, LIMITS.guest))
    assert parts.journal.ends == [int(parts.clock()) + longest + 86400]


@EACH
async def test_the_directory_away_ends_them_all_the_same_and_is_told(parts: Parts, way: Way) -> None:
    one, told = await signed(parts), listen(parts)
    parts.journal.down = True
    with pytest.raises(DirectoryUnavailableError):
        await way.call(one)
    assert await one.alive() == way.left
    assert told == [("streams", way.told(one)), ("others", way.told(one))]
    parts.journal.down = False
    again = await signed(parts, "t" * 43)
    assert await again.alive() == [True, True, True], "whoever signs in in the same second stays"


@pytest.fixture
async def hurt(redis_server: RedisServer) -> AsyncIterator[Parts]:
    """On a Redis that the test may hurt, with the deadline of service."""
    store = Store.open(redis_server.url, "own:", 0.25)
    yield Parts.on(store)
    await store.close()


async def soon(call: Callable[[], Awaitable[object]]) -> None:
    """As soon as Redis answers again."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            await call()
        except StoreUnavailableError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("Redis did not come back")


@EACH
async def test_redis_away_is_told_and_the_row_is_done_when_it_is_back(
    hurt: Parts, redis_server: RedisServer, way: Way
) -> None:
    one = await signed(hurt)
    redis_server.freeze()
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        await way.call(one)
    waited = time.monotonic() - began
    assert waited < 1.0, "every answer within a second"
    redis_server.thaw()
    noted = list(hurt.journal.acts)
    assert noted == way.acts(one)[:1], "Redis cannot say what more there is"
    await soon(hurt.store.ping)
    for act in noted:
        await hurt.sessions.apply(act)
    assert await one.alive() == way.left


@EACH
async def test_a_request_that_is_given_up_ends_them_all_the_same(parts: Parts, way: Way) -> None:
    one, told = await signed(parts), listen(parts)
    task = asyncio.ensure_future(way.call(one))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await parts.sessions.close()
    assert await one.alive() == way.left
    assert told == [("streams", way.told(one)), ("others", way.told(one))]


@EACH
async def test_what_a_fail_over_brought_back_is_ended_by_its_rows(parts: Parts, way: Way) -> None:
    """The replica never heard of the end: every key is as it was before."""
    one = await signed(parts)
    await one.alive()
    before = await copy_of(parts)
    await way.call(one)
    await bring_back(parts, before)
    assert await one.alive() == [True, True, True], "the test brings them back"
    await replay(parts)
    assert await one.alive() == way.left
    again = await signed(parts, "t" * 43)
    await replay(parts)
    assert await again.alive() == [True, True, True], "what began after the end stays"
    assert await one.alive() == way.left


async def replay(parts: Parts) -> None:
    for act in tuple(parts.journal.acts):
        await parts.sessions.apply(act)


Copy = dict[bytes, tuple[bytes, int]]


async def copy_of(parts: Parts) -> Copy:
    async def read(redis: "Redis") -> Copy:
        return {key: (await redis.dump(key) or b"", await redis.pttl(key)) for key in await parts.keys(redis)}

    return await parts.store.connection.do(read)


async def bring_back(parts: Parts, copy: Copy) -> None:
    async def write(redis: "Redis") -> None:
        for key in await parts.keys(redis):
            await redis.delete(key)
        for key, (value, left) in copy.items():
            await redis.restore(key, left, value)

    await parts.store.connection.do(write)


@pytest.mark.parametrize("ahead", [0, 3600])
@pytest.mark.parametrize("kind", ["provider", "origin"])
async def test_an_end_is_above_the_one_before_it(parts: Parts, kind: str, ahead: int) -> None:
    """What began after an earlier end is ended by the next: in one second, or after a clock was ahead."""

    async def end() -> None:
        if kind == "provider":
            await parts.sessions.end_person_at_provider("ada", "campus")
        else:
            await parts.sessions.end_books("ada", BOOK)

    parts.clock.now += ahead
    await end()
    parts.clock.now -= ahead
    for _ in range(3):
        book = await parts.book()
        assert await parts.found(book) is not None
        await end()
        assert await parts.found(book) is None


async def test_a_book_that_is_confirmed_while_it_is_ended_ends_too(parts: Parts, redis_url: str) -> None:
    """A code that is used twice ends what is being confirmed just then: in token mode under a new key."""
    begun = await parts.book(mode=Mode.PENDING)

    class Between(Store):
        """Confirmed at the last moment: it was asked before where the session went."""

        async def bury(self, place: Place, seconds: int) -> bool:
            confirmed.append(await parts.sessions.confirm_book(begun.key, Mode.DPOP))
            return await super().bury(place, seconds)

    confirmed: list[LiveBook | None] = []
    between = Between.open(redis_url, parts.prefix, 5.0)
    try:
        ended = await parts.sessions.apply(EndBook(begun.key), between)
    finally:
        await between.close()
    live = confirmed[0]
    assert live is not None
    assert await parts.found(live) is None
    assert ended == {begun.key, live.key}


async def test_where_a_book_went_is_known_until_it_has_ended_there(parts: Parts) -> None:
    """A gateway that dies between the two keys: the row is done again, by the old one."""
    begun = await parts.book(mode=Mode.PENDING)
    live = await parts.sessions.confirm_book(begun.key, Mode.DPOP)
    assert live is not None
    await parts.store.bury(place_of("b", begun.key), GRAVE)
    await parts.sessions.apply(EndBook(begun.key))
    assert await parts.found(live) is None
