"""Sessions as the data path asks for them: from memory, and out of it when anything may have ended them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from gateway import quick_sessions
from gateway.known import Known
from gateway.quick_sessions import KEEP
from gateway.records import LiveBook, Mode
from gateway.revocation_rules import EndBook, Marks
from gateway.session_ids import slot_of
from gateway.session_life import place_of
from gateway.store import VALUE
from tests.quick_workers import Quick, asked, open_quick, until
from tests.redis_server import RedisServer
from tests.sessions_parts import BOOK, LIMITS, ROOT, Parts


@pytest.fixture
async def stack() -> AsyncGenerator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def one(stack: AsyncExitStack, redis_server: RedisServer, tmp_path: Path) -> Quick:
    return await open_quick(stack, redis_server.url, tmp_path)


@pytest.fixture
async def other(stack: AsyncExitStack, one: Quick, redis_server: RedisServer, tmp_path: Path) -> Quick:
    """After the first: two do not make the directory at once."""
    return await open_quick(stack, redis_server.url, tmp_path)


# --- what is found, whoever tells of changes


async def test_an_ask_finds_who_it_is(parts: Parts) -> None:
    live = await parts.book()
    assert live.id is not None
    quick = parts.quick()
    found = await asked(quick, live.id)
    assert isinstance(found, Known)
    assert found.live == live
    assert (found.caller.person, found.caller.session) == ("ada", live.key)
    assert found.person_hash == parts.sealer.name_for_logs("ada")
    assert await asked(quick, "x") is None


@pytest.mark.parametrize("what", ["the book session idle", "its parent idle", "at the latest"])
async def test_what_was_judged_alive_is_asked_its_age_again(parts: Parts, what: str) -> None:
    """Also while Redis still has it."""
    parent = await parts.signed_in()
    live, quick = await parts.book(parent), parts.quick()
    assert live.id is not None
    assert await asked(quick, live.id) is not None
    assert await asked(quick, live.id) is not None
    if what == "at the latest":
        parts.clock.now = live.record.ends
    else:
        place, idle = place_of("b", live.key), LIMITS.book.idle
        if what == "its parent idle":
            place, idle = place_of("s", parent.key), LIMITS.sign_in.idle
        seen = f"{parts.prefix}{place.record}", "seen", -idle
        await parts.store.connection.do(lambda redis: redis.hincrby(*seen))
    assert await asked(quick, live.id) is None


async def test_nothing_is_kept_where_nobody_tells_of_changes(parts: Parts) -> None:
    live = await parts.book()
    assert live.id is not None
    quick = parts.quick()
    assert await quick.find(live.id) is not None
    assert quick.kept(live.id) is None


async def test_a_session_that_is_kept_is_the_same_value(one: Quick) -> None:
    """With what was made of it."""
    live = await one.book()
    first = await one.keeps(live)
    assert first.live == live
    assert one.kept(live) is first
    one.sessions.forget([live.key])
    assert one.kept(live) is None
    hits, misses = one.sessions.hits, one.sessions.misses
    assert await one.find(live) is first
    assert (one.sessions.hits - hits, one.sessions.misses - misses) == (0, 1)


async def test_it_is_kept_for_five_seconds(one: Quick) -> None:
    live = await one.book()
    found = await one.keeps(live)
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    one.looks.fresh_until = float("inf")
    one.sessions.time = lambda: asked_at + KEEP - 1
    assert one.kept(live) is found
    one.sessions.time = lambda: asked_at + KEEP + 0.01
    assert one.kept(live) is None


async def test_without_a_sign_of_the_redis_for_a_second_it_is_asked_for(one: Quick) -> None:
    live = await one.book()
    await one.keeps(live)
    assert one.looks.fresh_until - asyncio.get_running_loop().time() <= 1.0
    fresh_until = one.looks.fresh_until
    one.sessions.time = lambda: fresh_until
    assert one.kept(live) is None


@pytest.mark.parametrize("mode", [Mode.PENDING, Mode.DPOP])
async def test_what_no_cookie_may_serve_is_not_kept(one: Quick, mode: Mode) -> None:
    live = await one.book(mode=mode)
    found = await one.find(live)
    assert (found is None) is (mode is Mode.DPOP)
    by_key = await one.sessions.look(live.key, live.record.parent)
    assert by_key is not None
    assert one.kept(live) is None
    for name in (live.key, slot_of(live.key)):
        assert one.sessions.kept(name) is None
        assert await asked(one.sessions, name) is None


async def test_a_guest_is_kept_too(one: Quick) -> None:
    begun = await one.worker.sessions.begin_guest(None, BOOK, "j")
    confirmed = await one.worker.sessions.confirm_book(begun.key, Mode.COOKIE)
    assert confirmed is not None
    found = await one.keeps(LiveBook(begun.id, begun.key, confirmed.record, None))
    assert found.caller.is_guest


async def test_a_record_in_token_mode_is_no_cookies(one: Quick) -> None:
    """Also where its id is that of a cookie."""
    begun = await one.book(mode=Mode.PENDING)
    record = msgspec.structs.replace(begun.record, mode=Mode.DPOP)
    sealed = one.sealer.seal_record("book", begun.key, record)
    await one.worker.store.connection.do(
        lambda redis: redis.hset(f"p:{place_of('b', begun.key).record}", VALUE, sealed)
    )
    assert await one.sessions.look(begun.key, begun.record.parent) is not None
    assert await one.find(begun) is None


async def test_who_leaves_while_it_is_asked_disturbs_nobody(one: Quick) -> None:
    live = await one.book()
    asking = [asyncio.create_task(one.find(live)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in asking[::2]:
        task.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(answer) for answer in answers[::2]} == {asyncio.CancelledError}
    assert all(isinstance(answer, Known) and answer.live == live for answer in answers[1::2])


# --- ends: here at once, elsewhere in 50 ms

End = Callable[[Quick, LiveBook], Awaitable[object]]
ENDS: dict[str, End] = {
    "the book": lambda quick, live: quick.worker.sessions.end_book(live.key),
    "its parent": lambda quick, live: quick.worker.sessions.end_sign_in(live.record.parent or ""),
    "everywhere": lambda quick, _: quick.worker.sessions.end_everywhere("ada"),
    "at its provider": lambda quick, _: quick.worker.sessions.end_person_at_provider("ada", "campus"),
    "consent": lambda quick, _: quick.worker.sessions.end_books("ada", BOOK),
}


@pytest.mark.parametrize("way", ENDS)
async def test_an_end_here_counts_at_once(one: Quick, way: str) -> None:
    live, stays = await one.book(), await one.book("bob")
    await one.keeps(live)
    await one.keeps(stays)
    await ENDS[way](one, live)
    assert one.kept(live) is None
    assert await one.find(live) is None
    assert await one.find(stays) is not None


@pytest.mark.parametrize("way", ENDS)
async def test_an_end_elsewhere_counts_within_50_ms(one: Quick, other: Quick, way: str) -> None:
    """The quickest of some: on a busy machine one may take longer, and none longer than a second."""
    took: list[float] = []
    while len(took) < 10 and (not took or min(took) > 0.05):
        live = await one.book()
        await other.keeps(live)
        began = time.monotonic()
        await ENDS[way](one, live)
        while other.kept(live) is not None:
            assert time.monotonic() - began < 1.0
            await asyncio.sleep(0.001)
        took.append(time.monotonic() - began)
        assert await other.find(live) is None
    assert min(took) <= 0.05


# --- what else may have ended it


@pytest.mark.parametrize("kind", ["b", "s", "p"])
async def test_what_is_changed_by_hand_in_redis_counts_at_once(
    one: Quick, redis_server: RedisServer, kind: str
) -> None:
    live = await one.book()
    await one.keeps(live)
    key = {"b": live.key, "s": live.record.parent or ""}.get(kind)
    if key is None:
        redis_server.command(f"HSET p:p:{{{slot_of(live.key)}}} n 99")
    else:
        redis_server.command(f"DEL p:{place_of(kind, key).record}")
    await until(lambda: one.kept(live) is None, 2)
    assert await one.find(live) is None


async def test_a_redis_that_was_emptied_by_hand(one: Quick, redis_server: RedisServer) -> None:
    live = await one.book()
    await one.keeps(live)
    redis_server.command("FLUSHALL")
    await until(lambda: one.kept(live) is None, 2)
    assert await one.find(live) is None


async def test_another_value_is_another_session(one: Quick) -> None:
    """What is written over by whoever may write to Redis opens as nothing."""
    live, bob = await one.book(), await one.book("bob")
    await one.keeps(live)
    store = one.worker.store
    (his,), _ = await store.look([place_of("b", bob.key).record], "p:x")
    assert his.value is not None
    await store.connection.do(
        lambda redis: redis.hset(f"p:{place_of('b', live.key).record}", VALUE, his.value)
    )
    await until(lambda: one.kept(live) is None)
    assert await one.find(live) is None


@pytest.mark.parametrize(
    "marks", [Marks(everybody=2**40), Marks(providers={"campus": 2**40}), Marks(origins={BOOK: 2**40})]
)
async def test_marks_count_from_the_next_request_on(one: Quick, marks: Marks) -> None:
    live = await one.book()
    await one.keeps(live)
    one.worker.sessions.marks = marks
    assert one.kept(live) is None
    assert await one.find(live) is None
    one.worker.sessions.marks = Marks()
    assert await one.find(live) is not None


async def test_what_was_judged_by_other_marks_is_asked_for_anew(one: Quick) -> None:
    """Whoever is asked for first after new marks: what others were judged by is not today's."""
    ada, bob = await one.book(), await one.book("bob")
    await one.keeps(ada)
    await one.keeps(bob)
    one.worker.sessions.marks = Marks(providers={"another": 1})
    await one.keeps(bob)
    assert one.kept(ada) is None


