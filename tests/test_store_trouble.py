"""Whatever is wrong with Redis or the way to it: a read is right or refused in time, and nothing leaks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.errors import StoreUnavailableError
from gateway.store import CONNECTIONS, Store
from tests.ports import free_ports
from tests.redis_kinds import tls_settings
from tests.redis_server import RedisServer
from tests.tcp_proxy import TcpProxy, tcp_proxy

ANSWER = 1.0  # seconds: the rule for every answer; the deadline is a quarter of it
BACK = 3.0  # seconds: the rule for full service after Redis is back
SLOW = 20.0  # seconds that a machine that is busy may take more
PROVING = 8  # connections of the prover, beside those of operations
PEOPLE = [f"person-{number}" for number in range(2 * CONNECTIONS)]


@dataclass
class Redises:
    """A server, and the proxy through which the store reaches it."""

    server: RedisServer
    proxy: TcpProxy
    admin: "Redis | None" = None
    starting: list["asyncio.Task[object]"] = field(default_factory=list)

    async def command(self, line: str) -> None:
        answer = await asyncio.to_thread(self.server.command, line)
        assert answer.startswith((b"+OK", b":")), (line, answer)


Step = Callable[[Redises], Awaitable[None]]


async def kill(redis: Redises) -> None:
    await redis.command("SAVE")
    redis.server.kill()


async def start(redis: Redises) -> None:
    await asyncio.to_thread(redis.server.start)


async def load(redis: Redises) -> None:
    """It is back at once, and reads its file for a while."""
    await kill(redis)
    options = ("--key-load-delay", "50000", "--loading-process-events-interval-bytes", "1024")
    redis.starting.append(asyncio.create_task(asyncio.to_thread(redis.server.start, *options)))


async def loaded(redis: Redises) -> None:
    await redis.starting.pop()


async def freeze(redis: Redises) -> None:
    redis.server.freeze()


async def thaw(redis: Redises) -> None:
    redis.server.thaw()


async def hold(redis: Redises) -> None:
    redis.proxy.hold()


async def late(redis: Redises) -> None:
    redis.proxy.latency = lambda: 0.3


async def garble(redis: Redises) -> None:
    redis.proxy.say = lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n"


async def halve(redis: Redises) -> None:
    """Half of each reply, and the connection is reset."""

    def half(piece: bytes) -> bytes:
        asyncio.get_running_loop().call_soon(redis.proxy.cut)
        return piece[: len(piece) // 2]

    redis.proxy.say = half


async def hang_up(redis: Redises) -> None:
    """Reset as soon as a command comes."""

    def reset(_: bytes) -> bytes:
        redis.proxy.cut()
        return b""

    redis.proxy.ask = reset


async def mend(redis: Redises) -> None:
    redis.proxy.mend()


async def refuse(redis: Redises) -> None:
    redis.proxy.refuse()
    redis.proxy.cut()


async def admit(redis: Redises) -> None:
    await redis.proxy.admit()


async def lock_out(redis: Redises) -> None:
    await redis.command("ACL SETUSER gateway resetpass >another")
    redis.proxy.cut()


async def forbid(redis: Redises) -> None:
    await redis.command("ACL SETUSER gateway -get")


async def allow(redis: Redises) -> None:
    await redis.command("ACL SETUSER gateway resetpass >word +get")


async def demote(redis: Redises) -> None:
    await redis.command("REPLICAOF 127.0.0.1 1")
    redis.proxy.cut()


async def promote(redis: Redises) -> None:
    await redis.command("REPLICAOF NO ONE")


async def crowd_out(redis: Redises) -> None:
    """Two connections are allowed, and one of them is ours."""
    redis.admin = Redis.from_url(redis.server.url, single_connection_client=True)
    await redis.admin.config_set("maxclients", 2)
    await redis.admin.client_kill_filter(_type="normal", skipme=True)


async def make_room(redis: Redises) -> None:
    assert redis.admin is not None
    await redis.admin.config_set("maxclients", 10_000)
    await redis.admin.aclose()


@dataclass(frozen=True)
class Fault:
    """serves: whether some may be answered all the same."""

    name: str
    begin: Step
    end: Step
    serves: bool = False


FAULTS = [
    Fault("killed", kill, start),
    Fault("loading its file", load, loaded),
    Fault("frozen", freeze, thaw),
    Fault("no byte passes", hold, mend),
    Fault("late", late, mend),
    Fault("garbage", garble, mend),
    Fault("half a reply", halve, mend),
    Fault("reset at every command", hang_up, mend),
    Fault("refused", refuse, admit),
    Fault("another password", lock_out, allow),
    Fault("a command forbidden", forbid, allow),
    Fault("a replica", demote, promote),
    Fault("out of connections", crowd_out, make_room, serves=True),
]


@pytest.fixture
async def between(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Redises]:
    user = "user gateway on >word ~* &* +@all"
    server = RedisServer(tmp_path_factory.mktemp("redis"), settings=[user]).start()
    async with tcp_proxy("127.0.0.1", server.port) as proxy:
        yield Redises(server, proxy)
    server.stop()


@pytest.fixture
async def store(between: Redises) -> AsyncIterator[Store]:
    """As the gateway opens it: a proof comes before the first answer and after each error."""
    opened = Store.open(f"redis://gateway:word@127.0.0.1:{between.proxy.port}", "", 0.25)

    async def prove() -> None:
        await opened.connection.histories()

    opened.connection.prover = prove
    for person in PEOPLE:
        await opened.put(person, person.encode(), 600)
    yield opened
    await opened.close()


async def timed(store: Store, person: str) -> tuple[bytes | StoreUnavailableError | None, float]:
    began = time.monotonic()
    try:
        return await store.get(person), time.monotonic() - began
    except StoreUnavailableError as refused:
        return refused, time.monotonic() - began


async def ask_all(store: Store) -> tuple[int, float]:
    """How many are served, and the slowest answer; none may be wrong."""
    answers = await asyncio.gather(*(timed(store, person) for person in PEOPLE))
    for person, (answer, _) in zip(PEOPLE, answers, strict=True):
        assert isinstance(answer, StoreUnavailableError) or answer == person.encode()
    served = [answer for answer, _ in answers if isinstance(answer, bytes)]
    return len(served), max(seconds for _, seconds in answers)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_fault(
    store: Store, between: Redises, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    await fault.begin(between)
    slowest = 0.0
    for _ in range(5):
        served, slow = await ask_all(store)
        assert fault.serves or not served
        slowest = max(slowest, slow)
        await asyncio.sleep(0.05)
    record_property("slowest answer", f"{slowest * 1000:.0f} ms")
    assert slowest < ANSWER
    await fault.end(between)
    began = time.monotonic()
    while (await ask_all(store))[0] < len(PEOPLE):
        assert time.monotonic() - began < BACK + SLOW
        await asyncio.sleep(0.02)
    record_property("all served after", f"{(time.monotonic() - began) * 1000:.0f} ms")
    assert between.server.command("CLIENT LIST").count(b" user=gateway") <= CONNECTIONS + PROVING


async def test_a_little_late_is_in_time(store: Store, between: Redises) -> None:
    between.proxy.latency = lambda: 0.01
    assert (await ask_all(store))[0] == len(PEOPLE)


async def test_absent_at_start(between: Redises) -> None:
    between.server.kill()
    store = Store.open(between.server.url, "", 0.25)
    refused, seconds = await timed(store, "k")
    assert isinstance(refused, StoreUnavailableError)
    assert seconds < ANSWER
    await asyncio.to_thread(between.server.start)
    began = time.monotonic()
    while (await timed(store, "k"))[0] is not None:
        assert time.monotonic() - began < BACK + SLOW
    await store.close()


async def test_a_server_in_tls_that_hangs_keeps_no_sockets(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A good-bye in TLS is waited for for half a minute: nobody says one."""
    folder = tmp_path_factory.mktemp("tls")
    query, settings = tls_settings(folder)
    (port,) = free_ports(1)
    server = RedisServer(folder, settings=[*settings, f"tls-port {port}"]).start()
    store = Store.open(f"rediss://localhost:{port}/?{query}", "", 5.0)
    before = open_files()
    try:
        await asyncio.gather(*(store.get("k") for _ in range(10 * CONNECTIONS)))
        assert open_files() - before > CONNECTIONS / 2
        server.freeze()
        await asyncio.gather(*(timed(store, "k") for _ in range(CONNECTIONS)))
        assert open_files() - before < CONNECTIONS / 2
    finally:
        server.stop()
        await store.close()


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))
