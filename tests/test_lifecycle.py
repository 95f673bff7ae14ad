"""What was decided is told until every backend knows, whatever ends or is away meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.errors import DirectoryUnavailableError
from gateway.lifecycle.lifecycle import FIRST_PAUSE, LONGEST_PAUSE, Merged
from tests.lifecycle_parts import BOOK, Place, open_place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncGenerator[Place]:
    async with open_place(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as place:
        yield place


async def test_every_backend_is_told_of_every_book(place: Place) -> None:
    assert await place.merge(books=("b", "c")) is Merged.DONE
    told = {(order.backend, order.book, order.person, order.survivor) for order in place.backends.told}
    assert told == {(name, book, "guest", "ada") for name in ("storage", "notes") for book in ("b", "c")}
    place.clock.now += 1e6
    assert await place.directory.orders.due() == []


async def test_the_guest_ends_before_anybody_is_told(place: Place) -> None:
    place.backends.away = {"storage", "notes"}
    assert await place.merge() is Merged.LATER
    assert set(place.ended) == {"guest"}


async def test_one_that_is_away_is_told_when_it_is_back(place: Place) -> None:
    place.backends.away = {"storage"}
    assert await place.merge() is Merged.LATER
    assert [order.backend for order in place.backends.told] == ["notes"]
    assert await place.directory.orders.due() == []
    place.backends.away.clear()
    place.clock.now += FIRST_PAUSE
    async with asyncio.timeout(5):
        place.backends.heard.clear()
        async with place.running():  # as good as another gateway: nothing is known but what was noted
            await place.backends.heard.wait()
    assert [order.backend for order in place.backends.told] == ["notes", "storage"]


async def test_the_pauses_grow_to_an_hour(place: Place) -> None:
    place.backends.away = {"storage", "notes"}
    await place.merge()
    pauses = []
    for _ in range(14):
        began = place.clock.now
        while not await place.directory.orders.due():
            place.clock.now += 5
        pauses.append(place.clock.now - began)
        await place.lifecycle().tell_due()
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


async def test_while_sessions_cannot_be_ended_nobody_is_told(place: Place) -> None:
    place.redis_away = True
    assert await place.merge() is Merged.LATER
    assert place.backends.told == []


async def test_a_request_that_goes_away_leaves_it_noted(place: Place) -> None:
    place.backends.hangs = True
    task = asyncio.create_task(place.merge())
    await place.backends.asked.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    place.clock.now += 10
    assert {order.backend for order in await place.directory.orders.due()} == {"storage", "notes"}


async def test_a_guest_becomes_one_person(place: Place) -> None:
    assert await place.merge() is Merged.DONE
    place.backends.told.clear()
    assert await place.merge(survivor="eve") is Merged.NONE
    assert place.backends.told == []
    assert await place.merge() is Merged.DONE, "the same again is no other"


async def test_without_a_directory_nothing_is_decided(place: Place, tmp_path: Path) -> None:
    await place.directory.close()
    (tmp_path / "d.db").unlink()
    (tmp_path / "d.db").mkdir()
    assert await place.merge() is Merged.FAILED
    assert (place.ended, place.backends.told) == ([], [])
    assert "directory_unavailable" in place.log.getvalue()


class TestReturnCodes:
    async def test_the_same_code_leads_to_the_guest_where_it_was_given_out(self, place: Place) -> None:
        guests = place.directory.guests
        code = await guests.return_code("guest", BOOK, 100)
        assert code is not None
        assert await guests.return_code("guest", BOOK, 100) == code
        assert await guests.return_code("other", BOOK, 100) != code
        assert await guests.find_guest(f" {code.lower()} ", BOOK) == "guest"
        assert await guests.find_guest(code.replace("-", ""), BOOK) == "guest"
        assert await guests.find_guest(code, "https://other.example") is None
        assert await guests.find_guest(code[:-1], BOOK) is None

    async def test_it_ends(self, place: Place) -> None:
        code = await place.directory.guests.return_code("guest", BOOK, 100)
        assert code is not None
        place.clock.now += 100
        assert await place.directory.guests.find_guest(code, BOOK) is None

    async def test_it_leads_nowhere_once_the_guest_is_somebody(self, place: Place) -> None:
        code = await place.directory.guests.return_code("guest", BOOK, 100)
        assert code is not None
        await place.merge()
        assert await place.directory.guests.find_guest(code, BOOK) is None

    async def test_who_became_somebody_gets_none(self, place: Place) -> None:
        """Asked for while the merge went on: it would bring the guest back."""
        await place.merge()
        assert await place.directory.guests.return_code("guest", BOOK, 100) is None
        code = await place.directory.guests.return_code("other", BOOK, 100)
        assert code is not None

    async def test_the_file_does_not_hold_it(self, place: Place, tmp_path: Path) -> None:
        code = await place.directory.guests.return_code("guest", BOOK, 100)
        assert code is not None
        files = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
        assert b"guest" in files
        assert code.encode() not in files
        assert code.replace("-", "").encode() not in files

    async def test_no_directory(self, place: Place, tmp_path: Path) -> None:
        await place.directory.close()
        (tmp_path / "d.db").unlink()
        (tmp_path / "d.db").mkdir()
        with pytest.raises(DirectoryUnavailableError):
            await place.directory.guests.find_guest("2222-2222-2222", BOOK)


async def test_a_backend_that_hangs_keeps_no_other_from_being_told(place: Place) -> None:
    """Whatever waits for it: each try takes as long as it may."""
    place.backends.away = {"storage", "notes"}
    for number in range(5):
        await place.merge(f"guest-{number}", f"ada-{number}")
    place.backends.away, place.backends.hanging = set(), {"storage"}
    place.clock.now += 3600
    telling = asyncio.create_task(place.lifecycle().tell_due())
    try:
        async with asyncio.timeout(20):
            # ruff: ignore[async-busy-wait]  # telling tells nobody how far it is
            while len(place.backends.told) < 5:
                await asyncio.sleep(0.01)
    finally:
        telling.cancel()
    assert {order.backend for order in place.backends.told} == {"notes"}


async def test_a_backend_that_does_not_answer_is_asked_once_at_a_time(place: Place) -> None:
    place.backends.away = {"storage", "notes"}
    for number in range(5):
        await place.merge(f"guest-{number}", f"ada-{number}")
    place.backends.tried.clear()
    place.clock.now += 3600
    await place.lifecycle().tell_due()
    assert sorted(place.backends.tried) == ["notes", "storage"]
