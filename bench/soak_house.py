"""What runs in the soak, what it holds at a moment, and what of its log nobody should have to read."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp

from bench.gateways import Gateway, Site, Way
from bench.peer_servers import Services
from bench.processes import LOAD_CORE, Machine, free_ports, listens, program
from bench.soak_traffic import Visitor
from bench.stage import ORIGIN

READERS: Final = 500
TOKEN_READERS: Final = 20
_EVENTS: Final = "20"  # a second
_TASKS: Final = re.compile(r"^bookgate_tasks(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
_ALARMING: Final = re.compile(
    rb'^.*(?:Traceback|"level":"(?:error|critical)"|"exception"|never (?:retrieved|awaited)|Warning:).*$',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class State:
    """What a gateway holds. memory: bytes."""

    memory: int
    descriptors: int
    tasks: int


@dataclass(frozen=True, slots=True)
class House:
    """A gateway, one who visits it, and the port of its Redis."""

    gateway: Gateway
    visitor: Visitor
    redis: int

    async def state(self) -> State:
        """SystemExit: it does not say how many tasks it has."""
        server = self.gateway.server
        url = f"http://127.0.0.1:{self.gateway.private}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            found = _TASKS.findall(await response.text())
        if not found:
            raise SystemExit("The metrics say nothing of tasks.")
        # connections to Redis are kept: their number is the most that were in use at once
        descriptors = server.descriptors(but_to=self.redis)
        return State(server.memory(), descriptors, int(sum(map(float, found))))

    async def alarms(self) -> list[str]:
        """Lines of the log since the last look that tell of what nobody handled."""
        return await asyncio.to_thread(_alarms, self.gateway.server.child.log)


def _alarms(log: Path) -> list[str]:
    """The file is emptied, since a line for each request would fill the disk; it is only appended to."""
    data = log.read_bytes()
    os.truncate(log, 0)
    return [line.decode(errors="replace") for line in _ALARMING.findall(data)]


@asynccontextmanager
async def open_house(seed: int, *, pinned: bool) -> AsyncGenerator[House]:
    """pinned: the gateway to one core, all else to the other."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bookgate-soak-")))
        machine = Machine(stack, folder, pinned)
        redis, backend, live = free_ports(3)
        commands = {
            redis: (program("redis-server"), "--bind", "127.0.0.1", "--save", "", "--port", str(redis)),
            backend: (sys.executable, "-m", "bench.soak_backend", str(backend)),
            live: (sys.executable, "-m", "bench.live_backend", str(live), _EVENTS),
        }
        for port, command in commands.items():
            await listens(await machine.start(f"port-{port}", command, port=port, cores=(LOAD_CORE,)))
        site = Site(machine, Services(backend, live, redis, ORIGIN))
        gateway = await site.start("gateway", Way())
        cookies, tokens = await site.cookies(READERS), await site.token_sessions(TOKEN_READERS)
        visitor = Visitor(gateway.server.port, site.asked(folder), cookies, tokens, Random(seed))  # ruff: ignore[suspicious-non-cryptographic-random-usage]  repeatable
        yield House(gateway, visitor, redis)
