"""A provider's tokens, renewed once by all workers, whatever breaks meanwhile."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import pytest

from gateway.errors import (
    GatewayError,
    StoreUnavailableError,
    TokenUnavailableError,
)
from gateway.records import LiveSignIn
from gateway.revocation_rules import EndSignIn
from tests.campus_of_liars import Campus, campus_of_liars
from tests.lying_provider import LIFE, Trouble, answering, hang, reset
from tests.redis_server import RedisServer
from tests.sessions_parts import loaded
from tests.token_workers import Worker, two_workers

DUE = LIFE - 59  # seconds after a sign-in: the token is good and should be renewed
OVER = LIFE + 1  # it has run out


@pytest.fixture
async def campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars(3.0) as opened:
        yield opened


@pytest.fixture
async def workers(campus: Campus, redis_url: str, prefix: str) -> AsyncIterator[tuple[Worker, Worker]]:
    async with two_workers(redis_url, prefix, campus) as both:
        yield both


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.02)


async def gone(one: Worker, live: LiveSignIn) -> bool:
    return await loaded(one.parts, live) is None


# -- once


@pytest.mark.parametrize("seed", range(20))
async def test_one_question_for_twenty_requests_in_two_workers(
    seed: int, campus: Campus, workers: tuple[Worker, Worker]
) -> None:
    dice = random.Random(seed)  # ruff: ignore[suspicious-non-cryptographic-random-usage]
    live = await workers[0].sign_in(campus)
    campus.clock.ahead = OVER

    async def answered_late() -> None:
        await asyncio.sleep(dice.random() * 0.2)

    campus.liar.before_refreshed = answered_late

    async def request(one: Worker, pause: float) -> str | None:
        await asyncio.sleep(pause)
        return await one.tokens.fresh(live)

    got = await asyncio.gather(
        *(request(workers[number % 2], dice.random() * 0.1 * (seed % 3)) for number in range(20))
    )
    assert got == ["access-1"] * 20
    assert campus.liar.grants["refresh_token"] == 1
    assert await workers[1].tokens.fresh(live) == "access-1"


async def test_people_are_told_apart(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    people = {name: await workers[0].sign_in(campus, name) for name in ("ada", "ben", "cleo")}
    campus.clock.ahead = OVER
    asked = [(name, live, one) for name, live in people.items() for one in workers for _ in range(3)]
    got = await asyncio.gather(*(one.tokens.fresh(live) for _, live, one in asked))
    for (name, _, _), token in zip(asked, got, strict=True):
        assert campus.liar.tokens[str(token)] == name
    assert campus.liar.grants["refresh_token"] == 3


async def test_ahead_of_its_end_nobody_waits(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    live = await workers[0].sign_in(campus)
    assert await workers[0].tokens.fresh(live) == "access-0"
    assert campus.liar.grants["refresh_token"] == 0
    held = asyncio.Event()

    async def wait() -> None:
        await held.wait()

    campus.liar.before_refreshed = wait
    campus.clock.ahead = DUE
    got = [await one.tokens.fresh(live) for one in (*workers, *workers)]
    assert got == ["access-0"] * 4
    held.set()

    async def renewed() -> bool:
        return await workers[1].tokens.fresh(live) == "access-1"

    await until(renewed)
    assert campus.liar.grants["refresh_token"] == 1


async def test_clients_that_go_away_stop_nothing(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    live = await workers[0].sign_in(campus)
    campus.clock.ahead = OVER
    reached, held = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await held.wait()

    campus.liar.before_refreshed = wait
    requests = [asyncio.create_task(one.tokens.fresh(live)) for one in workers for _ in range(5)]
    await reached.wait()
    leaving, staying = requests[1:-1], [requests[0], requests[-1]]
    for request in leaving:
        request.cancel()
    ends = await asyncio.gather(*leaving, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    held.set()
    assert await asyncio.gather(*staying) == ["access-1"] * 2

    async def kept() -> bool:
        found = await workers[1].kept(live)
        return found is not None and found.access_token == "access-1"

    await until(kept)
    assert campus.liar.grants["refresh_token"] == 1


async def test_a_request_that_needs_no_token_renews_it_and_waits_for_nothing(
    campus: Campus, workers: tuple[Worker, Worker]
) -> None:
    live = await workers[0].sign_in(campus)
    workers[0].tokens.seen(live)
    campus.liar.trouble["/token"] = hang
    campus.clock.ahead = DUE
    for _ in range(100):
        workers[1].tokens.seen(live)

    async def put_off() -> bool:
        found = await workers[1].kept(live)
        return found is not None and found.failures == 1

    await until(put_off)
    assert campus.liar.seen["/token"] == 2, "the sign-in and one renewal"
    assert await loaded(workers[0].parts, live) is not None


async def test_a_gateway_that_stops_keeps_what_it_was_given(
    campus: Campus, workers: tuple[Worker, Worker]
) -> None:
    live = await workers[0].sign_in(campus)
    campus.clock.ahead = DUE
    reached = asyncio.Event()

    async def slow() -> None:
        reached.set()
        await asyncio.sleep(0.2)

    campus.liar.before_refreshed = slow
    assert await workers[0].tokens.fresh(live) == "access-0"
    await reached.wait()
    await workers[0].tokens.close()
    found = await workers[1].kept(live)
    assert found is not None
    assert found.access_token == "access-1"


# -- a provider in trouble


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(answering(500), id="500"),
        pytest.param(answering(200, b"<html>"), id="garbage"),
        pytest.param(hang, id="hangs"),
        pytest.param(reset, id="reset"),
        pytest.param(answering(401, {"error": "invalid_client"}), id="our registration"),
    ],
)
async def test_an_outage_ends_no_session(
    trouble: Trouble, campus: Campus, workers: tuple[Worker, Worker]
) -> None:
    live = await workers[0].sign_in(campus)
    campus.liar.trouble["/token"] = trouble
    campus.clock.ahead = DUE
    assert await workers[0].tokens.fresh(live) == "access-0", "the old one is good"

    async def put_off() -> bool:
        found = await workers[1].kept(live)
        return found is not None and found.failures == 1

    await until(put_off)
    campus.clock.ahead = OVER
    answers = await asyncio.gather(
        *(one.tokens.fresh(live) for one in workers for _ in range(5)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {TokenUnavailableError}
    with pytest.raises(TokenUnavailableError) as refused:
        await workers[1].tokens.fresh(live)
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 60
    assert campus.liar.seen["/token"] == 3, "the sign-in, and one question each time it was due"
    assert await loaded(workers[0].parts, live) is not None
    campus.liar.trouble.clear()
    campus.liar.claims = {"exp": int(time.time()) + 10_000}  # its clock is not turned
    campus.clock.ahead = OVER + 60
    assert await workers[1].tokens.fresh(live) == "access-1", "it is back"


async def test_an_answer_that_proves_nothing_ends_no_session(
    campus: Campus, workers: tuple[Worker, Worker]
) -> None:
    live = await workers[0].sign_in(campus)
    campus.clock.ahead = OVER
    campus.liar.claims = {"iss": "https://other.example"}
    with pytest.raises(TokenUnavailableError):
        await workers[0].tokens.fresh(live)
    assert await loaded(workers[0].parts, live) is not None


# -- revoked there is ended here


async def test_revoked_there_is_ended_here(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    live = await workers[0].sign_in(campus)
    ended: list[frozenset[str]] = []
    workers[0].parts.sessions.on_end.append(ended.append)
    campus.liar.refreshable.clear()
    campus.clock.ahead = OVER
    got = await asyncio.gather(*(workers[0].tokens.fresh(live) for _ in range(5)))
    assert got == [None] * 5
    assert await loaded(workers[1].parts, live) is None
    assert ended, "streams are cut"
    assert workers[0].parts.journal.acts == [EndSignIn(live.key)], (
        "noted, so that no fail-over brings it back"
    )
    assert campus.liar.grants["refresh_token"] == 1
    assert await workers[1].kept(live) is None, "nothing of it stays"


async def test_another_subject_is_an_end(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    live = await workers[0].sign_in(campus)
    campus.liar.claims = {"sub": "mallory"}
    campus.clock.ahead = OVER
    assert await workers[0].tokens.fresh(live) is None
    assert await gone(workers[1], live)


async def test_an_end_that_cannot_be_noted_is_done_and_repeated(
    campus: Campus, workers: tuple[Worker, Worker]
) -> None:
    one = workers[0]
    live = await one.sign_in(campus)
    one.parts.journal.down = True
    campus.liar.refreshable.clear()
    campus.clock.ahead = OVER
    assert await one.tokens.fresh(live) is None
    assert await gone(one, live)
    one.parts.journal.down = False

    async def noted() -> bool:
        return bool(one.parts.journal.acts)

    await until(noted)


# -- Redis in trouble


@pytest.fixture
async def on_own_redis(
    campus: Campus, redis_server: RedisServer, prefix: str
) -> AsyncIterator[tuple[Worker, Worker]]:
    async with two_workers(redis_server.url, prefix, campus, deadline=0.5) as both:
        yield both


async def test_redis_freezes_when_the_provider_has_answered(
    campus: Campus, redis_server: RedisServer, on_own_redis: tuple[Worker, Worker]
) -> None:
    one, other = on_own_redis
    live = await one.sign_in(campus)
    campus.clock.ahead = OVER

    async def go_away() -> None:
        redis_server.freeze()

    campus.liar.before_refreshed = go_away
    began = time.monotonic()
    answers = await asyncio.gather(*(one.tokens.fresh(live) for _ in range(5)), return_exceptions=True)
    took = time.monotonic() - began
    print(f"answered {took:.2f} s after Redis froze (deadline 0.5 s)")  # ruff: ignore[print]
    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    assert took < 10
    campus.liar.before_refreshed = None
    redis_server.thaw()

    async def served() -> bool:
        try:
            return await other.tokens.fresh(live) == "access-1"
        except GatewayError:
            return False

    await until(served)
    assert campus.liar.grants["refresh_token"] == 1, "the result was not lost"


async def test_redis_is_away_at_the_beginning(
    campus: Campus, redis_server: RedisServer, on_own_redis: tuple[Worker, Worker]
) -> None:
    one, _ = on_own_redis
    live = await one.sign_in(campus)
    campus.clock.ahead = OVER
    redis_server.freeze()
    with pytest.raises(StoreUnavailableError):
        await one.tokens.fresh(live)
    assert await one.tokens.id_token_hint(live.key, "campus") is None, "a sign-out goes on without it"
    assert campus.liar.grants["refresh_token"] == 0
    redis_server.thaw()

    async def served() -> bool:
        try:
            return await one.tokens.fresh(live) == "access-1"
        except GatewayError:
            return False

    await until(served)
