"""gateway/revocations.py: two workers on a real Redis and a real directory, and a Redis that forgets."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
import pytest

from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.records import LiveSignIn
from gateway.revocation_rules import EndBook, EndProviderSession, EndSignIn, Marks
from gateway.revocations import Told
from gateway.store import Checkpoint, Store
from tests.redis_server import RedisServer
from tests.revoking_workers import Site, Worker, until
from tests.sessions_parts import BOOK, Clock

NOBODY = "AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA"  # the form of a key


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    redis = RedisServer(tmp_path / "redis").start()
    async with AsyncExitStack() as stack:
        stack.callback(redis.stop)
        yield Site(redis, tmp_path, Clock(), stack)


# --- what ended stays ended

Ending = Callable[[Worker, LiveSignIn], Awaitable[None]]
ENDINGS: list[Ending] = [
    lambda worker, live: worker.sessions.end_sign_in(live.key),
    lambda worker, live: worker.sessions.end_everywhere(live.record.person),
    lambda worker, live: worker.sessions.end_person_at_provider(live.record.person, "campus"),
]


@pytest.mark.parametrize("end", ENDINGS, ids=["sign-in", "everywhere", "at provider"])
async def test_older_data_do_not_bring_a_session_back(site: Site, end: Ending) -> None:
    one, other = await site.worker(), await site.worker()
    live, stays = await one.sign_in(), await one.sign_in("bob")
    assert await other.lives(live)
    site.dump("before")
    await end(one, live)
    for worker in (one, other):
        await worker.revocations.look()  # for both it is done
    site.restart_with("before")
    for worker in (one, other, await site.worker()):
        assert not await until(partial(worker.lives, live))
        assert await until(partial(worker.lives, stays))


async def test_older_data_do_not_bring_a_book_session_back(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    books = [await worker.sessions.begin_book(live, BOOK, None, approved=False) for _ in range(2)]
    site.dump("before")
    await worker.sessions.end_book(books[0].key)
    await worker.revocations.look()
    site.restart_with("before")
    found = [await until(partial(worker.sessions.load_book_key, book.key, live.key)) for book in books]
    assert found[0] is None
    assert found[1] is not None


async def test_who_signs_in_after_everywhere_stays_when_it_is_done_again(site: Site) -> None:
    worker = await site.worker()
    await worker.sign_in()
    await worker.sessions.end_everywhere("ada")
    again = await worker.sign_in()
    site.dump("after")
    site.restart_with("after")
    assert await until(lambda: worker.lives(again))


async def test_what_was_noted_while_redis_was_frozen_is_done_before_anything_is_served(site: Site) -> None:
    """Also where the histories are the same: nothing was lost, but this never came."""
    worker = await site.worker()
    live = await worker.sign_in()
    site.redis.freeze()
    with pytest.raises(StoreUnavailableError):
        await worker.sessions.end_sign_in(live.key)
    assert live.key in worker.told, "what is open here is cut all the same"
    site.redis.thaw()
    assert not await until(lambda: worker.lives(live))
    assert len(worker.replays) == 1, "only that of the start"


async def test_an_act_of_a_worker_that_died_after_its_row_is_done_by_others(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    await worker.directory.revocations.note([EndSignIn(live.key)], int(site.clock()) + 1000)
    assert await worker.lives(live)
    await worker.revocations.look()
    assert not await worker.lives(live)
    assert frozenset({live.key}) in worker.looked


# --- how much is done again


async def test_nothing_is_done_again_while_the_data_are_the_same(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    for _ in range(3):
        worker.store.connection.doubt()
        assert await worker.lives(live)
    assert len(worker.replays) == 1


async def test_only_the_rows_since_the_checkpoint_and_an_hour_before(site: Site) -> None:
    site.redis.command("SET something 1")
    worker = await site.worker()
    journal = worker.directory.revocations
    numbers = []
    for _ in range(4):
        await journal.note([EndBook(NOBODY)], int(site.clock()) + 10_000)
        numbers.append((await journal.after(0))[-1].id)
        site.clock.now += 2400
    await worker.sign_in()
    assert worker.replays == [(0, numbers[3])], "nobody knows up to where"
    await worker.revocations.look()
    await worker.revocations.keep_checkpoint()
    site.dump("then")
    await journal.note([EndBook(NOBODY)], int(site.clock()) + 10_000)
    site.restart_with("then")
    await until(worker.sign_in)
    assert worker.replays[1] == (numbers[1], numbers[3] + 1)
    assert (await site.worker()).replays == []


async def test_a_redis_that_lost_everything_waits_for_no_old_row(site: Site) -> None:
    worker = await site.worker()
    journal = worker.directory.revocations
    await journal.note([EndBook(NOBODY)] * 3, int(site.clock()) + 10_000)
    site.clock.now += 7200
    await journal.note([EndBook(NOBODY)], int(site.clock()) + 10_000)
    newest = (await journal.after(0))[-1].id
    site.restart_with(None)
    await until(worker.sign_in)
    assert worker.replays == [(newest - 1, newest)]


async def test_a_proof_that_was_cut_off_goes_on_where_it_was(site: Site) -> None:
    worker = await site.worker()
    journal = worker.directory.revocations
    await worker.store.ungated.put("x", b"not empty", 1000)
    await journal.note([EndBook(NOBODY)] * 501, int(site.clock()) + 10_000)
    first, newest = (await journal.after(0))[0].id, await journal.newest()
    real, calls = worker.sessions.apply, 0

    async def fails_once(act: EndBook, store: Store | None = None) -> frozenset[str]:
        nonlocal calls
        calls += 1
        if calls == 501:
            raise StoreUnavailableError("cut off")
        return await real(act, store)

    worker.sessions.apply = fails_once  # type: ignore[assignment, method-assign]
    with pytest.raises(StoreUnavailableError):
        await worker.revocations.prove()
    await worker.revocations.prove()
    assert calls == 502
    assert worker.replays == [(first + 499, newest)]


async def test_a_row_that_means_nothing_stops_nobody(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    await worker.directory.revocations.note([EndSignIn("?"), EndSignIn(live.key)], int(site.clock()) + 1000)
    await worker.revocations.look()
    assert not await worker.lives(live)
    assert "not_understood" in worker.log.getvalue()


# --- the directory is away


async def test_other_data_are_not_served_before_the_directory_says_what_ended(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    site.dump("before")
    await worker.sessions.end_sign_in(live.key)
    site.take_directory_away()
    await worker.directory.close()  # the pool opens new connections afterwards
    site.restart_with("before")
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            await worker.lives(live)
    site.give_directory_back()
    assert not await until(lambda: worker.lives(live))


async def test_the_same_data_are_served_without_the_directory(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    site.take_directory_away()
    await worker.directory.close()
    worker.store.connection.doubt()
    assert await worker.lives(live)
    with pytest.raises(DirectoryUnavailableError):
        await worker.revocations.look()
    with pytest.raises(DirectoryUnavailableError):
        await worker.sessions.end_sign_in(live.key)
    assert not await worker.lives(live), "it ended all the same; the answer says to repeat it"


async def test_what_the_directory_could_not_note_is_noted_when_it_is_back(site: Site) -> None:
    """Nobody who was told to come again has to: the row is what a fail-over cannot undo."""
    worker = await site.worker()
    ada, bob = await worker.sign_in(), await worker.sign_in("bob")
    site.dump("before")
    site.take_directory_away()
    await worker.directory.close()
    with pytest.raises(DirectoryUnavailableError):
        await worker.sessions.end_sign_in(ada.key)
    with pytest.raises(DirectoryUnavailableError):
        await worker.sessions.end_everywhere("bob")
    again = await worker.sign_in("bob")
    site.give_directory_back()
    await worker.revocations.look()
    assert await worker.lives(again), "who signed in since stays"
    assert len(await worker.directory.revocations.after(0)) == 2
    site.restart_with("before")
    assert not await until(partial(worker.lives, ada))
    assert not await until(partial(worker.lives, bob))
    other = await site.worker()
    assert not await other.lives(ada)


async def test_and_it_is_noted_before_other_data_are_served(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    site.dump("before")
    site.take_directory_away()
    await worker.directory.close()
    with pytest.raises(DirectoryUnavailableError):
        await worker.sessions.end_sign_in(live.key)
    site.restart_with("before")
    site.give_directory_back()
    assert not await until(partial(worker.lives, live))


# --- what others note and tell


async def test_marks_of_others_are_known_at_the_next_look_and_at_the_start(site: Site) -> None:
    one, other = await site.worker(), await site.worker()
    live = await one.sign_in()
    await other.directory.revocations.mark_provider("campus", live.record.began + 1)
    assert await one.lives(live)
    await one.revocations.look()
    assert not await one.lives(live)
    assert None in one.looked, "whatever is open is looked at"
    one.looked.clear()
    await one.revocations.look()
    assert one.looked == []
    marks = Marks(0, {"campus": live.record.began + 1}, {})
    assert (await site.worker()).sessions.marks == one.sessions.marks == marks


async def test_of_what_a_provider_ended_all_that_is_open_is_looked_at(site: Site) -> None:
    """Whose sessions they were only the worker knows that ended them first."""
    worker = await site.worker()
    await worker.sign_in()
    await worker.directory.revocations.note([EndProviderSession("hash")], int(site.clock()) + 1000)
    await worker.revocations.look()
    assert worker.looked == [None]


async def test_what_one_ends_the_others_hear(site: Site) -> None:
    one, other = await site.worker(), await site.worker()
    messages: list[bytes] = []

    async def publish(message: bytes) -> None:
        messages.append(message)

    one.revocations.publish = publish
    one.sessions.announce = one.revocations.announce
    live = await one.sign_in()
    await one.sessions.end_sign_in(live.key)
    await one.revocations.announce(frozenset())
    (message,) = messages
    one.told.clear()
    for worker in (one, other):
        worker.revocations.hear(message)
    assert (one.told, other.told) == ([], [live.key])


async def test_new_marks_are_asked_for_when_somebody_tells_of_them(site: Site) -> None:
    one, other = await site.worker(), await site.worker()
    running = asyncio.create_task(one.revocations.run())
    other.revocations.publish = _handing_to(one)
    await asyncio.sleep(0.2)
    for second in range(1, 6):
        await other.directory.revocations.mark_everybody(second)
        await other.revocations.announce_marks()
        await until(partial(marked, one, second))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def marked(worker: Worker, second: int) -> None:
    if worker.sessions.marks.everybody < second:
        raise StoreUnavailableError("not yet")


def _handing_to(worker: Worker) -> Callable[[bytes], Awaitable[None]]:
    async def publish(message: bytes) -> None:
        worker.revocations.hear(message)

    return publish


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff" * 40, id="noise"),
        pytest.param(msgspec.msgpack.encode({"sender": "x", "ended": "all"}), id="another form"),
        pytest.param(msgspec.msgpack.encode({"sender": "x", "ended": [], "more": 1}), id="more than that"),
    ],
)
async def test_a_message_of_another_form_is_nobodys(site: Site, message: bytes) -> None:
    worker = await site.worker()
    worker.revocations.hear(message)
    assert worker.told == []


async def test_a_message_can_only_end_what_is_open(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    worker.revocations.hear(msgspec.msgpack.encode(Told("x", [live.key])))
    assert worker.told == [live.key]
    assert await worker.lives(live)


async def test_a_lost_link_is_a_doubt(site: Site) -> None:
    worker = await site.worker()
    live = await worker.sign_in()
    await worker.directory.revocations.note([EndSignIn(live.key)], int(site.clock()) + 1000)
    worker.revocations.lost()
    assert not await worker.lives(live)


# --- beside requests


async def test_it_follows_goes_on_after_faults_and_keeps_the_checkpoint(site: Site) -> None:
    one, other = await site.worker(), await site.worker()
    running = asyncio.create_task(one.revocations.run())
    live = await one.sign_in()
    site.redis.freeze()
    with pytest.raises(StoreUnavailableError):
        await other.sessions.end_sign_in(live.key)
    await asyncio.sleep(1.5)
    site.redis.thaw()

    async def told() -> int:
        number = await Checkpoint(one.store, cluster=False).read()
        if number is None or number < newest:
            raise StoreUnavailableError("not yet")
        return number

    newest = await one.directory.revocations.newest()
    assert await until(told) == newest
    assert not running.done()
    assert not await one.lives(live)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
