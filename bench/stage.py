"""All that is measured and all that it needs, started when it is first asked for."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import apache_sessions
from bench.figures import COMPILED, PURE
from bench.gateways import Site, Way
from bench.peer_servers import OPENIDC, Peers, Services, start_backend
from bench.processes import LOAD_CORE, Machine, Server, free_ports, listens, program
from bench.wrk import Asked
from gateway.development.authority import loopback_files

ORIGIN: Final = "https://books.example.edu"
EVENTS: Final = 400  # a second, of each stream
_APACHE_SESSIONS: Final = 200
_DEAF_USER: Final = "deaf on >deaf ~* resetchannels +@all -client|tracking"
_WAYS: Final = {
    "": Way(),
    "-uncached": Way(deaf=True),
    "-plain": Way("plain"),
    "-2": Way(workers=2),
    "-idle": Way(),
    "-slow": Way(),
}
_BOOKGATES: Final = {
    **{f"{PURE}{name}": way for name, way in _WAYS.items()},
    **{f"{COMPILED}{name}": replace(way, compiled=True) for name, way in _WAYS.items()},
}


@dataclass(slots=True)
class Stage:
    """The servers by their names: those of peer_servers, and `bookgate`; behind its dash: how it is run."""

    backend: Server
    site: Site
    cookies: Sequence[str]
    peers: Peers
    _machine: Machine
    _servers: dict[str, Server] = field(default_factory=dict)
    _asked: dict[str, Asked] = field(default_factory=dict)

    async def server(self, name: str) -> Server:
        if name not in self._servers:
            self._servers[name] = await self._started(name)
        return self._servers[name]

    async def _started(self, name: str) -> Server:
        if name not in _BOOKGATES:
            return await self.peers.start(name)
        return (await self.site.start(name, _BOOKGATES[name])).server

    async def asked(self, name: str) -> Asked:
        """How this server is asked so that it answers."""
        if name not in OPENIDC:
            return self.site.asked(self._machine.folder / "readers.cookies")
        if name not in self._asked:
            server, trust = await self.server(name), self.peers.tls.client_context()
            cookies = await apache_sessions.sign_in(server, trust, _APACHE_SESSIONS)
            path = _written(self._machine.folder / f"{name}.cookies", cookies)
            self._asked[name] = Asked(f"127.0.0.1:{server.port}", ORIGIN, path)
        return self._asked[name]


@asynccontextmanager
async def open_stage(tools: Path) -> AsyncGenerator[Stage]:
    """tools: where the programs of bench/peers/requirements.txt are. All ends with the block."""
    os.sched_setaffinity(0, {LOAD_CORE})
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bookgate-bench-")))
        await asyncio.to_thread(folder.chmod, 0o755)  # nginx and Apache serve as users of their own
        machine = Machine(stack, folder)
        redis, live = free_ports(2)
        await _start_redis(machine, redis)
        await _start_live(machine, live)
        backend = await start_backend(machine)
        services = Services(backend.port, live, redis, ORIGIN)
        site = Site(machine, services)
        cookies = await site.cookies()
        _written(folder / "readers.cookies", cookies)
        tls = loopback_files(folder / "tls", datetime.now(UTC))
        yield Stage(backend, site, cookies, Peers(machine, services, tls, tools), machine)


async def _start_redis(machine: Machine, port: int) -> None:
    command = (
        *(program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""),
        *("--dir", str(machine.folder), "--user", *_DEAF_USER.split()),
    )
    await listens(await machine.start("redis", command, port=port, cores=(LOAD_CORE,)))


async def _start_live(machine: Machine, port: int) -> None:
    command = (sys.executable, "-m", "bench.live_backend", str(port), str(EVENTS))
    await listens(await machine.start("live", command, port=port, cores=(LOAD_CORE,)))


def _written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
