"""Two accounts become one and are deleted while both save by two workers: nothing acknowledged is lost."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.system.house import TRUSTED
from tests.system.reader import Flow, Reader
from tests.system.real_services import analytics_at, storage_at
from tests.system.writing import CUT, Writing, delete, events_in, held, merge
from tests.workers.gateway_process import GatewayProcess, gateway_process

DEVICES = 3  # of each: their connections go to either worker
SIGNED_OUT = {401, CUT}
TOLD = "lifecycle: [merge, unmerge, delete, export]"


@dataclass
class Real:
    """events: the file of analytics."""

    gateway: GatewayProcess
    events: Path


@pytest.fixture
async def real(tmp_path: Path) -> AsyncGenerator[Real]:
    storage, analytics = free_port(), free_port()

    def edit(text: str) -> str:
        head, _, _ = text.partition("backends:\n")
        return head + (
            "backends:\n"
            f'  storage: {{urls: ["http://127.0.0.1:{storage}"], {TOLD}, '
            "routes: [{path: /storage/, strip: true}]}\n"
            f'  analytics: {{urls: ["http://127.0.0.1:{analytics}"], {TOLD}, '
            "identity: {subject: pseudonym}, routes: [{path: /analytics/, strip: true}]}\n"
            f'  grades: {{urls: ["http://127.0.0.1:{storage}"], routes: [{{path: /grades/}}]}}\n'
        )

    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(gateway_process(tmp_path, 2, edit=edit))
        await stack.enter_async_context(storage_at(storage, tmp_path / "storage.db", gateway))
        await stack.enter_async_context(analytics_at(analytics, tmp_path / "analytics.db", gateway))
        yield Real(gateway, tmp_path / "analytics.db")


async def signed_in(stack: AsyncExitStack, gateway: GatewayProcess, name: str) -> list[Reader]:
    """The same person at several devices."""
    readers = [await stack.enter_async_context(gateway.reader(name)) for _ in range(DEVICES)]
    for reader in readers:
        await reader.sign_in(Flow(TRUSTED))
    return readers


async def writing(stack: AsyncExitStack, readers: list[Reader], name: str) -> list[Writing]:
    writers = [Writing(reader, f"{name}{number}") for number, reader in enumerate(readers)]
    return [await stack.enter_async_context(writer) for writer in writers]


async def test_both_save_by_two_workers_while_they_become_one_and_go(real: Real) -> None:
    async with AsyncExitStack() as stack:
        ada = await signed_in(stack, real.gateway, "ada")
        grace = await signed_in(stack, real.gateway, "grace")
        async with AsyncExitStack() as at_work:
            survivors = await writing(at_work, ada, "a")
            losers = await writing(at_work, grace, "g")
            for writer in (*survivors, *losers):
                await writer.more(3)
            assert (await merge(ada[0], grace[0])).status == 303
            for writer in survivors:
                await writer.more(3)
        assert {status for writer in losers for status, _ in writer.refused} <= SIGNED_OUT
        assert [writer.refused for writer in survivors] == [[]] * DEVICES
        everybody = (*survivors, *losers)
        saved = [item for writer in everybody for item in writer.items]
        assert await held(ada[1], saved) == set(saved)
        (events,) = events_in(real.events).values()
        assert events >= {event for writer in everybody for event in writer.events}
        async with AsyncExitStack() as at_work:
            late = await writing(at_work, ada[1:], "late")
            for writer in late:
                await writer.more(3)
            assert (await delete(ada[0])).status == 200
        assert {status for writer in late for status, _ in writer.refused} <= SIGNED_OUT | {410}
        for reader in (ada[0], grace[0]):
            await reader.sign_in(Flow(TRUSTED))
            assert await held(reader, [*saved, *(item for writer in late for item in writer.items)]) == set()
        assert events_in(real.events) == {}
