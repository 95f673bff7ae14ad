"""Two workers in a thread of their own, and what a state machine may do with them and ask of them."""

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlencode

from redis.asyncio import Redis

from gateway.cookies import SIGN_IN, book_name
from tests.proofs import ProofKey
from tests.redis_server import RedisServer
from tests.reliability.session_model import SignIn
from tests.reliability.traffic import tell_person
from tests.reliability.workers import Roamer, Workers, beside, open_workers
from tests.sessions_parts import age_key
from tests.system.house import CONSENT
from tests.system.reader import Flow, Got

T = TypeVar("T")

ITEM = "/storage/v1/items/a"
BACK = 5.0  # seconds of 503 that are allowed after Redis came back; how many it takes is measured elsewhere


@dataclass
class Browser:
    """Of one person. now_in: the sign-in session whose cookie it holds."""

    person: str
    reader: Roamer
    now_in: SignIn | None = None


@dataclass
class Held:
    """What a book holds of its session, wherever it came from."""

    origin: str
    cookie: str | None = None
    key: ProofKey | None = None
    access: str = ""
    refresh: str = ""


class Stage:
    """Opened once for all the machine's runs: each has people of its own, and time only goes on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._stack = AsyncExitStack()
        self._folder = tempfile.TemporaryDirectory()
        self._data = Path(self._folder.name) / "redis"
        self.redis = RedisServer(self._data)
        self._copied = 0.0
        self.number = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.redis.start()
        self.workers = self.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stack.aclose())
        self.redis.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    def run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    async def _open(self) -> Workers:
        folder = Path(self._folder.name) / "house"
        folder.mkdir()
        workers = await self._stack.enter_async_context(open_workers(folder, self.redis.url, deadline="2s"))
        self.operator = await self._stack.enter_async_context(beside(workers))
        workers.house.storage.script = tell_person
        return workers

    def now(self) -> float:
        return self.workers.clocks[0]()

    def pass_by(self, seconds: float) -> None:
        """For the gateways, and for what lies in Redis."""
        for clock in self.workers.clocks:
            clock.ahead += seconds
        self.run(age(self.redis.url, int(seconds)))

    # -- what Redis goes through

    def clear(self) -> None:
        """Nothing of sessions is left of an earlier run."""
        self.run(forget_sessions(self.redis.url, self.workers.house.settings.redis.prefix))

    def copy(self) -> None:
        """Keeps what Redis holds now."""
        self.redis.command("SAVE")
        shutil.copy(self._data / "dump.rdb", self._data / "copy.rdb")
        self._copied = self.now()

    def kill(self) -> None:
        """Dead, with all that it held."""
        self.redis.command("SAVE")
        self.redis.kill()

    def start_with_copy(self) -> None:
        """The time that went by went by for the copy too."""
        spare = Path(self._folder.name) / "spare"
        other = RedisServer(spare)
        shutil.copy(self._data / "copy.rdb", spare / "dump.rdb")
        other.start()
        self.run(age(other.url, int(self.now() - self._copied)))
        other.command("SAVE")
        other.stop()
        shutil.copy(spare / "dump.rdb", self._data / "dump.rdb")
        self.redis.start()

    def start_empty(self) -> None:
        (self._data / "dump.rdb").unlink()
        self.redis.start()

    def browser(self, person: str) -> Browser:
        reader = self.run(self._browser(person))
        return Browser(person, reader)

    async def _browser(self, person: str) -> Roamer:
        reader = self.workers.reader(person)
        reader.clock = self.now
        return reader

    # -- what a reader does

    async def sign_in(
        self, browser: Browser, origin: str, at: int | None, *, tokens: bool, own_device: bool
    ) -> tuple[Held, bool]:
        """Through the pages, by what this browser holds; and whether the device is the reader's own."""
        reader, flow = browser.reader, Flow(origin)
        reader.at = at
        now = int(self.now())
        self.workers.house.liar.claims = {"iat": now, "exp": now + 300, "auth_time": now - 60}
        tick = {"own_device": "1"} if own_device else {}
        code = await reader.code(flow, **tick)
        got = await reader.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        assert got.status == 200, got.text
        jar = next(jar for jar in reader.partitions.values() if book_name(origin) in jar)
        if tokens:
            jar.pop(book_name(origin))
        got = await reader.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
        assert got.status == 200, got.text
        assert got.json["mode"] == ("dpop" if tokens else "cookie")
        if tokens:
            held = Held(
                origin,
                key=flow.key,
                access=str(got.json["access_token"]),
                refresh=str(got.json["refresh_token"]),
            )
        else:
            held = Held(origin, cookie=jar[book_name(origin)])
        return held, got.json["keep"] is True

    async def ask(self, held: Held, at: int, method: str, path: str, form: str | None = None) -> Got:
        """As the book does; again while it is told to come again."""
        ends = time.monotonic() + BACK
        while True:
            got = await self._send(held, at, method, path, form)
            if got.status != 503 or time.monotonic() > ends:
                return got
            await asyncio.sleep(0.05)

    async def _send(self, held: Held, at: int, method: str, path: str, form: str | None) -> Got:
        headers = {"Origin": held.origin, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if held.cookie is not None:
            headers["Cookie"] = f"{book_name(held.origin)}={held.cookie}"
        if held.key is not None:
            token = None if path == "/auth/token" else held.access
            url = self.workers.house.url + path
            headers["DPoP"] = held.key.proof(method, url, int(self.now()), token)
            if token is not None:
                headers["Authorization"] = f"DPoP {token}"
        async with self._nobody(at) as reader:
            got, _ = await reader.raw(method, path, headers, form)
            return got

    def _nobody(self, at: int) -> Roamer:
        """A browser without cookies."""
        reader = self.workers.reader()
        reader.at = at
        return reader

    async def refresh(self, held: Held, at: int) -> bool:
        form = urlencode(
            {"grant_type": "refresh_token", "refresh_token": held.refresh, "client_id": held.origin}
        )
        got = await self.ask(held, at, "POST", "/auth/token", form)
        if got.status == 200:
            held.access = str(got.json["access_token"])
            return True
        assert (got.status, got.error) == (400, "invalid_grant"), got.text
        return False

    async def served(self, held: Held, at: int) -> str | None:
        """Whom the backend was told; None: nobody, and it was asked nothing."""
        self.workers.house.storage.received.clear()
        got = await self.ask(held, at, "GET", ITEM)
        if got.status == 200:
            return str(got.json["told"])
        refusal = (403, "consent_required") if held.origin == CONSENT else (401, "login_required")
        assert (got.status, got.error) == refusal, got.text
        assert self.workers.house.storage.received == []
        return None

    async def sign_out(self, held: Held, at: int, scope: str) -> object:
        got = await self.ask(held, at, "POST", "/auth/logout", urlencode({"scope": scope}))
        assert got.status == 200, got.text
        return got.json["signed_out"]

    # -- the account page

    async def _account(self, cookie: str, at: int) -> tuple[Roamer, Got]:
        reader = self._nobody(at)
        reader.first_party[SIGN_IN] = cookie
        ends = time.monotonic() + BACK
        while (page := await reader.navigate("/auth/account", site="none")).status == 503:
            assert time.monotonic() < ends
            await asyncio.sleep(0.05)
        assert page.status == 200, page.text
        return reader, page

    async def signed_in(self, cookie: str, at: int) -> bool:
        """Whether the sign-in session's cookie is good for the account page."""
        reader, page = await self._account(cookie, at)
        async with reader:
            return "data-way" not in page.text

    async def on_account_page(self, cookie: str, at: int, act: str) -> None:
        reader, page = await self._account(cookie, at)
        async with reader:
            form = {"transaction": page.transaction, "act": act}
            got = await reader.navigate("/auth/account", form=form)
            assert got.status == 200, got.text


async def age(redis_url: str, seconds: int) -> None:
    """All that expires, as if it had been written so long ago."""
    async with Redis.from_url(redis_url) as redis:
        for key in {key async for key in redis.scan_iter("*")}:  # which may tell one twice
            if await redis.ttl(key) >= 0:
                await age_key(redis, key, seconds)


async def forget_sessions(redis_url: str, prefix: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        async for key in redis.scan_iter(f"{prefix}*"):
            if await redis.ttl(key) >= 0:
                await redis.delete(key)
