"""How long sessions live: limits, clocks that step, slow requests, and values that are not what they were."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from gateway.errors import InvalidGrantError, StoreUnavailableError
from gateway.proxy.decide import Matched
from gateway.proxy.streams import Alive, Streams
from gateway.records import LiveBook, LiveSignIn, Mode
from gateway.session_life import SIGN_IN, person_of, place_of
from gateway.session_limits import SessionLimits
from gateway.store import Store
from tests.redis_server import RedisServer
from tests.sessions_parts import BOOK, LIMITS, Parts, loaded, loaded_book
from tests.test_decide import matched

OPENED = matched()

HOUR = 3600


@contextmanager
def stepped(parts: Parts, seconds: float) -> Generator[None]:
    parts.clock.now += seconds
    try:
        yield
    finally:
        parts.clock.now -= seconds


class TestClock:
    @pytest.mark.parametrize("step", [HOUR, -HOUR])
    @pytest.mark.parametrize("own_device", [True, False])
    async def test_a_step_of_an_hour_ends_nobody(self, store: Store, step: int, *, own_device: bool) -> None:
        """Lives as they are in service: an hour is all that a shared device may idle."""
        parts = Parts.on(store, limits=SessionLimits())
        parent = await parts.signed_in(own_device=own_device)
        child = await parts.book(parent)
        await parts.passes(1800)
        with stepped(parts, step):
            assert await loaded_book(parts, child) is not None, "at once"
            for _ in range(5):
                await parts.passes(1700)
                assert await loaded_book(parts, child) is not None, "in use"
        for _ in range(5):
            assert await loaded_book(parts, child) is not None, "and after it stepped back"
            await parts.passes(1700)
        assert await loaded(parts, parent) is not None

    @pytest.mark.parametrize("step", [HOUR, -HOUR])
    async def test_nor_does_it_lengthen_anything(self, store: Store, step: int) -> None:
        parts = Parts.on(store, limits=SessionLimits())
        parent = await parts.signed_in(own_device=False)
        with stepped(parts, step):
            await loaded(parts, parent)
            await parts.passes(HOUR)
            assert await loaded(parts, parent) is None, "idle"
        lasting = await parts.signed_in(own_device=False)
        for _ in range(23):
            await parts.passes(1800)
            assert await loaded(parts, lasting) is not None
        with stepped(parts, step):
            await loaded(parts, lasting)
            await parts.passes(1799)
            await loaded(parts, lasting)
            await parts.passes(1)
            assert await loaded(parts, lasting) is None, "absolute"
        assert await loaded(parts, lasting) is None

    async def test_a_redis_whose_clock_was_ahead_is_written_to_again(self, parts: Parts) -> None:
        """A replica took over, and what was seen last is in its future: signs of life do not wait."""
        live = await parts.signed_in()
        name = place_of(SIGN_IN, live.key).record
        assert await parts.store.touch(
            place_of(SIGN_IN, live.key),
            LIMITS.sign_in,
            await value(parts, live),
            {"seen": int(time.time()) + HOUR},
        )
        assert await loaded(parts, live) == live
        (found,), _ = await parts.store.look([name], person_of(live.key))
        assert found.age in {0, 1}

    async def test_gateways_whose_clocks_differ_agree(self, store: Store) -> None:
        one, other = Parts.on(store), Parts.on(store)
        other.clock.now += 300
        live = await one.signed_in(own_device=False)
        assert await loaded(other, live) == live
        late = await other.signed_in(own_device=False)
        assert await loaded(one, late) == late


async def value(parts: Parts, live: LiveSignIn) -> bytes:
    (found,), _ = await parts.store.look([place_of(SIGN_IN, live.key).record], person_of(live.key))
    assert found.value is not None
    return found.value


class TestWrites:
    async def test_idle_times_slide_with_few_writes(self, parts: Parts, redis_url: str) -> None:
        """An hour of a class: 60 requests a minute of one reader."""
        child = await parts.book(await parts.signed_in())

        async def writes() -> int:
            async with Redis.from_url(redis_url) as other:
                return int((await other.info("commandstats"))["cmdstat_hset"]["calls"])

        before = await writes()
        for _ in range(60):
            await asyncio.gather(*(loaded_book(parts, child) for _ in range(60)))
            await parts.passes(10)
        # a twentieth of the shortest idle time for the book (10 s), of its own for the parent (50 s)
        assert await writes() - before <= 60 + 12

    async def test_redis_that_takes_no_writes_ends_nobody(self, redis_server: RedisServer) -> None:
        store = Store.open(redis_server.url, "own:", 5.0)
        parts = Parts.on(store)
        child = await parts.book()
        await parts.passes(100)
        assert redis_server.command("CONFIG SET maxmemory 1") == b"+OK\r\n"
        assert await loaded_book(parts, child) is not None
        with pytest.raises(StoreUnavailableError):
            await parts.signed_in()
        assert redis_server.command("CONFIG SET maxmemory 0") == b"+OK\r\n"
        await loaded_book(parts, child)
        await parts.passes(150)
        assert await loaded_book(parts, child) is not None
        await store.close()


@dataclass
class Both:
    parts: Parts
    parent: LiveSignIn
    book: LiveBook


Slow = Callable[[Both], Awaitable[object]]
SLOW: dict[str, Slow] = {
    "a sign of life": lambda of: loaded_book(of.parts, of.book),
    "of the parent": lambda of: loaded(of.parts, of.parent),
    "the tick": lambda of: of.parts.sessions.set_own_device(of.parent, own_device=False),
    "the cookie came back": lambda of: of.parts.sessions.remember_cookie_mode(of.parent.key, BOOK),
    "tokens": lambda of: of.parts.grants.issue_tokens(of.book),
    "confirm": lambda of: of.parts.sessions.confirm_book(of.book.key, Mode.COOKIE),
    "confirm in token mode": lambda of: of.parts.sessions.confirm_book(of.book.key, Mode.DPOP),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("mode", [Mode.COOKIE, Mode.PENDING])
async def test_a_slow_request_brings_nothing_back(parts: Parts, slow: Slow, mode: Mode) -> None:
    """It runs one step further each time before the end overtakes it."""
    for steps in range(25):
        parent = await parts.signed_in()
        book = await parts.book(parent, mode)
        await parts.passes(55)
        task = asyncio.ensure_future(slow(Both(parts, parent, book)))
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.gather(parts.sessions.end_sign_in(parent.key), parts.sessions.end_book(book.key))
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert not isinstance(result, BaseException) or isinstance(result, InvalidGrantError)
        assert await loaded(parts, parent) is None
        assert await parts.found(book) is None
        assert await parts.sessions.of_person("ada") == []


class TestStreams:
    """An open stream is looked at each second; here as fast as it goes."""

    async def test_it_keeps_its_session_alive(self, parts: Parts) -> None:
        child = await parts.book(await parts.signed_in(own_device=False))
        looked, cut = asyncio.Event(), asyncio.Event()

        async def still_alive(live: Alive, _: Matched) -> bool:
            assert isinstance(live, LiveBook)
            alive = await parts.found(live) is not None
            looked.set()
            return alive

        streams = Streams(still_alive, every=0.01)
        with streams.open(child, OPENED, cut.set):
            watch = asyncio.create_task(streams.watch())
            for _ in range(4):
                await parts.passes(LIMITS.shared_device.idle - 60)
                for _ in range(3):  # the first may have begun before, and another saw the half of it
                    looked.clear()
                    async with asyncio.timeout(20):
                        await looked.wait()
            assert await loaded_book(parts, child) is not None
            assert not cut.is_set()
            await parts.passes(LIMITS.shared_device.absolute)
            async with asyncio.timeout(20):
                await cut.wait()
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def test_it_ends_with_its_session(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        cut: list[str] = []
        streams = Streams(lambda _, __: asyncio.sleep(0, result=True))
        parts.sessions.on_end.append(streams.cut)
        books = [await parts.book(parent), await parts.book(parent)]
        with (
            streams.open(books[0], OPENED, lambda: cut.append("one")),
            streams.open(books[1], OPENED, lambda: cut.append("two")),
        ):
            await parts.sessions.end_book(books[0].key)
            assert cut == ["one"]
            await parts.sessions.end_sign_in(parent.key)
            assert sorted(cut) == ["one", "one", "two"]
