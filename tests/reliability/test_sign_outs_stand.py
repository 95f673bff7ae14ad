"""A sign-out stands, whatever Redis forgets, whoever dies and whichever worker is asked: whole gateways."""

import asyncio
import hashlib
import shutil
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.store import scripts
from tests.redis_server import RedisServer
from tests.reliability.conftest import Tell
from tests.reliability.workers import Roamer, Workers, open_workers
from tests.system.echo_socket import echoing
from tests.system.house import TRUSTED
from tests.system.reader import Flow, Got
from tests.tcp_proxy import tcp_proxy

ITEM = "/storage/v1/items/a"
LIVE = "/storage/live"
SOON = 30.0  # seconds: a machine may be busy
CUT = 2.0  # seconds: the rule for streams at other workers, with one failure


@pytest.fixture
def redis(tmp_path: Path) -> RedisServer:
    return RedisServer(tmp_path / "redis")


@pytest.fixture
async def workers(tmp_path: Path, redis: RedisServer) -> AsyncGenerator[Workers]:
    redis.start()
    try:
        (tmp_path / "site").mkdir()
        async with open_workers(tmp_path / "site", redis.url, deadline="500ms") as opened:
            yield opened
            assert opened.unforeseen() == []
    finally:
        redis.stop()


class Forgetful:
    """What a replica has, or a file on a disk, when the last writes did not get there."""

    def __init__(self, redis: RedisServer, folder: Path) -> None:
        self._redis, self._folder = redis, folder

    def keep(self) -> None:
        assert self._redis.command("SAVE").startswith(b"+OK")
        shutil.copy(self._folder / "redis" / "dump.rdb", self._folder / "kept.rdb")

    def take_over(self) -> None:
        self._redis.kill()
        shutil.copy(self._folder / "kept.rdb", self._folder / "redis" / "dump.rdb")
        self._redis.start()


async def answered(reader: Roamer) -> Got:
    """The first answer that is not 503."""
    ends = time.monotonic() + SOON
    while (got := await reader.fetch(TRUSTED, "GET", ITEM)).status == 503:
        assert time.monotonic() < ends, got.text
        await asyncio.sleep(0.02)
    return got


async def sign_out(reader: Roamer, **fields: str) -> Got:
    return await reader.post(Flow(TRUSTED, key=None), "/auth/logout", fields)


async def leave_book(reader: Roamer) -> None:
    assert (await sign_out(reader, scope="book")).status == 200


async def leave_browser(reader: Roamer) -> None:
    assert (await sign_out(reader)).status == 200


async def leave_everywhere(reader: Roamer) -> None:
    page = await reader.navigate("/auth/account", site="none")
    form = {"transaction": page.transaction, "act": "everywhere"}
    assert (await reader.navigate("/auth/account", form=form)).status == 200


Leaving = Callable[[Roamer], Awaitable[None]]
WAYS: list[Leaving] = [leave_book, leave_browser, leave_everywhere]


@pytest.mark.parametrize("leave", WAYS, ids=lambda leave: leave.__name__)
async def test_a_redis_that_lost_the_last_writes(
    workers: Workers, redis: RedisServer, tmp_path: Path, leave: Leaving
) -> None:
    """A fail-over to a replica that did not have them yet; nobody else is signed out by it."""
    forgetful = Forgetful(redis, tmp_path)
    async with workers.reader() as ada, workers.reader("bob") as bob:
        for reader in (ada, bob):
            assert (await reader.sign_in(Flow(TRUSTED))).status == 200
        cookies = dict(ada.partitions["example.edu"])
        await asyncio.to_thread(forgetful.keep)
        await leave(ada)
        ada.partitions["example.edu"] = cookies
        await asyncio.to_thread(forgetful.take_over)
        workers.house.storage.received.clear()
        for worker in (0, 1):
            ada.at = bob.at = worker
            assert (await answered(ada)).status == 401
            assert workers.house.storage.received == []
            assert (await answered(bob)).status == 200
            workers.house.storage.received.clear()


class Swallowing:
    """What is on its way to Redis, until a script comes: that and all that follows gets nowhere."""

    def __init__(self, source: str) -> None:
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest().encode()
        self.met = False

    def __call__(self, piece: bytes) -> bytes:
        self.met = self.met or self._digest in piece
        return b"" if self.met else piece


