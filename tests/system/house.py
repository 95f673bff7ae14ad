"""A whole gateway on loopback: real files, Redis, SQLite, sockets; a lying provider; recording backends."""

import asyncio
import io
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from gateway.app import build
from gateway.client_keys import ClientKeys
from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Settings
from gateway.config.watch import Origins
from gateway.provider_presets import Dialect
from gateway.server.run import public_runner
from gateway.signing_keys import Rotation
from gateway.telemetry import make_log
from tests.lying_provider import CLIENT_ID, SECRET, LyingProvider, lying_provider
from tests.ports import free_port
from tests.system.data_path import DEFAULT
from tests.system.reader import Reader
from tests.system.recording_backend import Received, RecordingBackend, recording_backend

TRUSTED = "https://books.example.edu"
MIRROR = "https://mirror.example.edu"
CONSENT = "https://ada.example.org"
DENIED = "https://scraper.example.net"
LOOPBACK = "http://localhost:8000"

ORIGINS = f"""
version: 1
unlisted: consent
unlisted_policy: guest-book
policies:
  guest-book: {{backends: [storage]}}
  book: {{trust: trusted, backends: [storage, analytics, grades]}}
groups:
  ours:
    policy: book
    origins:
      - {TRUSTED}
      - {{origin: {MIRROR}, book: mirror}}
  others:
    policy: book
    trust: consent
    origins: [{CONSENT}, "{LOOPBACK}"]
  blocked:
    trust: denied
    contact: blocked-books@example.edu
    origins: [{DENIED}]
"""

GATEWAY = """
version: 1
public_url: {url}
contact: help@example.edu
listen: {{public: "127.0.0.1:{port}"}}
data_path: {data_path}
state: {state}
origins: {{file: {origins}}}
redis: {{url: {{env: REDIS}}, prefix: "{prefix}:", deadline: {deadline}}}
keys:
  root: {{file: root.key}}
  people: {{file: people.key}}
  research: {{file: research.key}}
providers:
  campus:
    preset: oidc
    issuer: {issuer}
    client_id: "{client}"
    client_secret: {{env: SECRET}}
    label: Example University
    logout: {logout}
{more_providers}
sign_in: {{guests: {guests}}}
limits: {{guests: {guest_limits}, sign_in: {sign_in_limits}, requests: {request_limits}}}
trusted_proxies: {trusted_proxies}
backends:
  storage:
    urls: ["{storage}"]
    websocket: true
    guests: true
    lifecycle: [merge, unmerge, delete, export]
    routes:
      - {{path: /storage/, strip: true}}
      - {{path: /ns/}}
      - {{path: /pictures/, strip: true, sign_in: none, embed: true}}
  analytics:
    urls: ["{analytics}"]
    routes: [{{path: /analytics/, strip: true}}]
    identity: {{subject: pseudonym}}
    guests: true
    lifecycle: [{analytics_lifecycle}]
  grades:
    urls: ["{grades}"]
    routes: [{{path: /grades/, strip: true}}]
    identity: {{{grades_identity}}}
    websocket: true
{more_backends}
"""


@dataclass
class House:
    """A running gateway and the other end of everything it speaks to."""

    url: str
    private: str
    liar: LyingProvider
    storage: RecordingBackend
    analytics: RecordingBackend
    settings: Settings
    origins: Origins
    origins_file: Path
    log: io.StringIO

    async def requests(self, *ids: object) -> dict[object, dict[str, object]]:
        """The log's lines of requests, when those of these ids are written: that is done some at a time."""
        async with asyncio.timeout(20):
            while True:
                lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
                found = {line["id"]: line for line in lines if line["event"] == "request"}
                if set(ids) <= set(found):
                    return found
                await asyncio.sleep(0.02)

    def reader(self, subject: str = "ada") -> Reader:
        return Reader(self.url, lambda url: self.at_provider(url, subject))

    def at_provider(self, url: str, subject: str) -> dict[str, str]:
        assert url.startswith(self.liar.issuer), url
        self.liar.redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        return self.liar.authorize(url, subject)

    def set_origins(self, text: str) -> None:
        """What an editor and a SIGHUP do."""
        self.origins_file.write_text(text)
        self.origins.reload()


def subject(received: Received) -> str:
    """Whom a backend was told that a request is from; exactly one identity."""
    (line,) = received.values("X-Bookgate-Assertion")
    payload = line.split(".")[1]
    found = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    assert isinstance(found, str)
    return found


