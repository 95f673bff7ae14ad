import asyncio

from gateway.errors import StoreUnavailableError
from gateway.proxy.streams import Streams
from gateway.records import LiveBook
from tests.system.data_path import live


async def test_a_stream_is_forgotten_when_it_ends() -> None:
    async def alive(_: LiveBook) -> bool:
        return True

    streams, cut = Streams(alive), list[str]()
    book = live("ada")
    with streams.open(book, lambda: cut.append("ada")):
        streams.cut(["nobody"])
        assert cut == []
        streams.cut([book.key])
        assert cut == ["ada"]
    streams.cut(book.ended_by)
    assert cut == ["ada"]


async def test_what_cannot_be_proved_twice_is_cut() -> None:
    looks: list[bool | None] = [None, True, None, None]  # None: the store is away
    cut = asyncio.Event()

    async def look(_: LiveBook) -> bool:
        found = looks.pop(0) if looks else None
        if found is None:
            raise StoreUnavailableError
        return found

    streams = Streams(look, every=0.01)
    with streams.open(live("ada"), cut.set):
        watching = asyncio.create_task(streams.watch())
        await asyncio.wait_for(cut.wait(), 10)
        watching.cancel()
    assert looks == []


async def test_two_streams_of_one_session_end_together() -> None:
    async def dead(_: LiveBook) -> bool:
        return False

    streams, cut = Streams(dead, every=0.01), list[int]()
    with streams.open(live("ada"), lambda: cut.append(1)), streams.open(live("ada"), lambda: cut.append(2)):
        watching = asyncio.create_task(streams.watch())
        await asyncio.sleep(0.1)
        watching.cancel()
    assert set(cut) == {1, 2}


async def test_what_does_not_end_by_itself_is_ended_once_also_when_it_comes_late() -> None:
    async def alive(_: LiveBook) -> bool:
        return True

    streams, ended = Streams(alive), list[str]()
    with streams.endless(lambda: ended.append("over")):
        pass
    with streams.open(live("ada"), lambda: ended.append("cut")), streams.endless(lambda: ended.append("one")):
        streams.end_all()
        streams.end_all()
        assert ended == ["one"]
        with streams.endless(lambda: ended.append("late")):
            assert ended == ["one", "late"]
