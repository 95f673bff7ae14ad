"""Requests a second of the plain path: `make bench`.

Client, gateway, Redis and backend share this machine's cores, so the rate is a floor; the gateway's own CPU
time a request says what it costs. 2,000 readers, another one and another URL on every request.
"""

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.load import Load, Measured, measure
from gateway.config.site import Site, gateway_yaml, origins_yaml, write_keys
from gateway.cookies import book_name
from gateway.development.ports import Ports, choose
from gateway.records import Mode
from gateway.sealing import Sealer
from gateway.server.children import Child, start_child
from gateway.server.redis import EmbeddedRedis
from gateway.session_limits import SessionLimits
from gateway.sessions import Sessions
from gateway.store import Store

READERS = 2000
REQUESTS = 20_000
SECONDS = 8.0
ORIGIN = "https://books.example.edu"


@dataclass(frozen=True, slots=True)
class House:
    """What runs, and the cookies of those who are signed in."""

    ports: Ports
    gateway: Child
    cookies: Sequence[str]


@asynccontextmanager
async def house(state: Path) -> AsyncGenerator[House]:
    ports, _ = choose(Ports(0, 0, 0, 0, 0, 0))
    write_keys(state, secrets.token_bytes)
    site = Site(
        public_url=f"http://127.0.0.1:{ports.gateway}",
        public=f"127.0.0.1:{ports.gateway}",
        private=f"127.0.0.1:{ports.private}",
        state=state,
        redis_variable="BENCH_REDIS",
        storage=f"http://127.0.0.1:{ports.storage}",
        analytics=f"http://127.0.0.1:{ports.analytics}",
        book=ORIGIN,
    )
    config = state / "gateway.yaml"
    await asyncio.to_thread(config.write_text, gateway_yaml(site, state), "utf-8")
    await asyncio.to_thread((state / "origins.yaml").write_text, origins_yaml(site), "utf-8")
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(EmbeddedRedis(state))
        env = {**os.environ, "BENCH_REDIS": redis.url}

        async def start(name: str, *words: str) -> Child:
            child = await start_child(name, (sys.executable, "-m", *words), state / f"{name}.log", env=env)
            stack.push_async_callback(child.stop)
            return child

        gateway = await start("gateway", "gateway", "run", "--config", str(config))
        await _ready(f"http://127.0.0.1:{ports.private}/health/ready", gateway)
        await start("echo", "bench.echo", str(ports.analytics))
        storage = await start(
            "storage", "backends.storage", "run", f"--database={state / 'storage.sqlite3'}",
            f"--listen=127.0.0.1:{ports.storage}", f"--issuer={site.public_url}", "--audience=storage",
        )  # fmt: skip
        await _ready(f"http://127.0.0.1:{ports.storage}/health/ready", storage)
        root = (state / "keys" / "root").read_text("utf-8").strip().encode()
        yield House(ports, gateway, await _sign_in(redis.url, root))


async def _ready(url: str, child: Child) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            try:
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            if child.exited:
                break
            await asyncio.sleep(0.05)
    raise SystemExit(f"The {child.name} does not start:\n{child.last_words()}")


async def _sign_in(redis_url: str, root: bytes) -> list[str]:
    """The book cookies of READERS people, made the way the gateway makes them."""
    store = Store.open(redis_url, "bookgate:", 5.0)
    sealer = Sealer(root, (), secrets.token_bytes)
    sessions = Sessions(store, sealer, SessionLimits(), time.time, secrets.token_bytes)
    cookies = []
    for number in range(READERS):
        person = f"person-{number}"
        parent = await sessions.begin_sign_in(
            person, None, "development", int(time.time()), own_device=True, replaces=None
        )
        begun = await sessions.begin_book(parent, ORIGIN, None, approved=False)
        await sessions.confirm_book(begun.key, Mode.COOKIE)
        cookies.append(f"{book_name(ORIGIN)}={begun.id}")
    await store.close()
    return cookies


def heads(port: int, path: str, cookies: Sequence[str]) -> list[bytes]:
    """A request head for each reader, as a browser sends it from a book."""
    return [
        (
            f"GET {path}?course=c{number} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {ORIGIN}\r\n"
            f"Referer: {ORIGIN}/chapter/{number}\r\nAccept: */*\r\nAccept-Language: en-GB,en;q=0.9\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0\r\n"
            "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: empty\r\n"
            f"Cookie: {cookie}\r\n\r\n"
        ).encode()
        for number, cookie in enumerate(cookies)
    ]


def cpu_seconds(leash: int) -> float:
    """User and system time of the leash's command (Linux; elsewhere 0)."""
    children = Path(f"/proc/{leash}/task/{leash}/children")
    if not children.exists():
        return 0.0
    total = 0
    for pid in children.read_text("utf-8").split():
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bookgate-bench-") as folder:
        async with house(Path(folder)) as running:
            ports, cookies = running.ports, running.cookies
            through = heads(ports.gateway, "/analytics/v1/x", cookies)
            saved = heads(ports.gateway, "/storage/v1/items", cookies)
            rounds = {
                "echo backend, directly": Load("127.0.0.1", ports.analytics, through, 32, REQUESTS, SECONDS),
                "through the gateway": Load("127.0.0.1", ports.gateway, through, 32, REQUESTS, SECONDS),
                "the same, 1 connection": Load("127.0.0.1", ports.gateway, through, 1, REQUESTS, SECONDS / 2),
                "to bookgate-storage": Load("127.0.0.1", ports.gateway, saved, 32, REQUESTS, SECONDS),
            }
            _print("", "requests", "req/s", "p50 ms", "p99 ms", "gateway CPU us", "failed")
            for name, load in rounds.items():
                await measure(Load(load.host, load.port, load.heads, load.connections, 500, 2.0))  # warm up
                before = cpu_seconds(running.gateway.process.pid)
                _report(name, await measure(load), before, running)


def _report(name: str, found: Measured, before: float, running: House) -> None:
    used = round((cpu_seconds(running.gateway.process.pid) - before) / found.requests * 1e6)
    rate, p50, p99 = round(found.rate), f"{found.p50:.2f}", f"{found.p99:.2f}"
    _print(name, found.requests, rate, p50, p99, used, found.failed)


def _print(name: str, *columns: object) -> None:
    sys.stdout.write(f"{name:24}" + "".join(f"{column!s:>15}" for column in columns) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
