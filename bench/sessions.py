"""A million sessions in a Redis of their own: what they weigh, and what it takes to list and end them.

`make bench-sessions` (bounded by their number: some 6 minutes, 1 GB). A quarter of the sessions are sign-ins,
each of one person with three books. All are sealed and kept by the gateway's own scripts; what a browser does
in between is left out. The Redis keeps no file: its memory is all there is.
"""

import asyncio
import io
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from redis.asyncio import Redis

from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Settings
from gateway.config.site import Site, gateway_yaml, origins_yaml, write_keys
from gateway.opening import Opened, open_sessions
from gateway.records import Book, LiveSignIn, Mode
from gateway.revocation_rules import Act, EndSignIn
from gateway.server.redis import EmbeddedRedis
from gateway.session_ids import Issued, slot_of
from gateway.session_life import BOOK, MOST, place_of
from gateway.telemetry import make_log

SESSIONS = 1_000_000
ORIGINS = ("https://cs.example.edu", "https://logic.example.edu", "https://ada-lovelace.github.io")
AT_ONCE = 64
TRIES = 200
ROWS = 10_000  # of a replay
SOME = 12_000  # people who are asked for, or signed out
NOTED_AT_ONCE = 500
PROVIDER = "development"


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[tuple[Settings, str, "Redis"]]:
    """A site's settings, its Redis' address, and a connection to it."""
    state = folder / "state"
    write_keys(state, secrets.token_bytes)
    site = Site(state=state, redis_variable="BENCH_REDIS", book=ORIGINS[0])
    text = gateway_yaml(site, folder)
    await asyncio.to_thread((folder / "origins.yaml").write_text, origins_yaml(site), "utf-8")
    async with EmbeddedRedis(state) as redis, Redis.from_url(redis.url) as admin:
        await admin.config_set("appendonly", "no")
        settings = parse_gateway(text.encode(), folder / "gateway.yaml", {"BENCH_REDIS": redis.url})
        yield settings, redis.url, admin


