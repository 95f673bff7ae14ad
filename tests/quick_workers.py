"""Workers that ask as the data path does: on a real Redis and directory, with all that runs beside."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import GatewayError
from gateway.known import Known
from gateway.quick_sessions import QuickSessions
from gateway.records import LiveBook, Mode
from gateway.sealing import Sealer
from gateway.session_life import LOOKED_AT
from gateway.store import Link, Looks
from tests.revoking_workers import Worker, open_worker
from tests.sessions_parts import BOOK, Clock

Answer = Known | GatewayError | None

PLENTY = 30.0  # seconds, on whatever machine


async def until(holds: Callable[[], bool], seconds: float = PLENTY) -> float:
    """How long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it did not come to that"
        await asyncio.sleep(0.002)
    return time.monotonic() - began


def asked(quick: QuickSessions, cookie: str) -> "asyncio.Future[Answer]":
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    quick.ask(cookie, future.set_result)
    assert not future.done(), "never from within"
    return future


@dataclass
class Quick:
    """One worker. clock: as all of them have it."""

    worker: Worker
    looks: Looks
    link: Link
    sessions: QuickSessions
    sealer: Sealer

    async def book(self, person: str = "ada", mode: Mode = Mode.COOKIE) -> LiveBook:
        """A session that begins; its id is what the cookie holds."""
        sessions = self.worker.sessions
        begun = await sessions.begin_book(await self.worker.sign_in(person), BOOK, None, approved=True)
        live = begun if mode is Mode.PENDING else await sessions.confirm_book(begun.key, mode)
        assert live is not None
        return LiveBook(begun.id, live.key, live.record, live.parent)

    async def keeps(self, live: LiveBook) -> Known:
        """Until it is served without a question; what changed just before may be told just after."""
        ends = time.monotonic() + PLENTY
        while True:
            found = await self.find(live)
            assert found is not None
            if self.kept(live) is found:
                return found
            assert time.monotonic() < ends, "it is never kept"
            await asyncio.sleep(0.01)

    def kept(self, live: LiveBook) -> Known | None:
        assert live.id is not None
        return self.sessions.kept(live.id)

    async def find(self, live: LiveBook) -> Known | None:
        assert live.id is not None
        return await self.sessions.find(live.id)


@asynccontextmanager
async def beside(*work: "asyncio.Task[None]") -> AsyncGenerator[None]:
    try:
        yield
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def open_quick(
    stack: AsyncExitStack,
    url: str,
    folder: Path,
    clock: Clock | None = None,
    *,
    link_url: str | None = None,
) -> Quick:
    """link_url: another way to the same Redis, for what workers tell each other. It ends with the stack."""
    worker = await open_worker(stack, url, folder, clock or Clock())
    link = Link.open(link_url or url, "p:")
    stack.push_async_callback(link.close)
    revocations, sessions = worker.revocations, worker.sessions
    revocations.publish, link.on_message, link.on_lost = link.publish, revocations.hear, revocations.lost
    sessions.announce = revocations.announce
    looks = Looks(worker.store, link, LOOKED_AT)
    stack.push_async_callback(looks.close)
    sealer = sessions._sealer  # ruff: ignore[private-member-access]
    quick = QuickSessions(sessions, sealer, looks)
    stack.push_async_callback(quick.close)
    revocations.on_rows.append(quick.look_again)
    running = [asyncio.create_task(work) for work in (revocations.run(), link.run(), looks.run())]
    await stack.enter_async_context(beside(*running))
    return Quick(worker, looks, link, quick, sealer)