@pytest.mark.parametrize("fault", ["same data", "older data"])
async def test_redis_fails_between_the_row_and_the_write(
    tmp_path: Path, redis: RedisServer, fault: str
) -> None:
    """The answer is 503; yet it is done as soon as Redis is there, before anything is served."""
    redis.start()
    (tmp_path / "site").mkdir()
    forgetful = Forgetful(redis, tmp_path)
    swallowing = Swallowing(scripts.BURY)
    async with (
        tcp_proxy("127.0.0.1", redis.port) as proxy,
        open_workers(tmp_path / "site", proxy.url, deadline="500ms") as workers,
        workers.reader() as ada,
    ):
        assert (await ada.sign_in(Flow(TRUSTED))).status == 200
        await asyncio.to_thread(forgetful.keep)
        proxy.ask = swallowing
        ada.at = 0
        got = await sign_out(ada)
        assert (got.status, got.error, got.one("Retry-After")) == (503, "sessions_unavailable", "1")
        assert not got.every("Set-Cookie")
        assert swallowing.met
        if fault == "older data":
            await asyncio.to_thread(forgetful.take_over)
        proxy.mend()
        proxy.cut()
        workers.house.storage.received.clear()
        for ada.at in (0, 1):
            assert (await answered(ada)).status == 401
        assert workers.house.storage.received == []
        assert (await sign_out(ada)).status == 200
        assert workers.unforeseen() == []
    redis.stop()


async def test_the_directory_is_away_when_somebody_signs_out(
    workers: Workers, redis: RedisServer, tmp_path: Path
) -> None:
    """The sessions end, the answer is 503; repeated, it is 200; and then it stands as any other."""
    forgetful = Forgetful(redis, tmp_path)
    async with workers.reader() as ada:
        assert (await ada.sign_in(Flow(TRUSTED))).status == 200
        cookies = dict(ada.partitions["example.edu"])
        await asyncio.to_thread(forgetful.keep)
        (file,) = workers.house.settings.state.glob("*.sqlite*[!lm]")
        with closing(sqlite3.connect(file, isolation_level=None)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            got = await sign_out(ada)
            assert (got.status, got.error) == (503, "directory_unavailable")
            assert (await answered(ada)).status == 401
            lock.execute("ROLLBACK")
        assert (await sign_out(ada)).status == 200
        await until_noted(file)
        await asyncio.to_thread(forgetful.take_over)
        ada.partitions["example.edu"] = cookies
        for ada.at in (0, 1):
            assert (await answered(ada)).status == 401


async def until_noted(file: Path) -> None:
    ends = time.monotonic() + SOON
    with closing(sqlite3.connect(file)) as directory:
        while directory.execute("SELECT count(*) FROM revocations").fetchone() == (0,):
            assert time.monotonic() < ends
            await asyncio.sleep(0.05)


# --- streams at another worker


@asynccontextmanager
async def socket(
    workers: Workers, reader: Roamer, worker: int
) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
    jar = reader.partitions["example.edu"]
    headers = {
        "Host": urlsplit(workers.house.url).netloc,
        "Origin": TRUSTED,
        "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()),
    }
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
        client.ws_connect(workers.urls[worker] + LIVE, headers=headers) as opened,
    ):
        await opened.send_str("hello")
        assert (await asyncio.wait_for(opened.receive(), SOON)).data == "hello"
        yield opened


async def cut_at(opened: aiohttp.ClientWebSocketResponse) -> float:
    """When it was closed as signed out."""
    while not opened.closed:
        await asyncio.wait_for(opened.receive(), SOON)
    assert opened.close_code == 4401
    return time.monotonic()


async def seconds_to_cut(workers: Workers, leave: Leaving) -> float:
    """From the answer of one worker to the end of a socket at the other; negative: before the answer."""
    workers.house.storage.script = echoing()
    async with workers.reader() as ada:
        assert (await ada.sign_in(Flow(TRUSTED))).status == 200
        async with socket(workers, ada, worker=1) as opened:
            cut = asyncio.create_task(cut_at(opened))
            ada.at = 0
            await leave(ada)
            answered_at = time.monotonic()
            return await cut - answered_at


@pytest.mark.parametrize("leave", WAYS, ids=lambda leave: leave.__name__)
async def test_a_stream_at_another_worker_is_cut(
    workers: Workers, redis: RedisServer, leave: Leaving, tell: Tell
) -> None:
    """Within 50 ms on a machine that does nothing else; asserted is the rule for faults."""
    await both_listen(redis)
    took = [await seconds_to_cut(workers, leave) for _ in range(5)]
    tell("after the answer", ", ".join(f"{seconds * 1000:.0f} ms" for seconds in took))
    assert max(took) < CUT


@pytest.mark.parametrize("leave", WAYS, ids=lambda leave: leave.__name__)
async def test_a_stream_at_another_worker_is_cut_without_the_link(
    workers: Workers, redis: RedisServer, leave: Leaving, tell: Tell
) -> None:
    await both_listen(redis)
    assert redis.command("ACL SETUSER default resetchannels").startswith(b"+OK")
    assert b" sub=2 " not in redis.command("CLIENT LIST TYPE pubsub")
    took = [await seconds_to_cut(workers, leave) for _ in range(3)]
    tell("after the answer", ", ".join(f"{seconds * 1000:.0f} ms" for seconds in took))
    assert max(took) < CUT


async def both_listen(redis: RedisServer) -> None:
    ends = time.monotonic() + SOON
    while redis.command("CLIENT LIST TYPE pubsub").count(b" sub=2 ") < 2:
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)