async def fill(gateway: Opened, people: int) -> list[LiveSignIn]:
    """So many people with three books each; the sign-in sessions of some of them."""
    numbers = iter(range(people))
    some: list[LiveSignIn] = []
    began = time.perf_counter()

    async def begin() -> None:
        for number in numbers:
            live = await _signed_in(gateway, f"{number:022}")
            for origin in ORIGINS:
                await _add_book(gateway, live, origin)
            if number % max(1, people // SOME) == 0:
                some.append(live)
            if number % 25_000 == 0:
                _tell(f"{4 * number} sessions after {time.perf_counter() - began:.0f} s")

    await asyncio.gather(*(begin() for _ in range(AT_ONCE)))
    return some


async def _signed_in(gateway: Opened, person: str) -> LiveSignIn:
    return await gateway.sessions.begin_sign_in(
        person,
        f"Reader {person[-7:]}",
        PROVIDER,
        int(time.time()),
        own_device=True,
        replaces=None,
        device="Firefox on Windows",
    )


async def _add_book(gateway: Opened, parent: LiveSignIn, origin: str) -> None:
    """As it lies there after its cookie came back."""
    above = parent.record
    issued = Issued.mint(slot_of(parent.key), secrets.token_bytes)
    record = Book(
        person=above.person,
        name=above.name,
        provider=above.provider,
        auth_time=above.auth_time,
        epoch=above.epoch,
        origin=origin,
        parent=parent.key,
        mode=Mode.COOKIE,
        jkt=secrets.token_urlsafe(32),
        approved=False,
        own_device=True,
        began=above.began,
        ends=above.ends,
        device=above.device,
    )
    sealed = gateway.sealer.seal_record("book", issued.key, record)
    await gateway.store.begin(place_of(BOOK, issued.key), sealed, above.ends - above.began, MOST)
    await gateway.sessions.remember_cookie_mode(parent.key, origin)


async def _add_hoarder(gateway: Opened) -> str:
    """Somebody with as many sessions as one person may have."""
    person = "h" * 22
    for _ in range(MOST // (len(ORIGINS) + 1)):
        live = await _signed_in(gateway, person)
        for origin in ORIGINS:
            await _add_book(gateway, live, origin)
    return person


async def _timed(work: Callable[[str], Awaitable[object]], people: Iterable[str]) -> str:
    taken = []
    for person in people:
        began = time.perf_counter()
        await work(person)
        taken.append((time.perf_counter() - began) * 1000)
    if len(taken) == 1:
        return f"{taken[0]:.1f} ms"
    return f"{median(taken):.2f} ms in the median, {max(taken):.1f} ms at the most, of {len(taken)}"


async def memory(admin: "Redis", empty: int, sessions: int) -> None:
    info = await admin.info("memory")
    used = info["used_memory"] - empty
    _tell(f"Redis {(await admin.info('server'))['redis_version']}, {await admin.dbsize()} keys")
    _tell(f"memory: {used / sessions:.0f} bytes a session, index and all; {used / 2**20:.0f} MiB together")
    _tell(f"resident: {info['used_memory_rss'] / 2**20:.0f} MiB")


async def people(gateway: Opened, some: Sequence[LiveSignIn], hoarder: str) -> None:
    """What is asked of one person among all these."""
    sessions = gateway.sessions
    names = [live.record.person for live in some[:TRIES]]
    keys = [live.key for live in some[:TRIES]]
    _tell("a look at a sign-in session: " + await _timed(sessions.load_sign_in_key, keys))
    _tell("list a person (4 sessions): " + await _timed(sessions.of_person, names))
    _tell(f"list a person ({MOST} sessions): " + await _timed(sessions.of_person, [hoarder]))
    _tell("end all of a person (4 sessions): " + await _timed(sessions.end_everywhere, names))
    _tell(f"end all of a person ({MOST} sessions): " + await _timed(sessions.end_everywhere, [hoarder]))
    _must(not [one for name in (*names, hoarder) for one in await sessions.of_person(name)])


async def replay(gateway: Opened, other: Opened, some: Sequence[LiveSignIn]) -> None:
    """As after a fail-over to data that know nothing of the last so many ends."""
    acts: list[Act] = [EndSignIn(live.key) for live in some[-ROWS:]]
    rows = gateway.directory.revocations
    for first in range(0, len(acts), NOTED_AT_ONCE):
        await rows.note(acts[first : first + NOTED_AT_ONCE], int(time.time()) + 86_400)
    began = time.perf_counter()
    await other.revocations.prove()
    _tell(f"proof with a replay of {len(acts) + TRIES + 1} rows: {time.perf_counter() - began:.2f} s")
    _must(await other.sessions.load_sign_in_key(some[-1].key) is None)


async def mark(gateway: Opened, other: Opened, live: LiveSignIn) -> None:
    """Everybody is signed out, and another worker knows."""
    _must(await other.sessions.load_sign_in_key(live.key) is not None)
    running = [asyncio.create_task(work) for work in (other.link.run(), other.revocations.run())]
    await asyncio.sleep(1)
    _must(other.link.healthy)
    began = time.perf_counter()
    await gateway.directory.revocations.mark_everybody(int(time.time()) + 1)
    await gateway.revocations.announce_marks()
    marked = time.perf_counter() - began
    while await other.sessions.load_sign_in_key(live.key) is not None:
        _must(time.perf_counter() < began + 10)
    known = time.perf_counter() - began
    _tell(f"end everybody: {marked * 1000:.1f} ms; another worker refuses after {known * 1000:.1f} ms")
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def main(sessions: int) -> None:
    _tell(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}, {sessions} sessions")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookgate-bench-")))
        settings, url, admin = await stack.enter_async_context(opened(folder))
        # a busy machine is no fault
        settings = replace(settings, redis=replace(settings.redis, deadline=5.0))
        log = make_log(io.StringIO())
        gateway = await stack.enter_async_context(open_sessions(settings, url, log))
        await gateway.store.ping()
        empty = (await admin.info("memory"))["used_memory"]
        some = await fill(gateway, sessions // (len(ORIGINS) + 1))
        await memory(admin, empty, sessions)
        await people(gateway, some, await _add_hoarder(gateway))
        other = await stack.enter_async_context(open_sessions(settings, url, log))
        await replay(gateway, other, some)
        await mark(gateway, other, some[TRIES])


def _must(holds: object) -> None:
    if not holds:
        raise SystemExit("This is not what it measures.")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS))
