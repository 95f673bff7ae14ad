"""Several workers of one site: whole gateways on one Redis and one directory, and readers who meet all."""

import asyncio
import io
import json
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from gateway.app import build
from gateway.config.watch import Origins
from gateway.cookies import book_name
from gateway.opening import Opened, open_sessions
from gateway.records import Mode
from gateway.server.run import public_runner
from gateway.telemetry import make_log
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Got, Headers, Reader

DEADLINE = "250ms"  # of Redis, as in service


def chance(seed: object) -> random.Random:
    """Which moment and which way, the same in each run."""
    return random.Random(repr(seed))  # ruff: ignore[suspicious-non-cryptographic-random-usage]


async def gone(left: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits until nothing is left."""
    ends = time.monotonic() + seconds
    while found := left():
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.05)


@dataclass
class Clock:
    """The time of one gateway, some seconds away from everybody else's."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Workers:
    """urls: where each of them listens; the site's own address is the first's."""

    house: House
    urls: list[str]
    clocks: list[Clock]
    logs: list[io.StringIO]
    redis_url: str
    _turns: "count[int]" = field(default_factory=count)

    def reader(self, subject: str = "ada") -> "Roamer":
        return Roamer(self, subject)

    def next_url(self) -> str:
        return self.urls[next(self._turns) % len(self.urls)]

    def unforeseen(self) -> list[str]:
        """Log lines of what nobody foresaw."""
        lines = [line for log in self.logs for line in log.getvalue().splitlines()]
        return [line for line in lines if json.loads(line).get("event") == "unforeseen"]


class Roamer(Reader):
    """A browser whose requests go to each worker in turn, or to the one that a test chose (`at`)."""

    def __init__(self, workers: Workers, subject: str) -> None:
        super().__init__(workers.house.url, lambda url: workers.house.at_provider(url, subject))
        self._workers = workers
        self._subject = subject
        self.at: int | None = None

    def again(self) -> "Roamer":
        """The same browser, with connections of its own."""
        other = Roamer(self._workers, self._subject)
        other.first_party, other.partitions = self.first_party, self.partitions
        return other

    async def raw(
        self, method: str, url: str, headers: Headers, data: str | bytes | None = None
    ) -> tuple[Got, list[str]]:
        workers = self._workers
        worker = workers.next_url() if self.at is None else workers.urls[self.at]
        address = worker + url.removeprefix(self.gateway)
        return await super().raw(method, address, {"Host": urlsplit(self.gateway).netloc, **headers}, data)


@asynccontextmanager
async def open_workers(
    folder: Path,
    redis_url: str,
    *,
    number: int = 2,
    deadline: str = DEADLINE,
    providers: str = "",
    grades_url: str | None = None,
    grades_identity: str = "subject: pairwise",
    urls: Callable[[int], str] | None = None,
) -> AsyncGenerator[Workers]:
    """urls: the address of Redis for each worker, where one goes another way to it."""
    way = urls or (lambda _: redis_url)
    clocks = [Clock() for _ in range(number)]
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(
            open_house(
                folder,
                way(0),
                deadline=deadline,
                more_providers=providers,
                grades_url=grades_url,
                grades_identity=grades_identity,
                clock=clocks[0],
            )
        )
        workers = Workers(house, [house.url], clocks, [house.log], redis_url)
        for each in range(1, number):
            log = io.StringIO()
            url = await stack.enter_async_context(_one_more(house, way(each), clocks[each], log))
            workers.urls.append(url)
            workers.logs.append(log)
        yield workers


@asynccontextmanager
async def _one_more(house: House, redis_url: str, clock: Clock, log: io.StringIO) -> AsyncGenerator[str]:
    origins = Origins(house.settings.origins, house.settings.routes.backends)
    origins.load()
    async with build(house.settings, origins, redis_url, make_log(log), clock) as gateway:
        runner = public_runner(gateway.public, house.settings.max_head, grace=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


@asynccontextmanager
async def beside(workers: Workers) -> AsyncGenerator[Opened]:
    """Sessions as a command beside the workers opens them."""
    settings = replace(workers.house.settings, redis=replace(workers.house.settings.redis, deadline=5.0))
    async with open_sessions(
        settings, workers.redis_url, make_log(io.StringIO()), workers.clocks[0]
    ) as opened:
        yield opened


async def cookies_of(workers: Workers, people: list[str], origin: str = TRUSTED) -> list[str]:
    """A book's cookie for each person, made the way the gateway makes them, without a page between."""
    cookies = []
    async with beside(workers) as opened:
        for person in people:
            parent = await opened.sessions.begin_sign_in(
                person, person.title(), "campus", int(time.time()), own_device=True, replaces=None
            )
            begun = await opened.sessions.begin_book(parent, origin, None, approved=False)
            await opened.sessions.confirm_book(begun.key, Mode.COOKIE)
            cookies.append(f"{book_name(origin)}={begun.id}")
    return cookies
