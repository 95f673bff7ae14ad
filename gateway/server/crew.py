"""The workers in force: as many as there should be, replaced when they die, and one by one on request."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.server.orders import Begin, Order
from gateway.server.times import FIRST_PAUSE, GRACE, LONGEST_PAUSE, PATIENCE, SETTLE, STEADY, UNWIND
from gateway.server.workers import Nursery, Worker
from gateway.telemetry import Log


class CannotServeError(Exception):
    """A worker does not come to serve; the message says why."""


class Crew:
    """open_nursery: where workers come from; begin: the first order for one that starts now."""

    def __init__(
        self, open_nursery: Callable[[], Awaitable[Nursery]], begin: Callable[[], Begin], log: Log
    ) -> None:
        self._open_nursery = open_nursery
        self._begin = begin
        self._log = log
        self._nursery: Nursery | None = None
        self._opening = asyncio.Lock()
        self._workers: list[Worker] = []
        self._tending: list[asyncio.Task[None]] = []
        self._living: set[Worker] = set()  # those that leave too

    async def start(self, count: int) -> None:
        """Raises CannotServeError: the first one does not serve.

        It starts alone, so that what a new site needs (tables, keys) is made once.
        """
        first = await self._fork()
        await _prove(first)
        self._add(first)
        await self._resize(count)

    def tell(self, order: Order) -> None:
        """Say something to every worker."""
        self._living = {worker for worker in self._living if not worker.gone.is_set()}
        for worker in self._living:
            worker.say(order)

    async def replace(self, count: int, begin: Callable[[], Begin]) -> None:
        """A rolling restart: each new worker serves before an old one leaves.

        From a new nursery, so that they run the program as it is installed now. Raises CannotServeError: if
        it was the first new one, nothing has changed.
        """
        nursery = await self._open_nursery()
        first = await self._fork_from(nursery, begin)
        try:
            await _prove(first)
        except CannotServeError:
            await nursery.close()
            raise
        former, self._nursery, self._begin = self._nursery, nursery, begin
        if former is not None:
            await former.close()
        self._put(0, first)
        for at in range(1, min(count, len(self._workers))):
            worker = await self._fork()
            await _prove(worker)
            self._put(at, worker)
        await self._resize(count)

    async def end(self) -> None:
        """All leave, and are ended if they do not."""
        for task in self._tending:
            task.cancel()
        await asyncio.gather(*self._tending, return_exceptions=True)
        if self._nursery is not None:
            await self._nursery.close()
        for worker in self._living:
            worker.leave(SETTLE)
        gone = [asyncio.create_task(worker.gone.wait()) for worker in self._living]
        if gone:
            await asyncio.wait(gone, timeout=SETTLE + GRACE + 2 * UNWIND)

    async def _fork(self) -> Worker:
        async with self._opening:
            if self._nursery is None or not self._nursery.alive:
                if self._nursery is not None:
                    await self._nursery.close()
                self._nursery = await self._open_nursery()
        return await self._fork_from(self._nursery, self._begin)

    async def _fork_from(self, nursery: Nursery, begin: Callable[[], Begin]) -> Worker:
        worker = await nursery.fork()
        self._living.add(worker)
        worker.say(begin())  # no wait since it is among those who are told what changes
        return worker

    def _add(self, worker: Worker) -> None:
        self._workers.append(worker)
        self._tending.append(asyncio.create_task(self._tend(len(self._workers) - 1)))

    def _put(self, at: int, worker: Worker) -> None:
        former, self._workers[at] = self._workers[at], worker
        former.leave(PATIENCE)

    async def _resize(self, count: int) -> None:
        while len(self._workers) > count:
            self._tending.pop().cancel()
            self._workers.pop().leave(PATIENCE)
        new = [await self._fork() for _ in range(count - len(self._workers))]
        for worker in new:
            self._add(worker)
        for worker in new:
            await worker.serves()  # one that does not is seen to like one that died

    async def _tend(self, at: int) -> None:
        """Keeps one place filled."""
        time, deaths = asyncio.get_running_loop().time, 0
        while True:
            worker = self._workers[at]
            if await worker.serves() and deaths:
                self._log.info("worker", pid=worker.pid, serves=True)
            began = time()
            await worker.over.wait()
            if worker is not self._workers[at]:  # it left because another one is in its place
                continue
            deaths = 1 if time() - began > STEADY else deaths + 1
            pause = 0 if deaths == 1 else min(FIRST_PAUSE * 2 ** (deaths - 2), LONGEST_PAUSE)
            ended = await worker.ended() if worker.gone.is_set() else "leaves, told by a signal of its own"
            self._log.error(
                "worker",
                pid=worker.pid,
                ended=ended,
                reason=worker.reason or None,
                deaths=deaths,
                pause=pause,
            )
            await asyncio.sleep(pause)
            new = await self._fork()
            if worker is self._workers[at]:
                self._workers[at] = new
            else:
                new.leave(SETTLE)


async def _prove(worker: Worker) -> None:
    """Raises CannotServeError."""
    if not await worker.serves():
        raise CannotServeError(worker.reason or f"a worker ended before it served ({await worker.ended()})")
