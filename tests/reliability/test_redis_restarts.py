"""Redis that comes late, or comes back with nothing: readers sign in once, and nobody becomes another."""

import asyncio
import time
from pathlib import Path

from tests.redis_server import RedisServer
from tests.reliability.conftest import Tell
from tests.reliability.traffic import tell_person, traffic
from tests.reliability.workers import Roamer, Workers, open_workers
from tests.system.house import TRUSTED
from tests.system.reader import Flow, Got

ITEM = "/storage/v1/items/a"
BACK = 3.0  # seconds: the rule for full service after Redis is back


async def served(reader: Roamer, since: float) -> float:
    """Seconds from `since` until this reader is served."""
    while True:
        got = await reader.fetch(TRUSTED, "GET", ITEM)
        if got.status == 200:
            return time.monotonic() - since
        assert got.status == 503, got.text
        assert time.monotonic() < since + BACK, got.text
        await asyncio.sleep(0.02)


async def signed_in_soon(workers: Workers, person: str, since: float) -> float:
    while True:
        async with workers.reader(person) as reader:
            page = await reader.ask(Flow(TRUSTED))
            if page.status != 503:
                assert (await reader.sign_in(Flow(TRUSTED))).status == 200
                return time.monotonic() - since
        assert time.monotonic() < since + BACK
        await asyncio.sleep(0.02)


async def test_redis_is_absent_at_start(tmp_path: Path, redis_server: RedisServer, tell: Tell) -> None:
    """The gateways start without it, say 503, and serve as soon as it is there."""
    redis_server.stop()
    async with open_workers(tmp_path, redis_server.url) as workers:
        workers.house.storage.script = tell_person
        async with workers.reader() as ada:
            for _ in range(6):
                asked = time.monotonic()
                page = await ada.ask(Flow(TRUSTED))
                assert (page.status, page.one("Retry-After")) == (503, "1")
                assert time.monotonic() - asked < 1
        await asyncio.to_thread(redis_server.start)
        tell("first sign-in after", f"{await signed_in_soon(workers, 'ada', time.monotonic()):.2f} s")
        assert workers.unforeseen() == []


async def test_redis_comes_back_empty(tmp_path: Path, redis_server: RedisServer) -> None:
    """Everybody is signed out, told so as ever, and is the same person after the next sign-in."""
    async with open_workers(tmp_path, redis_server.url) as workers:
        async with traffic(workers) as readers:
            redis_server.kill()
            await asyncio.to_thread(redis_server.start)
            workers.house.storage.received.clear()
            for regular in readers.regulars:
                got = await first_answer(regular.reader)
                assert (got.status, got.error) == (401, "login_required"), got.text
            assert workers.house.storage.received == []
            for regular in readers.regulars:
                if regular.worker == 0:
                    assert (await regular.reader.sign_in(Flow(TRUSTED))).status == 200
                assert (await regular.ask()).got.json["told"] == regular.person
        assert workers.unforeseen() == []


async def first_answer(reader: Roamer) -> Got:
    """The first that is not 503."""
    ends = time.monotonic() + BACK
    while (got := await reader.fetch(TRUSTED, "GET", ITEM)).status == 503:
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)
    return got
