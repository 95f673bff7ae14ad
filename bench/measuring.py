"""The parts of the benchmark: each measures some figures, by the names that bench/figures.py reads."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from bench import load, memory, proofs
from bench.figures import COMPILED, PURE
from bench.live_clients import EventReader, Talker, open_events, open_sockets
from bench.peer_servers import FILE
from bench.processes import Server
from bench.proofs import TokenSession
from bench.rounds import Series, Target, alternate, cost
from bench.stage import Stage
from bench.wrk import Asked, wrk
from gateway.proxy.parsers import COMPILED as INSTALLED

Found = dict[str, Series]
Part = Callable[[Stage, int], Awaitable[Found]]
_Open = Callable[[Server, Asked, Sequence[str]], Awaitable[Sequence[EventReader | Talker]]]

PLAIN_PROXIES = ("nginx", "haproxy", "apache", "envoy", "caddy")
SIGNED_IN = ("apache-redis", "apache-redis-best", "apache-memory")
OURS = (PURE, COMPILED) if INSTALLED else (PURE,)
_WITH_NGINX = ("nginx", *OURS)
_ROUND = 2.0  # seconds
_STREAMS = 32
_TRANSFERS = 4
_TOKEN_SESSIONS = 50
_PROOFS = 1500  # requests of a round


async def requests(stage: Stage, rounds: int) -> Found:
    """What a request costs each of the servers."""
    ours = [f"{name}{way}" for way in ("", "-uncached", "-plain") for name in OURS]
    names = (*PLAIN_PROXIES, *SIGNED_IN, *ours)
    return await alternate([await _asking(stage, name, "/app/json") for name in names], rounds)


async def waits(stage: Stage, rounds: int) -> Found:
    """Microseconds to an answer at one connection, in the median."""
    servers = {"backend": stage.backend, **{name: await stage.server(name) for name in _WITH_NGINX}}
    asked = await stage.asked(PURE)

    async def wait(server: Server) -> float:
        return (await wrk(server, "/app/json", asked, 1, connections=1)).p50

    targets = [Target(f"wait: {name}", partial(wait, server)) for name, server in servers.items()]
    return await alternate(targets, rounds)


async def transfers(stage: Stage, rounds: int) -> Found:
    """10 MB each way."""
    down = [await _asking(stage, name, "/app/files/10mb", "down: ", _TRANSFERS) for name in _WITH_NGINX]
    up = [await _asking(stage, name, "/app/upload", "up: ", _TRANSFERS, FILE) for name in _WITH_NGINX]
    return await alternate([*down, *up], rounds)


async def live(stage: Stage, rounds: int) -> Found:
    """Round trips of WebSockets, and events that the backend pushes."""

    async def find(open_clients: _Open, name: str) -> float:
        server, asked = await stage.server(name), await stage.asked(name)
        clients = await open_clients(server, asked, stage.cookies[:_STREAMS])
        try:
            return await cost(server, _counted(clients))
        finally:
            for client in clients:
                client.transport.abort()

    sockets = [Target(f"socket: {name}", partial(find, open_sockets, name)) for name in _WITH_NGINX]
    events = [Target(f"event: {name}", partial(find, open_events, name)) for name in _WITH_NGINX]
    return await alternate([*sockets, *events], rounds)


async def proved(stage: Stage, rounds: int) -> Found:
    """Requests in token mode, each with a proof of its own."""
    site = stage.site
    sessions: Sequence[TokenSession] = await site.token_sessions(_TOKEN_SESSIONS)

    async def find(name: str) -> float:
        server = await stage.server(name)
        heads = list(proofs.heads(sessions, site.public_url, site.origin, _PROOFS))
        return await cost(server, load.send(server.port, heads))

    return await alternate([Target(f"proof: {name}", partial(find, name)) for name in OURS], rounds)


async def workers(stage: Stage, rounds: int) -> Found:
    """One worker of each on its core, and two on both."""
    one = [await _asking(stage, name, "/app/json", "1 worker: ") for name in _WITH_NGINX]
    two = [await _asking(stage, f"{name}-2", "/app/json", "2 workers: ") for name in _WITH_NGINX]
    return await alternate([*one, *two], rounds)


async def held(stage: Stage, _: int) -> Found:
    """Memory, of gateways that did nothing else before: what was freed would hide what is taken."""
    asked, found = await stage.asked(PURE), {}
    for name in OURS:
        for way, hold in (("idle", memory.idle_connection), ("slow", memory.slow_reader)):
            server = await stage.server(f"{name}-{way}")
            await wrk(server, "/app/json", asked, 1)
            found[f"memory: {name}-{way}"] = Series((await hold(server, asked, stage.cookies),))
    return found


PARTS: dict[str, Part] = {
    "requests": requests,
    "waits": waits,
    "transfers": transfers,
    "live": live,
    "proofs": proved,
    "workers": workers,
    "memory": held,
}


async def _counted(clients: Sequence[EventReader | Talker]) -> int:
    before = sum(client.count for client in clients)
    await asyncio.sleep(_ROUND)
    return sum(client.count for client in clients) - before


async def _asking(
    stage: Stage, name: str, path: str, prefix: str = "", connections: int = 32, body: int = 0
) -> Target:
    server, asked = await stage.server(name), await stage.asked(name)

    async def answered() -> int:
        return (await wrk(server, path, asked, _ROUND, connections, body)).requests

    async def find() -> float:
        return await cost(server, answered())

    return Target(prefix + name, find)
