"""The two services that come with the gateway, on real files and sockets, behind a gateway of a test."""

import io
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp import web

from backends import database
from backends.allowance import Allowance
from backends.analytics.api import Api as AnalyticsApi
from backends.analytics.command import EVENTS
from backends.analytics.command import MIGRATIONS as ANALYTICS_MIGRATIONS
from backends.analytics.service import Analytics
from backends.assertion import Verifier
from backends.database import Database
from backends.jwks import RemoteKeys
from backends.serving import Draining, application
from backends.storage.api import Api as StorageApi
from backends.storage.command import MIGRATIONS as STORAGE_MIGRATIONS
from backends.storage.command import WRITES
from backends.storage.internal_api import InternalApi
from backends.storage.runestone_api import RunestoneApi
from backends.storage.service import Storage
from gateway.telemetry import make_log


class Issuer(Protocol):
    """A gateway: its own URL, and its private listener's."""

    @property
    def url(self) -> str: ...
    @property
    def private(self) -> str: ...


@asynccontextmanager
async def storage_at(port: int, file: Path, gateway: Issuer) -> AsyncGenerator[None]:
    """A storage service that believes this gateway."""
    database.migrate(file, STORAGE_MIGRATIONS)

    def routes(opened: Database) -> list[web.RouteDef]:
        service = Storage(opened, Allowance(WRITES, time.monotonic), time.time)
        apis = (StorageApi(service), RunestoneApi(service), InternalApi(service))
        return [route for api in apis for route in api.routes()]

    async with _service_at(port, file, gateway, "storage", routes):
        yield


@asynccontextmanager
async def analytics_at(port: int, file: Path, gateway: Issuer) -> AsyncGenerator[None]:
    """An analytics service that does."""
    database.migrate(file, ANALYTICS_MIGRATIONS)

    def routes(opened: Database) -> list[web.RouteDef]:
        return AnalyticsApi(Analytics(opened, Allowance(EVENTS, time.monotonic), time.time)).routes()

    async with _service_at(port, file, gateway, "analytics", routes):
        yield


@asynccontextmanager
async def _service_at(
    port: int,
    file: Path,
    gateway: Issuer,
    audience: str,
    routes: Callable[[Database], Iterable[web.RouteDef]],
) -> AsyncGenerator[None]:
    async with AsyncExitStack() as stack:
        opened = Database(file)
        stack.push_async_callback(opened.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        keys = RemoteKeys(session, f"{gateway.private}/.well-known/jwks.json", time.monotonic)
        stack.push_async_callback(keys.close)
        verifier = Verifier(keys, gateway.url, audience, time.time)

        async def ready() -> None:
            opened.answers()

        app = application(routes(opened), verifier, ready, Draining(), make_log(io.StringIO()))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, auto_decompress=False)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