async def test_a_mark_in_the_directory_reaches_every_worker(one: Quick, other: Quick) -> None:
    live = await one.book()
    await other.keeps(live)
    await one.worker.directory.revocations.mark_everybody(int(time.time()) + 1000)
    await until(lambda: other.kept(live) is None, 5)
    assert await other.find(live) is None


async def test_a_root_key_that_goes_takes_what_it_sealed(one: Quick) -> None:
    live = await one.book()
    await one.keeps(live)
    one.sealer.replace(b"n" * 32, ())
    assert one.kept(live) is None
    one.sealer.replace(b"n" * 32, (ROOT,))
    assert await one.find(live) is not None


async def test_a_doubt_takes_all(one: Quick) -> None:
    live = await one.book()
    await one.keeps(live)
    one.worker.store.connection.doubt()
    assert one.kept(live) is None
    assert await one.keeps(live)


async def test_the_tick_after_the_fact_is_followed(one: Quick, other: Quick) -> None:
    live = await one.book()
    before = await other.keeps(live)
    assert live.record.parent is not None
    parent = await one.worker.sessions.load_sign_in_key(live.record.parent)
    assert parent is not None
    await one.worker.sessions.set_own_device(parent, own_device=False)
    await until(lambda: other.kept(live) is not before)
    after = await other.find(live)
    assert after is not None
    assert (before.live.record.own_device, after.live.record.own_device) == (True, False)


