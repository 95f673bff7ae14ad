"""The services on real sockets, and a reader who speaks HTTP to them."""

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from backends import database
from backends.allowance import Allowance, Rate
from backends.analytics.api import Api as AnalyticsApi
from backends.analytics.command import MIGRATIONS as ANALYTICS_MIGRATIONS
from backends.analytics.service import Analytics
from backends.analytics.staff import ROLES
from backends.analytics.stats import Stats
from backends.analytics.stats_api import StatsApi
from backends.assertion import INTERNAL_TYPE, Verifier
from backends.database import Database
from backends.jwks import RemoteKeys
from backends.log import STANDARD_OUTPUT, Output, json_log
from backends.serving import Draining, application
from backends.storage.command import MIGRATIONS as STORAGE_MIGRATIONS
from backends.storage.command import routes as storage_routes
from backends.storage.retention import Retention
from backends.storage.service import Storage
from tests.backends.issuer import ISSUER, Issuer, claims_of, sign

PLENTY = Rate(burst=1e9, per_second=1e9)


class Clock:
    """Unix time that a test can move."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])

    @property
    def etag(self) -> str:
        return self.headers["ETag"]

    @property
    def code(self) -> str:
        """The code of a refusal, whose form is checked on the way."""
        assert self.headers["Content-Type"] == "application/problem+json"
        problem = self.json
        assert problem["status"] == self.status
        assert problem["type"] == f"urn:bookgate:problem:{problem['code']}"
        assert problem["request_id"] == self.headers["X-Request-Id"]
        assert isinstance(problem["title"], str)
        return str(problem["code"])


@dataclass(frozen=True, slots=True)
class Reader:
    """One person in one book."""

    session: aiohttp.ClientSession
    url: str
    assertion: str | None

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        /,
        **headers: str,
    ) -> Answer:
        """Headers are named as keywords: content_type is Content-Type."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.assertion is not None:
            given["X-Bookgate-Assertion"] = self.assertion
        async with self.session.request(
            method,
            URL(self.url + path, encoded=True),
            data=None if body is None else BytesIO(body),
            headers=given,
            allow_redirects=False,
            skip_auto_headers=["Content-Type"],
        ) as response:
            answer = Answer(response.status, response.headers, await response.read())
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        return answer

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def put(
        self, path: str, body: bytes, *, content_type: str = "text/plain", **headers: str
    ) -> Answer:
        return await self.ask("PUT", path, body, content_type=content_type, **headers)

    async def post(
        self, path: str, body: bytes, *, content_type: str = "application/json", **headers: str
    ) -> Answer:
        return await self.ask("POST", path, body, content_type=content_type, **headers)

    async def delete(self, path: str, **headers: str) -> Answer:
        return await self.ask("DELETE", path, **headers)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs in this process, on a socket."""

    session: aiohttp.ClientSession
    url: str
    issuer: Issuer
    audience: str
    file: Database
    clock: Clock

    def reader(self, sub: str = "ada", book: str = "book-1", **claims: object) -> Reader:
        token = self.issuer.mint(aud=self.audience, sub=sub, book=book, **claims)
        return Reader(self.session, self.url, token)

    def internal(self, loser: str, survivor: str, book: str = "book-1", **claims: object) -> Reader:
        """The gateway's own call: the loser's work in a book becomes the survivor's."""
        said = {"purpose": "merge", "sub": survivor, "from": loser, "book": book, "aud": self.audience}
        header: dict[str, object] = {"alg": "ES256", "typ": INTERNAL_TYPE, "kid": "key-1"}
        return Reader(self.session, self.url, sign(self.issuer.key, header, claims_of(**said | claims)))

    def asked(self, purpose: str, sub: str, book: str = "book-1") -> Reader:
        """The gateway's own call about one person."""
        said = {"purpose": purpose, "sub": sub, "book": book, "aud": self.audience}
        header: dict[str, object] = {"alg": "ES256", "typ": INTERNAL_TYPE, "kid": "key-1"}
        return Reader(self.session, self.url, sign(self.issuer.key, header, claims_of(**said)))

    def class_of(self, *students: str, **claims: object) -> Reader:
        """The gateway's own call of a teacher's page."""
        said: dict[str, object] = {"purpose": "grid", "sub": "teacher", "aud": self.audience}
        said |= {"class": "class-1", "students": list(students)} | claims
        header: dict[str, object] = {"alg": "ES256", "typ": INTERNAL_TYPE, "kid": "key-1"}
        return Reader(self.session, self.url, sign(self.issuer.key, header, claims_of(**said)))

    async def sweep(self) -> None:
        await Retention(self.file, self.clock).sweep()

    def nobody(self) -> Reader:
        return Reader(self.session, self.url, None)


@asynccontextmanager
async def storage(path: Path, issuer: Issuer, rate: Rate = PLENTY) -> AsyncGenerator[Running, None]:
    database.migrate(path, STORAGE_MIGRATIONS)
    clock = Clock()

    def routes(file: Database) -> list[web.RouteDef]:
        return storage_routes(Storage(file, Allowance(rate, time.monotonic), clock))

    async with _running(path, issuer, "storage", clock, routes) as running:
        yield running


@asynccontextmanager
async def analytics(path: Path, issuer: Issuer, rate: Rate = PLENTY) -> AsyncGenerator[Running, None]:
    database.migrate(path, ANALYTICS_MIGRATIONS)
    clock = Clock()

    def routes(file: Database) -> list[web.RouteDef]:
        api = AnalyticsApi(Analytics(file, Allowance(rate, time.monotonic), clock))
        return [*api.routes(), *StatsApi(Stats(file, clock), ROLES).routes()]

    async with _running(path, issuer, "analytics", clock, routes) as running:
        yield running


@asynccontextmanager
async def _running(
    path: Path,
    issuer: Issuer,
    audience: str,
    clock: Clock,
    routes: Callable[[Database], Iterable[web.RouteDef]],
) -> AsyncGenerator[Running, None]:
    async with AsyncExitStack() as stack:
        file = Database(path)
        stack.push_async_callback(file.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        keys = RemoteKeys(session, issuer.url, time.monotonic)
        stack.push_async_callback(keys.close)
        verifier = Verifier(keys, ISSUER, audience, time.time)

        async def ready() -> None:
            file.answers()

        output = Output(STANDARD_OUTPUT)
        stack.callback(output.close)
        app = application(routes(file), verifier, ready, Draining(), json_log(output))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, auto_decompress=False)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield Running(session, url, issuer, audience, file, clock)
