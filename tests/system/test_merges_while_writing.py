"""Two accounts become one, two again, or nobody's, while both save: nothing that was acknowledged is lost."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Reader
from tests.system.real_services import analytics_at, storage_at
from tests.system.writing import CUT, OnItsWay, Writing, delete, events_in, held, merge, undo
from tests.tcp_proxy import TcpProxy, tcp_proxy

SIGNED_OUT = {401, CUT}


@dataclass
class Real:
    """A gateway before both services."""

    house: House
    events: Path
    proxy: TcpProxy  # before storage

    def reader(self, name: str) -> Reader:
        return self.house.reader(name)


@pytest.fixture
async def real(tmp_path: Path, redis_url: str) -> AsyncGenerator[Real]:
    async with AsyncExitStack() as stack:
        ports = free_port(), free_port()
        proxy = await stack.enter_async_context(tcp_proxy("127.0.0.1", ports[0]))
        gateway = open_house(
            tmp_path,
            redis_url,
            storage_url=f"http://127.0.0.1:{proxy.port}",
            analytics_url=f"http://127.0.0.1:{ports[1]}",
            analytics_lifecycle="merge, unmerge, delete, export",
        )
        house = await stack.enter_async_context(gateway)
        await stack.enter_async_context(storage_at(ports[0], tmp_path / "storage.db", house))
        await stack.enter_async_context(analytics_at(ports[1], tmp_path / "analytics.db", house))
        yield Real(house, tmp_path / "analytics.db", proxy)


async def test_both_save_while_they_become_one(real: Real) -> None:
    async with real.reader("ada") as ada, real.reader("grace") as grace:
        await ada.sign_in(Flow(TRUSTED))
        await grace.sign_in(Flow(TRUSTED))
        async with Writing(ada, "a") as survivor, Writing(grace, "g") as loser:
            await loser.more()
            late = await OnItsWay.begin(real.proxy, grace, "late")
            assert (await merge(ada, grace)).status == 303
            await survivor.more()
            assert (await late.arrive()).status == 201
        assert loser.refused
        assert {status for status, _ in loser.refused} <= SIGNED_OUT
        assert survivor.refused == []
        saved = [*survivor.items, *loser.items, "late"]
        assert await held(ada, saved) == set(saved)
        (events,) = events_in(real.events).values()
        assert events >= {*survivor.events, *loser.events}


async def test_both_save_while_they_become_two_again(real: Real) -> None:
    """What was saved as one stays with who they were; nothing is with neither."""
    async with real.reader("ada") as ada, real.reader("grace") as grace, real.reader("grace") as again:
        await ada.sign_in(Flow(TRUSTED))
        await grace.sign_in(Flow(TRUSTED))
        async with Writing(grace, "g") as before:
            await before.more()
        assert (await merge(ada, grace)).status == 303
        await again.sign_in(Flow(TRUSTED))  # by the other way in
        async with Writing(ada, "a") as one, Writing(again, "b") as other:
            await other.more()
            late = await OnItsWay.begin(real.proxy, again, "late")
            assert (await undo(ada)).status == 200
            assert (await late.arrive()).status == 201
        assert one.refused
        assert {status for each in (one, other) for status, _ in each.refused} <= SIGNED_OUT
        for reader in (ada, grace):
            await reader.sign_in(Flow(TRUSTED))
        together = [*one.items, *other.items, "late"]
        assert await held(ada, together) == set(together)
        assert await held(grace, before.items) == set(before.items)
        assert await held(ada, before.items) == set()
        theirs, ours = sorted(
            events_in(real.events).values(), key=lambda found: before.events[0] not in found
        )
        assert theirs == set(before.events)
        assert ours >= {*one.events, *other.events}


async def test_what_is_saved_while_everything_goes_goes_too(real: Real) -> None:
    async with real.reader("ada") as ada, real.reader("ada") as elsewhere:
        await ada.sign_in(Flow(TRUSTED))
        await elsewhere.sign_in(Flow(TRUSTED))
        async with Writing(ada, "a") as one, Writing(elsewhere, "b") as other:
            await one.more()
            late = await OnItsWay.begin(real.proxy, elsewhere, "late")
            assert (await delete(ada)).status == 200
            answer = await late.arrive()
            assert (answer.status, b"person_deleted" in answer.body) == (410, True)
        assert {status for each in (one, other) for status, _ in each.refused} <= SIGNED_OUT | {410}
        await ada.sign_in(Flow(TRUSTED))
        assert await held(ada, [*one.items, *other.items, "late"]) == set()
        assert events_in(real.events) == {}
        async with Writing(ada, "new") as anew:
            await anew.more()
        assert anew.refused == []
        assert await held(ada, anew.items) == set(anew.items)


async def test_whoever_is_merged_and_deleted_has_nothing_under_way(real: Real) -> None:
    """The loser's late save after the survivor's deletion, which names both."""
    async with real.reader("ada") as ada, real.reader("grace") as grace:
        await ada.sign_in(Flow(TRUSTED))
        await grace.sign_in(Flow(TRUSTED))
        async with Writing(grace, "g") as loser:
            await loser.more()
        late = await OnItsWay.begin(real.proxy, grace, "late")
        assert (await merge(ada, grace)).status == 303
        assert (await delete(ada)).status == 200
        assert (await late.arrive()).status == 410
        for reader in (ada, grace):
            await reader.sign_in(Flow(TRUSTED))
            assert await held(reader, [*loser.items, "late"]) == set()
        assert events_in(real.events) == {}