@asynccontextmanager
async def open_house(
    folder: Path,
    redis_url: str,
    *,
    more_providers: str = "",
    more_backends: str = "",
    origins: str = ORIGINS,
    deadline: str = "5s",
    logout: str = "here",
    storage_url: str | None = None,
    analytics_url: str | None = None,
    analytics_lifecycle: str = "delete, export",
    grades_url: str | None = None,
    grades_identity: str = "subject: pairwise",
    guests: str = "true",
    guest_limits: str = "{}",
    sign_in_limits: str = "{per_address: 100000/min, per_person: 10000/min}",  # one person, many tests
    request_limits: str = "{per_person: 100000/s, per_origin: 100000/s}",
    trusted_proxies: str = "[]",
    data_path: str | None = None,
    clock: Callable[[], float] = time.time,
    prefix: str | None = None,
    port: int | None = None,
    host: str = "127.0.0.1",
    assertion_keys: Rotation | None = None,
    dialects: Mapping[str, Dialect] = MappingProxyType({}),
    client_keys: Mapping[str, ClientKeys] = MappingProxyType({}),
    more_environment: Mapping[str, str] = MappingProxyType({}),
    more: str = "",
) -> AsyncGenerator[House]:
    """Everything started, on free ports; all of it ends with the block.

    more_providers: blocks; LIAR stands for the lying provider's issuer. more_backends: STORAGE for the
    recording service's URL, PORT for the gateway's port. more: blocks at the top.
    storage_url, analytics_url, grades_url: where a service will be, instead of one that records.
    analytics_lifecycle: what analytics is asked about a person.
    deadline: of Redis; long, so that a busy machine is no fault, except where that very fault is tested.
    data_path: fast | plain; as the test goes, where it is not said.
    port: the gateway's, where somebody must know it before. host: in its URL.
    assertion_keys: a rotation that is faster than a site may have it.
    dialects, client_keys: by provider, as a preset has it whose issuer is not here.
    """
    async with AsyncExitStack() as stack:
        liar = await stack.enter_async_context(lying_provider())
        storage = await stack.enter_async_context(recording_backend())
        analytics = await stack.enter_async_context(recording_backend())
        for name in ("root", "people", "research"):
            if not (folder / f"{name}.key").exists():  # a house that was here before keeps its people
                (folder / f"{name}.key").write_text(token_hex(32))
        (folder / "origins.yaml").write_text(origins)
        port = port or free_port()
        url = f"http://{host}:{port}"
        text = GATEWAY.format(
            url=url,
            port=port,
            data_path=data_path or DEFAULT.way,
            state=folder / "state",
            origins=folder / "origins.yaml",
            prefix=prefix or token_hex(4),
            deadline=deadline,
            logout=logout,
            guests=guests,
            guest_limits=guest_limits,
            sign_in_limits=sign_in_limits,
            request_limits=request_limits,
            trusted_proxies=trusted_proxies,
            issuer=liar.issuer,
            client=CLIENT_ID,
            more_providers=more_providers.replace("LIAR", liar.issuer),
            more_backends=more_backends.replace("STORAGE", storage.url).replace("PORT", str(port)),
            storage=storage_url or storage.url,
            analytics=analytics_url or analytics.url,
            analytics_lifecycle=analytics_lifecycle,
            grades=grades_url or storage_url or storage.url,
            grades_identity=grades_identity,
        )
        text += more
        (folder / "gateway.yaml").write_text(text)
        (folder / "state").mkdir(exist_ok=True)
        environment = {"REDIS": redis_url, "SECRET": SECRET, **more_environment}
        settings = parse_gateway(text.encode(), folder / "gateway.yaml", environment)
        spoken = (
            replace(
                it,
                dialect=dialects.get(it.id, it.dialect),
                client_keys=client_keys.get(it.id, it.client_keys),
            )
            for it in settings.providers
        )
        settings = replace(settings, providers=tuple(spoken))
        if assertion_keys is not None:
            settings = replace(settings, keys=replace(settings.keys, assertion=assertion_keys))
        loaded = Origins(settings.origins, settings.routes.backends)
        loaded.load()
        log = io.StringIO()
        built = build(settings, loaded, redis_url, make_log(log), clock)
        gateway = await stack.enter_async_context(built)
        runner = public_runner(gateway.public, settings.max_head, grace=1, fast=gateway.fast)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        private = web.AppRunner(gateway.private)
        await private.setup()
        stack.push_async_callback(private.cleanup)
        await web.TCPSite(private, "127.0.0.1", 0).start()
        yield House(
            url,
            f"http://127.0.0.1:{private.addresses[0][1]}",
            liar,
            storage,
            analytics,
            settings,
            loaded,
            folder / "origins.yaml",
            log,
        )
