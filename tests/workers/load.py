"""Readers at a steady rate: GET and POST, on new connections and on kept ones; every failure is told.

Nothing is tried twice, so whatever a client could not have known to be lost is counted. A kept connection
is left where the answer says `Connection: close`, and where its end was seen before the next request.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.system.raw_client import RawClient

_MOST = 64  # requests at once: the generator is bounded, on a slow machine its rate falls
_TIRED = 30.0  # seconds for an answer
_KEPT = 16  # idle connections
_SELDOM = (
    12.0  # seconds at most between two requests of a reader who reads: less than the gateway's keep-alive
)


@dataclass(frozen=True)
class Failure:
    began: float  # time.monotonic()
    ended: float
    connected: bool
    why: str


@dataclass
class Load:
    """heads: what a reader sends of a method, up to the last header; seldom: readers on top, who pause."""

    port: int
    rate: float  # requests a second
    heads: dict[str, bytes]
    seldom: int
    answered: Counter[int] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    in_flight: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: deque[RawClient] = field(default_factory=deque)

    @property
    def achieved(self) -> float:
        return sum(self.answered.values()) / ((self.ended or time.monotonic()) - self.began)

    def told(self) -> str:
        took = sorted(self.times) or [0.0]
        p99 = took[len(took) * 99 // 100]
        answered = ", ".join(f"{count} x {status}" for status, count in sorted(self.answered.items()))
        return (
            f"{self.achieved:.0f} requests/s (of {self.rate:.0f} asked), {answered}, "
            f"{len(self.failures)} failed, p99 {p99 * 1000:.0f} ms, longest {took[-1] * 1000:.0f} ms"
        )

    async def run(self) -> None:
        """Until cancelled; then it waits for its answers."""
        # which kind comes next need not be a secret
        chance = random.Random(4)  # ruff: ignore[suspicious-non-cryptographic-random-usage]
        requests: set[asyncio.Task[object]] = {
            asyncio.create_task(self._read(chance)) for _ in range(self.seldom)
        }
        due = time.monotonic()
        try:
            while True:
                due = max(due + 1 / self.rate, time.monotonic() - 1)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if len(requests) < _MOST + self.seldom:
                    kept = self._kept() if chance.random() < 0.5 else None
                    work = self._ask(chance.choice(("GET", "POST")), kept)
                    task = asyncio.create_task(work)
                    requests.add(task)
                    task.add_done_callback(requests.discard)
        finally:
            self.ended = time.monotonic()
            self._over.set()
            await asyncio.gather(*requests)
            while self._idle:
                self._idle.popleft().close()

    async def _read(self, chance: random.Random) -> None:
        """One who sends something once in a while, always on the same connection if it is still there."""
        client = None
        while not self._over.is_set():
            client = await self._ask(chance.choice(("GET", "POST")), client, mine=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), chance.uniform(0.1, _SELDOM))
        if client is not None:
            client.close()

    async def _ask(self, method: str, client: RawClient | None, *, mine: bool = False) -> RawClient | None:
        """One request; the connection, where it may be used again by whoever it belongs to."""
        began = time.monotonic()
        self.in_flight += 1
        try:
            async with asyncio.timeout(_TIRED):
                client = await self._open(client)
                await client.send(self.request(method))
                answer = await client.answer()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self._failed(began, client, repr(error))
            return None
        finally:
            self.in_flight -= 1
        if not answer.complete:
            self._failed(began, client, "half an answer")
            return None
        self.answered[answer.status] += 1
        self.times.append(time.monotonic() - began)
        if "close" in answer.values("Connection"):
            client.close()
            return None
        if not mine:
            self._idle.append(client)
        return client

    async def _open(self, client: RawClient | None) -> RawClient:
        if client is not None and not client.reader.at_eof():
            return client
        if client is not None:
            client.close()
        return await RawClient.connect(self.port)

    def _failed(self, began: float, client: RawClient | None, why: str) -> None:
        self.failures.append(Failure(began, time.monotonic(), client is not None, why))
        if client is not None:
            client.reset()

    def request(self, method: str) -> bytes:
        if method == "GET":
            return self.heads["GET"] + b"\r\n"
        return self.heads["POST"] + b"Content-Length: 4\r\n\r\nwork"

    def _kept(self) -> RawClient | None:
        """The one that was idle longest."""
        while len(self._idle) > _KEPT:
            self._idle.popleft().close()
        return self._idle.popleft() if self._idle else None


@asynccontextmanager
async def load(port: int, heads: dict[str, bytes], rate: float, seldom: int = 0) -> AsyncGenerator[Load]:
    """Load while the block runs; at its end all is answered."""
    made = Load(port, rate, heads, seldom)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
