"""gateway/origin_history.py: several workers on one file and one directory, stopped, started and too late."""

import asyncio
import io
import sqlite3
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from gateway.config.watch import Origins
from gateway.directory import Directory
from gateway.errors import DirectoryUnavailableError
from gateway.origin_history import OriginHistory
from gateway.origins import parse_origin
from gateway.telemetry import make_log

TODAY = date(2027, 1, 10)
BOOK, OTHER = "https://a.example.edu", "https://b.example.edu"


def content(*origins: str, trust: str = "trusted", extra: str = "") -> str:
    items = "".join(f"      - '{origin}'\n" for origin in origins)
    group = f"  books:\n    backends: [storage]\n    trust: {trust}\n    origins:\n{items}"
    return f"version: 1\ngroups:\n{group}{extra}"


BOTH, WITHOUT = content(BOOK, OTHER), content(OTHER)
CONSENT = content(BOOK, OTHER, trust="consent")


@dataclass
class Worker:
    origins: Origins
    history: OriginHistory
    log: io.StringIO

    def since(self, origin: str = BOOK) -> tuple[int, int] | None:
        """None: it is not granted."""
        parsed = parse_origin(origin)
        assert parsed is not None
        policy = self.origins.current.find(parsed, TODAY)
        return None if policy is None else (policy.since, policy.trusted_since)

    async def reload(self) -> None:
        assert self.origins.reload().changed
        await self.history.look()


@dataclass
class Site:
    folder: Path
    stack: AsyncExitStack
    now: float = 100.0
    today: date = TODAY
    workers: list[Worker] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.folder / "d.db"

    def write(self, text: str) -> None:
        self.now += 100
        (self.folder / "origins.yaml").write_text(text)

    async def worker(self) -> Worker:
        """Started, as a gateway is: before anything is served it knows what the directory knows."""
        directory = await Directory.open(f"sqlite+aiosqlite:///{self.directory}", b"k" * 32, self.clock)
        self.stack.push_async_callback(directory.close)
        path = self.folder / "origins.yaml"
        origins = Origins(path, ["storage"], lambda: self.today, self.clock)
        origins.load()
        log = io.StringIO()
        history = OriginHistory(directory.origin_entries, origins, self.clock, make_log(log))
        await history.look()
        return Worker(origins, history, log)

    def clock(self) -> float:
        return self.now


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    async with AsyncExitStack() as stack:
        yield Site(tmp_path, stack)


async def test_a_first_start_takes_nothing_away(site: Site) -> None:
    site.write(BOTH)
    worker = await site.worker()
    assert (worker.since(), worker.since(OTHER)) == ((0, 0), (0, 0))
    assert (await site.worker()).since() == (0, 0)


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        pytest.param(WITHOUT, (400, 400), id="removed"),
        pytest.param(CONSENT, (0, 400), id="by consent"),
        pytest.param(BOTH, (0, 0), id="as it was"),
    ],
)
async def test_an_edit_while_no_gateway_ran(site: Site, between: str, expected: tuple[int, int]) -> None:
    for text in (BOTH, between, BOTH + "# and back\n"):
        site.write(text)
        worker = await site.worker()
    assert worker.since() == expected
    assert worker.since(OTHER) == ((0, 400) if between == CONSENT else (0, 0))
    site.now += 100
    assert (await site.worker()).since() == expected, "and so at every later start"


async def test_an_entry_that_ended_by_its_date_while_no_gateway_ran(site: Site) -> None:
    entry = f"{{origin: '{BOOK}', expires: 2027-01-09}}"
    text = content(OTHER).replace(f"'{OTHER}'", entry)
    site.today = date(2027, 1, 9)
    site.write(text)
    await site.worker()
    site.today = TODAY
    site.write(text.replace("2027-01-09", "2027-12-31"))
    assert (await site.worker()).since() == (300, 300)


async def test_at_a_reload_it_counts_at_once_and_for_later_starts(site: Site) -> None:
    site.write(BOTH)
    worker = await site.worker()
    site.write(WITHOUT)
    await worker.reload()
    site.write(BOTH)
    worker.origins.reload()
    assert worker.since() == (400, 400)
    await worker.history.look()
    assert worker.since() == (400, 400)
    site.now += 100
    assert (await site.worker()).since() == (400, 400)


