"""Bookgate as the benchmark runs it: one site, served in several ways, and the sessions of its readers."""

import io
import os
import secrets
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.peer_servers import Services
from bench.processes import SERVER_CORE, Machine, Server, answers, free_ports
from bench.proofs import ProofKey, TokenSession
from bench.wrk import Asked
from gateway.config.gateway_file import parse_gateway
from gateway.config.site import write_keys
from gateway.cookies import book_name
from gateway.grants import Grants
from gateway.opening import Opened, open_sessions
from gateway.records import LiveBook, Mode
from gateway.telemetry import make_log

READERS = 2000
DEAF = "deaf:deaf@"  # a user of Redis who may not hear what changes
_SITE = Path(__file__).parent / "site"


@dataclass(frozen=True, slots=True)
class Way:
    """How it is run. compiled: as bookgate[fast] does. deaf: told of no change, it asks Redis each time."""

    data_path: str = "fast"
    workers: int = 1
    compiled: bool = False
    deaf: bool = False


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs. private: the port of its health and metrics."""

    server: Server
    private: int


class Site:
    """Its folder, its public address (that of the first gateway), and how it is run."""

    def __init__(self, machine: Machine, services: Services) -> None:
        self._machine = machine
        self._services = services
        self._folder = machine.folder / "site"
        self._first = free_ports(1)
        self.public_url = f"http://127.0.0.1:{self._first[0]}"
        self._state = self._folder / "state"
        write_keys(self._state, secrets.token_bytes)
        (self._folder / "origins.yaml").write_text(_filled("origins.yaml", origin=services.origin), "utf-8")

    def _redis_url(self, who: str = "") -> str:
        return f"redis://{who}127.0.0.1:{self._services.redis}"

    @property
    def origin(self) -> str:
        return self._services.origin

    async def start(self, name: str, way: Way) -> Gateway:
        """Whatever serves it goes by the site's own address."""
        port, private = (self._first.pop() if self._first else free_ports(1)[0]), free_ports(1)[0]
        config = self._folder / f"{name}.yaml"
        config.write_text(self._yaml(port, private, way), "utf-8")
        cores = (SERVER_CORE,) if way.workers == 1 else tuple(range(way.workers))
        command = (sys.executable, "-m", "gateway", "run", "--config", str(config))
        env = {"BENCH_REDIS": self._redis_url(DEAF if way.deaf else "")}
        if not way.compiled:
            env["BOOKGATE_PURE"] = "1"
        server = await self._machine.start(name, command, port=port, cores=cores, env=env)
        await answers(server, "/health/ready", port=private)
        return Gateway(server, private)

    def _yaml(self, port: int, private: int, way: Way) -> str:
        return _filled(
            "gateway.yaml",
            public_url=self.public_url,
            port=port,
            private=private,
            workers=way.workers,
            folder=self._folder,
            backend=self._services.backend,
            live=self._services.live,
            more=f"data_path: {way.data_path}",
        )

    def asked(self, cookies: Path) -> Asked:
        return Asked(self.public_url.partition("//")[2], self.origin, cookies)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Opened]:
        """Its sessions, beside the gateways."""
        text = self._yaml(1, 2, Way()).encode()
        env = {**os.environ, "BENCH_REDIS": self._redis_url()}
        settings = parse_gateway(text, self._folder / "gateway.yaml", env)
        async with open_sessions(settings, self._redis_url(), make_log(io.StringIO())) as opened:
            yield opened

    async def cookies(self, readers: int = READERS) -> list[str]:
        """The Cookie header of each reader, made the way the gateway makes it."""
        name = book_name(self.origin)
        async with self.opened() as opened:
            return [f"{name}={(await self._begun(opened, n, Mode.COOKIE, None)).id}" for n in range(readers)]

    async def token_sessions(self, readers: int) -> list[TokenSession]:
        async with self.opened() as opened:
            grants = Grants(
                opened.store, opened.sealer, time.time, secrets.token_bytes, 3600, opened.store.put_new
            )
            found = []
            for number in range(readers):
                key = ProofKey()
                live = await self._begun(opened, READERS + number, Mode.DPOP, key.jkt)
                found.append(TokenSession(key, (await grants.issue_tokens(live)).access))
            return found

    async def _begun(self, opened: Opened, number: int, mode: Mode, jkt: str | None) -> LiveBook:
        """SystemExit: no session came of it. In cookie mode the id is what was begun with."""
        sessions = opened.sessions
        parent = await sessions.begin_sign_in(
            f"person-{number}", None, "campus", int(time.time()), own_device=True, replaces=None
        )
        begun = await sessions.begin_book(parent, self.origin, jkt, approved=False)
        confirmed = await sessions.confirm_book(begun.key, mode)
        if confirmed is None:
            raise SystemExit("A session that was just begun is not there.")
        return LiveBook(begun.id, confirmed.key, confirmed.record, confirmed.parent)


def _filled(template: str, **values: object) -> str:
    return Template((_SITE / f"{template}.template").read_text("utf-8")).substitute(values)
