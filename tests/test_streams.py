import asyncio
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from gateway.errors import DirectoryUnavailableError, GatewayError, StoreUnavailableError
from gateway.proxy.decide import Matched
from gateway.proxy.streams import Alive, Streams
from gateway.records import LiveBook
from tests.system.data_path import live
from tests.test_decide import matched

OPENED = matched()


async def test_a_stream_is_forgotten_when_it_ends() -> None:
    async def alive(_: Alive, __: Matched) -> bool:
        return True

    streams, cut = Streams(alive), list[str]()
    book = live("ada")
    with streams.open(book, OPENED, lambda: cut.append("ada")):
        streams.cut(["nobody"])
        assert cut == []
        streams.cut([book.key])
        assert cut == ["ada"]
    streams.cut(book.ended_by)
    assert cut == ["ada"]


async def test_what_cannot_be_proved_twice_is_cut() -> None:
    away = (StoreUnavailableError, DirectoryUnavailableError)
    looks: list[bool | type[GatewayError]] = [away[0], True, *away]
    cut = asyncio.Event()

    async def look(_: Alive, __: Matched) -> bool:
        found = looks.pop(0) if looks else True
        if isinstance(found, bool):
            return found
        raise found

    streams = Streams(look, every=0.01)
    with streams.open(live("ada"), OPENED, cut.set):
        watching = asyncio.create_task(streams.watch())
        await asyncio.wait_for(cut.wait(), 10)
        watching.cancel()
    assert looks == []


async def test_a_look_ends_at_once_what_it_was_asked_about_and_may_not_go_on() -> None:
    answers: dict[str, bool | None] = {"ada": False, "bob": True, "eve": False, "leo": None}

    async def look(found: Alive, _: Matched) -> bool:
        assert isinstance(found, LiveBook)
        answer = answers[found.record.person]
        if answer is None:
            raise StoreUnavailableError
        return answer

    streams, cut = Streams(look), list[str]()
    books = {person: replace(live(person), key=f"{person}.key") for person in answers}
    with ExitStack() as stack:
        for person, book in books.items():
            stack.enter_context(streams.open(book, OPENED, partial(cut.append, person)))
        await streams.look(frozenset({"ada.key", "bob.key", "leo.key", "nobody.key"}))
        assert cut == ["ada"], "whether leo's may go on Redis did not say: the watch decides"
        await streams.look(None)
        assert sorted(cut) == ["ada", "ada", "eve"]


async def test_two_streams_of_one_session_end_together() -> None:
    async def dead(_: Alive, __: Matched) -> bool:
        return False

    streams, cut = Streams(dead, every=0.01), list[int]()
    with (
        streams.open(live("ada"), OPENED, lambda: cut.append(1)),
        streams.open(live("ada"), OPENED, lambda: cut.append(2)),
    ):
        watching = asyncio.create_task(streams.watch())
        await asyncio.sleep(0.1)
        watching.cancel()
    assert set(cut) == {1, 2}


async def test_what_does_not_end_by_itself_is_ended_once_also_when_it_comes_late() -> None:
    async def alive(_: Alive, __: Matched) -> bool:
        return True

    streams, ended = Streams(alive), list[str]()
    with streams.endless(lambda: ended.append("over")):
        pass
    with (
        streams.open(live("ada"), OPENED, lambda: ended.append("cut")),
        streams.endless(lambda: ended.append("one")),
    ):
        streams.end_all()
        streams.end_all()
        assert ended == ["one"]
        with streams.endless(lambda: ended.append("late")):
            assert ended == ["one", "late"]


async def test_many_streams_are_cut_as_soon_as_one_where_nothing_can_be_proved() -> None:
    """Redis hangs: each question would take as long as Redis may."""
    looks, cut = 0, set[int]()

    async def hanging(_: Alive, __: Matched) -> bool:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.1)
        raise StoreUnavailableError

    streams = Streams(hanging, every=0.01)
    with ExitStack() as stack:
        for number in range(2000):
            book = replace(live("ada"), key=f"{number}.key")
            stack.enter_context(streams.open(book, OPENED, partial(cut.add, number)))
        watching = asyncio.create_task(streams.watch())
        async with asyncio.timeout(20):
            # ruff: ignore[async-busy-wait]  # the watch tells nobody
            while len(cut) < 2000:
                await asyncio.sleep(0.01)
        watching.cancel()
    assert looks < 200


async def test_one_stream_that_cannot_be_proved_casts_no_doubt_on_others() -> None:
    cut, ada = list[str](), asyncio.Event()

    async def look(found: Alive, _: Matched) -> bool:
        assert isinstance(found, LiveBook)
        if found.record.person == "ada":
            raise StoreUnavailableError
        return True

    def end(person: str) -> None:
        cut.append(person)
        ada.set()

    streams = Streams(look, every=0.01)
    with ExitStack() as stack:
        for person in ("ada", "bob", "eve"):
            book = replace(live(person), key=f"{person}.key")
            stack.enter_context(streams.open(book, OPENED, partial(end, person)))
        watching = asyncio.create_task(streams.watch())
        await asyncio.wait_for(ada.wait(), 10)
        watching.cancel()
    assert set(cut) == {"ada"}