async def test_of_workers_that_reload_one_after_the_other_the_first_is_right(site: Site) -> None:
    """Who signed in at the first meanwhile is not signed out by the second."""
    site.write(BOTH)
    one, other = await site.worker(), await site.worker()
    for text in (WITHOUT, BOTH):
        site.write(text)
        await one.reload()
        site.now += 1
        await other.reload()
    assert one.since() == other.since() == (401, 401)
    await one.history.look()
    assert one.since() == (401, 401)


async def test_workers_that_look_at_once(site: Site) -> None:
    site.write(BOTH)
    workers = [await site.worker() for _ in range(3)]
    for text in (WITHOUT, BOTH):
        site.write(text)
        for worker in workers:
            worker.origins.reload()
        await asyncio.gather(*(worker.history.look() for worker in workers))
    assert [worker.since() for worker in workers] == [(400, 400)] * 3
    assert [worker.since(OTHER) for worker in workers] == [(0, 0)] * 3


async def test_a_worker_that_missed_the_file_in_between_learns_of_it(site: Site) -> None:
    site.write(BOTH)
    one, other = await site.worker(), await site.worker()
    for text in (WITHOUT, BOTH):
        site.write(text)
        await one.reload()
    assert not other.origins.reload().changed, "for this one nothing happened"
    assert other.since() == (0, 0)
    await other.history.look()
    assert other.since() == (400, 400)
    assert other.since(OTHER) == (0, 0)


async def test_what_came_and_went_while_the_directory_was_away_is_not_forgotten(site: Site) -> None:
    site.write(BOTH)
    worker = await site.worker()
    with closing(sqlite3.connect(site.directory, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        for text in (WITHOUT, BOTH):
            site.write(text)
            assert worker.origins.reload().changed
        with pytest.raises(DirectoryUnavailableError):
            await worker.history.look()
        assert worker.since() == (400, 400)
        lock.execute("ROLLBACK")
    site.now += 100
    await worker.history.look()
    assert worker.since() == (400, 400)
    assert (await site.worker()).since() == (400, 400)


async def test_it_runs_beside_and_goes_on_after_the_directory_was_away(site: Site) -> None:
    site.write(BOTH)
    worker = await site.worker()
    running = asyncio.create_task(worker.history.run())
    with closing(sqlite3.connect(site.directory, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        for text in (WITHOUT, BOTH):
            site.write(text)
            worker.origins.reload()
        await until_true(lambda: "directory_unavailable" in worker.log.getvalue())
        lock.execute("ROLLBACK")
    kept = sqlite3.connect(site.directory)
    with closing(kept):
        query = "SELECT since FROM origin_entries WHERE entry = ?"
        await until_true(lambda: kept.execute(query, [BOOK]).fetchone() == (400,))
    assert worker.log.getvalue().count("directory_unavailable") == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until_true(found: object, seconds: float = 30.0) -> None:
    assert callable(found)
    ends = asyncio.get_running_loop().time() + seconds
    while not found():
        assert asyncio.get_running_loop().time() < ends
        await asyncio.sleep(0.05)


async def test_ten_thousand_entries(site: Site) -> None:
    """Compared and kept, beside requests; and looked at when nothing has changed."""
    many = [f"https://book{number}.example.edu" for number in range(10_000)]
    site.write(content(*many))
    worker = await site.worker()
    taken = []
    for text in (content(*many[:-1]), content(*many)):
        site.write(text)
        worker.origins.reload()
        began = time.perf_counter()
        await worker.history.look()
        taken.append(time.perf_counter() - began)
    assert (worker.since(many[0]), worker.since(many[-1])) == ((0, 0), (400, 400))
    began = time.perf_counter()
    await worker.history.look()
    idle = time.perf_counter() - began
    sys.stdout.write(f"10,000 entries: {min(taken) * 1000:.0f} ms; a look: {idle * 1000:.0f} ms\n")
    assert min(taken) < 1
