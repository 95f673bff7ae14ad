"""Requests a second of the plain path, and what each costs: `make bench`.

Client, gateway, Redis and backend share this machine's cores, so the rate is a floor; the CPU time a request
of the process that is asked says what it costs. 2,000 readers, another one and another URL on every request.
Whatever else the machine does moves all figures, so the targets take turns, in several rounds, and the
medians of the rounds are told: ratios within one run can be compared, figures of two runs cannot.
"""

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import aiohttp

from bench.load import Load, measure
from gateway.config.site import Site, gateway_yaml, origins_yaml, write_keys
from gateway.cookies import book_name
from gateway.development.ports import Ports, choose
from gateway.directory import Directory
from gateway.records import Mode
from gateway.sealing import Sealer
from gateway.server.children import Child, start_child
from gateway.server.redis import EmbeddedRedis
from gateway.session_limits import SessionLimits
from gateway.sessions import Sessions
from gateway.store import Store

READERS = 2000
ROUNDS = 5
WARM_UP = 1.0  # seconds for each target, before the first round
ORIGIN = "https://books.example.edu"


@dataclass(frozen=True, slots=True)
class House:
    """What runs, and the cookies of those who are signed in."""

    ports: Ports
    gateway: Child
    echo: Child
    cookies: Sequence[str]


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, and the process whose CPU time it costs."""

    name: str
    load: Load
    asked: Child


@dataclass(frozen=True, slots=True)
class Round:
    requests: int
    failed: int
    rate: float
    p50: float  # milliseconds
    p99: float
    cpu: float  # microseconds a request


@asynccontextmanager
async def house(folder: Path) -> AsyncGenerator[House]:
    # apart from the configuration, whose folder the gateway watches: a log there would wake it for each line
    state = folder / "state"
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
    config = folder / "gateway.yaml"
    await asyncio.to_thread(config.write_text, gateway_yaml(site, folder), "utf-8")
    await asyncio.to_thread((folder / "origins.yaml").write_text, origins_yaml(site), "utf-8")
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(EmbeddedRedis(state))
        env = {**os.environ, "BENCH_REDIS": redis.url}

        async def start(name: str, *words: str) -> Child:
            child = await start_child(name, (sys.executable, "-m", *words), state / f"{name}.log", env=env)
            stack.push_async_callback(child.stop)
            return child

        gateway = await start("gateway", "gateway", "run", "--config", str(config))
        await _ready(f"http://127.0.0.1:{ports.private}/health/ready", gateway)
        echo = await start("echo", "bench.echo", str(ports.analytics))
        storage = await start(
            "storage", "backends.storage", "run", f"--database={state / 'storage.sqlite3'}",
            f"--listen=127.0.0.1:{ports.storage}", f"--issuer={site.public_url}", "--audience=storage",
        )  # fmt: skip
        await _ready(f"http://127.0.0.1:{ports.storage}/health/ready", storage)
        root = (state / "keys" / "root").read_text("utf-8").strip().encode()
        yield House(ports, gateway, echo, await _sign_in(redis.url, root, state))


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


async def _sign_in(redis_url: str, root: bytes, state: Path) -> list[str]:
    """The book cookies of READERS people, made the way the gateway makes them."""
    store = Store.open(redis_url, "bookgate:", 5.0)
    sealer = Sealer(root, (), secrets.token_bytes)
    directory = await Directory.open(f"sqlite+aiosqlite:///{state / 'bench.sqlite3'}", root, time.time)
    journal = directory.revocations
    sessions = Sessions(store, sealer, SessionLimits(), time.time, secrets.token_bytes, journal)
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
    await directory.close()
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
    """User and system time of the leash's command and of its workers (Linux; elsewhere 0)."""
    children = Path(f"/proc/{leash}/task/{leash}/children")
    if not children.exists():
        return 0.0
    return sum(_own_seconds(pid) + cpu_seconds(pid) for pid in map(int, children.read_text("utf-8").split()))


def _own_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def targets(house: House) -> list[Target]:
    through = heads(house.ports.gateway, "/analytics/v1/x", house.cookies)
    saved = heads(house.ports.gateway, "/storage/v1/items", house.cookies)

    def load(port: int, sent: Sequence[bytes], connections: int, seconds: float) -> Load:
        return Load("127.0.0.1", port, sent, connections, at_most=1_000_000, seconds=seconds)

    gateway = house.ports.gateway
    return [
        Target("echo backend, directly", load(house.ports.analytics, through, 32, 0.4), house.echo),
        Target("the same, by the gateway", load(gateway, through, 32, 2.0), house.gateway),
        Target("one connection", load(gateway, through, 1, 0.6), house.gateway),
        Target("to bookgate-storage", load(gateway, saved, 32, 0.6), house.gateway),
    ]


async def one_round(target: Target) -> Round:
    before = cpu_seconds(target.asked.process.pid)
    found = await measure(target.load)
    used = cpu_seconds(target.asked.process.pid) - before
    cpu = used / found.requests * 1e6
    return Round(found.requests, found.failed, found.rate, found.p50, found.p99, cpu)


async def main() -> None:
    _machine("before")
    rounds: dict[str, list[Round]] = {}
    with tempfile.TemporaryDirectory(prefix="bookgate-bench-") as folder:
        async with house(Path(folder)) as running:
            asked = targets(running)
            for target in asked:
                await measure(replace(target.load, seconds=WARM_UP))
            for _ in range(ROUNDS):
                for target in asked:
                    rounds.setdefault(target.name, []).append(await one_round(target))
    _row("", "requests", "failed", "req/s", "p50 ms", "p99 ms", "CPU us", "of the rounds", "x echo")
    first = median(found.cpu for found in rounds[asked[0].name])
    for name, found in rounds.items():
        _report(name, found, first)
    _machine("after")
    if any(each.failed for found in rounds.values() for each in found):
        raise SystemExit("Requests failed: these figures mean nothing.")


def _report(name: str, rounds: Sequence[Round], echo: float) -> None:
    """cpu: of the process that was asked, user and system time; x echo: as a multiple of the echo's own."""
    cpu = median(each.cpu for each in rounds)
    least, most = min(each.cpu for each in rounds), max(each.cpu for each in rounds)
    _row(
        name,
        sum(each.requests for each in rounds),
        sum(each.failed for each in rounds),
        f"{median(each.rate for each in rounds):.0f}",
        f"{median(each.p50 for each in rounds):.2f}",
        f"{median(each.p99 for each in rounds):.2f}",
        f"{cpu:.0f}",
        f"{least:.0f}..{most:.0f}",
        f"{cpu / echo:.1f}" if echo else "-",
    )


def _row(name: str, *columns: object) -> None:
    sys.stdout.write(f"{name:26}" + "".join(f"{column!s:>11}" for column in columns[:-2]))
    sys.stdout.write("".join(f"{column!s:>15}" for column in columns[-2:]) + "\n")


def _machine(when: str) -> None:
    loads = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    sys.stdout.write(f"{os.cpu_count()} cores, load average {when}: {loads}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
