"""`bookgate dev`: every part as a process of its own, ready together, ended together."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.config.site import Site, TlsFiles, gateway_yaml, origins_yaml, write_keys, write_new
from gateway.development.authority import LoopbackFiles
from gateway.development.ports import Ports
from gateway.server.children import Child, start_child
from gateway.server.redis import EmbeddedRedis

REDIS_VARIABLE = "BOOKGATE_REDIS_URL"
START_DEADLINE = 30.0  # seconds for each stage
OURS = "# Written by `bookgate dev` at each start. Take this line out, and what you change here stays.\n"


class DevelopmentError(Exception):
    """A part does not start or has died; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its command and the URL that answers 200 when it can be used."""

    name: str
    command: Sequence[str]
    ready: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started, where."""

    book: Path
    state: Path
    ports: Ports
    tls: LoopbackFiles | None = None  # None: plain HTTP, which every browser but WebKit takes on loopback

    @property
    def scheme(self) -> str:
        return "http" if self.tls is None else "https"

    @property
    def gateway_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.ports.gateway}"

    @property
    def book_url(self) -> str:
        return f"{self.scheme}://localhost:{self.ports.book}"

    @property
    def provider_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.provider}"

    @property
    def config(self) -> Path:
        return self.state / "config" / "gateway.yaml"

    def stages(self) -> tuple[tuple[Part, ...], ...]:
        """The services come last: they fetch the gateway's keys before they are ready."""
        return (self._front(), (self._service("storage"), self._service("analytics")))

    def _front(self) -> tuple[Part, ...]:
        ports = self.ports
        return (
            Part(
                "provider",
                _module(
                    "gateway.development.provider",
                    listen=f"127.0.0.1:{ports.provider}",
                    gateway=self.gateway_url,
                ),
                f"{self.provider_url}/.well-known/openid-configuration",
            ),
            Part(
                "gateway",
                _module("gateway", "run", config=str(self.config)),
                f"http://127.0.0.1:{ports.private}/health/ready",
            ),
            Part("book", _module("gateway.development.book", **self._book()), f"{self.book_url}/"),
        )

    def _book(self) -> dict[str, str]:
        options = {"root": str(self.book), "port": str(self.ports.book), "gateway": self.gateway_url}
        if self.tls is None:
            return options
        return {**options, "certificate": str(self.tls.certificate), "key": str(self.tls.key)}

    def _service(self, name: str) -> Part:
        """One of the two services; the gateway imports nothing of them, it runs their commands."""
        port = int(getattr(self.ports, name))
        options = {
            "database": str(self.state / f"{name}.sqlite3"),
            "listen": f"127.0.0.1:{port}",
            "issuer": self.gateway_url,
            "audience": name,
            # the private listener has the same keys, without TLS
            "jwks": f"http://127.0.0.1:{self.ports.private}/.well-known/jwks.json",
        }
        return Part(
            name, _module(f"backends.{name}", "run", **options), f"http://127.0.0.1:{port}/health/ready"
        )


def _module(name: str, *words: str, **options: str) -> tuple[str, ...]:
    flags = (word for key, value in options.items() for word in (f"--{key}", value))
    return (sys.executable, "-m", name, *words, *flags)


def write_files(plan: Plan) -> None:
    """Keys and origins once; gateway.yaml anew (the ports stand in it) until somebody takes it over."""
    plan.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_new(plan.state / ".gitignore", "*\n")
    write_keys(plan.state, secrets.token_bytes)
    ports = plan.ports
    site = Site(
        public_url=plan.gateway_url,
        public=f"127.0.0.1:{ports.gateway}",
        private=f"127.0.0.1:{ports.private}",
        state=plan.state.absolute(),
        redis_variable=REDIS_VARIABLE,
        issuer=plan.provider_url,
        storage=f"http://127.0.0.1:{ports.storage}",
        analytics=f"http://127.0.0.1:{ports.analytics}",
        name="Bookgate demo",
        tls=None if plan.tls is None else TlsFiles(plan.tls.certificate, plan.tls.key),
        guests=True,
    )
    folder = plan.config.parent
    folder.mkdir(exist_ok=True)
    write_new(folder / "origins.yaml", origins_yaml(site))
    found = plan.config.read_text("utf-8") if plan.config.exists() else OURS
    if found.startswith(OURS):
        plan.config.write_text(OURS + gateway_yaml(site, folder), "utf-8")
        return
    missing = [
        name for name in (site.public_url, site.public, site.private, site.issuer) if name not in found
    ]
    if missing:
        message = f"{plan.config} is yours and does not name {', '.join(missing)}, where this start serves."
        raise DevelopmentError(f"{message} Change it there, or start with the ports that it names.")


async def run(plan: Plan, say: Callable[[str], None]) -> None:
    """Start everything, say the one line when all of it serves; SIGINT, SIGTERM or a death end all."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await asyncio.to_thread(write_files, plan)
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(EmbeddedRedis(plan.state))
        env = {**os.environ, REDIS_VARIABLE: redis.url}
        trust = True if plan.tls is None else plan.tls.client_context()
        connector = aiohttp.TCPConnector(ssl=trust)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, trust_env=False))
        children: list[Child] = [] if redis.child is None else [redis.child]
        for stage in plan.stages():
            started = [await _start(stack, part, plan, env) for part in stage]
            children += started
            for part, child in zip(stage, started, strict=True):
                await _until_ready(session, part, child, stop)
        if not stop.is_set():
            say(f"ready: book {plan.book_url} gateway {plan.gateway_url}")
            await _until_one_ends(children, stop)


async def _start(stack: AsyncExitStack, part: Part, plan: Plan, env: Mapping[str, str]) -> Child:
    child = await start_child(part.name, part.command, plan.state / "log" / f"{part.name}.log", env=env)
    stack.push_async_callback(child.stop)
    return child


async def _until_ready(session: aiohttp.ClientSession, part: Part, child: Child, stop: asyncio.Event) -> None:
    deadline = asyncio.get_running_loop().time() + START_DEADLINE
    while not stop.is_set() and not await _answers(session, part.ready):
        if child.exited or asyncio.get_running_loop().time() > deadline:
            raise DevelopmentError(f"The {part.name} does not start ({child.log}):\n{child.last_words()}")
        await asyncio.sleep(0.05)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _until_one_ends(children: Sequence[Child], stop: asyncio.Event) -> None:
    """Until `stop`; a part that ends by itself is a DevelopmentError."""
    ends = {asyncio.create_task(child.wait()): child for child in children}
    stopped = asyncio.create_task(stop.wait())
    done, pending = await asyncio.wait({*ends, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done - {stopped}:
        child = ends[task]
        raise DevelopmentError(f"The {child.name} has ended ({child.log}):\n{child.last_words()}")
