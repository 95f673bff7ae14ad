"""A renewal whose worker dies, or is late."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
import pytest
from aiohttp import web
from redis.asyncio import Redis

from gateway.provider_tokens.kept import place
from gateway.records import LiveSignIn
from gateway.store.locks import Held
from tests.campus_of_liars import Campus, campus_of_liars
from tests.lying_provider import LIFE
from tests.sessions_parts import loaded
from tests.token_workers import Worker, two_workers

OVER = LIFE + 1


@pytest.fixture
async def campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars(3.0) as opened:
        yield opened


@pytest.fixture
async def workers(campus: Campus, redis_url: str, prefix: str) -> AsyncIterator[tuple[Worker, Worker]]:
    async with two_workers(redis_url, prefix, campus) as both:
        yield both


async def test_another_takes_over_from_a_dead_one(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    live = await workers[0].sign_in(campus)
    campus.clock.ahead = OVER
    # killed before it asked: its lock stays for the rest of its life, and nobody renews it
    await workers[0].locked.acquire(place(live.key), "dead", 0.8)
    began = time.monotonic()
    assert await workers[1].tokens.fresh(live) == "access-1"
    took = time.monotonic() - began
    print(f"taken over {took:.2f} s after the death (life 0.8 s)")  # ruff: ignore[print]
    assert took >= 0.7
    assert campus.liar.grants["refresh_token"] == 1


async def test_a_lock_is_renewed_while_the_provider_takes_its_time(redis_url: str, prefix: str) -> None:
    async with (
        campus_of_liars(60) as campus,
        two_workers(redis_url, prefix, campus, lock_life=2) as (one, other),
    ):
        live = await one.sign_in(campus)
        campus.clock.ahead = OVER
        reached = asyncio.Event()

        async def take_long() -> None:
            reached.set()
            await asyncio.sleep(4.5)  # more than two lives

        campus.liar.before_refreshed = take_long
        asking = asyncio.create_task(one.tokens.fresh(live))
        await reached.wait()
        assert await other.tokens.fresh(live) == "access-1"
        assert await asking == "access-1"
        assert campus.liar.grants["refresh_token"] == 1


async def test_a_late_worker_does_not_overwrite_what_came_after_it(
    campus: Campus, workers: tuple[Worker, Worker], redis_url: str, prefix: str
) -> None:
    """Its loop stood still for longer than its lock lived; another worker was faster."""
    late, other = workers
    live = await late.sign_in(campus)
    campus.clock.ahead = OVER
    reached, held = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await held.wait()

    campus.liar.before_refreshed = wait
    waiting = asyncio.create_task(late.tokens.fresh(live))
    await reached.wait()
    await late.locked.release(place(live.key), await holder_of(redis_url, prefix, live))
    taken = await other.locked.acquire(place(live.key), "other", 60)
    assert isinstance(taken, Held)
    kept = await other.kept(live)
    assert kept is not None
    now = int(campus.clock())
    newer = msgspec.structs.replace(kept, access_token="of the other", issued=now, expires=now + LIFE)
    assert await other.locked.replace(
        place(live.key), taken.fence, taken.value, other.values.sealed(live.key, newer)
    )
    held.set()
    assert await waiting == "of the other", "the newer result is everybody's"
    assert await other.kept(live) == newer


async def holder_of(redis_url: str, prefix: str, live: LiveSignIn) -> str:
    redis = Redis.from_url(redis_url)
    try:
        found = await redis.get(prefix + place(live.key).lock)
        assert isinstance(found, bytes)
        return found.decode()
    finally:
        await redis.aclose()


@pytest.mark.parametrize("written", ["before", "after"])
async def test_refused_because_another_worker_was_faster_ends_nothing(
    written: str, campus: Campus, workers: tuple[Worker, Worker], redis_url: str, prefix: str
) -> None:
    """The late one's token is used up; what the faster one got counts, written yet or not."""
    late, other = workers
    live = await late.sign_in(campus)
    campus.clock.ahead = OVER

    async def write(taken: Held) -> None:
        kept = await other.kept(live)
        assert kept is not None
        now = int(campus.clock())
        newer = msgspec.structs.replace(
            kept, access_token="of the other", refresh_token="newer", issued=now, expires=now + LIFE
        )
        sealed = other.values.sealed(live.key, newer)
        assert await other.locked.replace(place(live.key), taken.fence, taken.value, sealed)

    async def overtaken(_request: web.BaseRequest) -> web.StreamResponse:
        await late.locked.release(place(live.key), await holder_of(redis_url, prefix, live))
        taken = await other.locked.acquire(place(live.key), "other", 60)
        assert isinstance(taken, Held)
        if written == "before":
            await write(taken)
            await other.locked.release(place(live.key), "other")
        else:
            writing.append(asyncio.create_task(later(taken)))
        return web.json_response({"error": "invalid_grant"}, status=400)

    async def later(taken: Held) -> None:
        await asyncio.sleep(0.5)
        await write(taken)

    writing: list[asyncio.Task[None]] = []
    campus.liar.trouble["/token"] = overtaken
    assert await late.tokens.fresh(live) == "of the other"
    assert await loaded(late.parts, live) is not None