# --- one failure: two seconds


async def test_without_tracking_the_link_tells(
    stack: AsyncExitStack, redis_server: RedisServer, tmp_path: Path
) -> None:
    """A user who may not ask for changes, as operators had it before."""
    redis_server.command("ACL SETUSER default -client|tracking")
    one = await open_quick(stack, redis_server.url, tmp_path)
    other = await open_quick(stack, redis_server.url, tmp_path)
    live = await one.book()
    await other.keeps(live)
    assert not other.looks.tracks
    await one.worker.sessions.end_book(live.key)
    assert await until(lambda: other.kept(live) is None) < 1.0
    assert await other.find(live) is None


async def test_a_worker_that_died_after_its_row(one: Quick, other: Quick) -> None:
    """Nothing was done to Redis and nobody was told: the row alone."""
    live = await one.book()
    await other.keeps(live)
    await one.worker.directory.revocations.note([EndBook(live.key)], int(time.time()) + 1000)
    began = time.monotonic()
    while await other.find(live) is not None:
        assert time.monotonic() - began < 2.0
        await asyncio.sleep(0.02)


# --- signs of life, memory


async def test_a_sign_of_life_is_written_when_it_is_due_and_nobody_waits_for_it(
    one: Quick, redis_server: RedisServer
) -> None:
    live = await one.book()
    await one.keeps(live)
    record = f"p:{place_of('b', live.key).record}"
    for _ in range(20):
        one.sessions.forget([live.key])
        await one.find(live)
    due = LIMITS.shared_device.idle // 20 + 1
    seen = int(time.time()) - due
    redis_server.command(f"HSET {record} seen {seen}")
    await asyncio.gather(*(asked(one.sessions, live.id or "") for _ in range(20)))
    await until(lambda: redis_server.command(f"HGET {record} seen").split()[1] != str(seen).encode())
    assert await one.keeps(live)


async def test_memory_is_bounded(one: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_sessions, "MOST", 5)
    lives = [await one.book(f"person-{number}") for number in range(12)]
    for live in (*lives, *lives[::-1]):
        assert await one.find(live) is not None
    quick = one.sessions
    assert len(quick._by_cookie) == 5  # ruff: ignore[private-member-access]
    assert len(quick._by_slot) <= 5  # ruff: ignore[private-member-access]
    for live in lives:
        assert await quick.look(live.key, live.record.parent) is not None
    assert len(quick._by_key) == 5  # ruff: ignore[private-member-access]


async def test_who_is_not_seen_for_a_minute_is_not_in_memory(one: Quick) -> None:
    lives = [await one.book(f"person-{number}") for number in range(3)]
    for live in lives:
        await one.find(live)
    now = asyncio.get_running_loop().time()
    one.sessions.time = lambda: now + 61
    await one.find(await one.book("late"))
    assert len(one.sessions._by_cookie) == 1  # ruff: ignore[private-member-access]
    assert len(one.sessions._by_slot) == 1  # ruff: ignore[private-member-access]
