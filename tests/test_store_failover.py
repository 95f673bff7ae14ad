"""A master that dies or hangs: service comes back by itself, and nobody reads what the old one holds."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.errors import StoreUnavailableError
from gateway.store import Link, Store
from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisSentinel
from tests.redis_server import RedisServer

ANSWER = 1.0  # seconds: the rule for every answer, whatever Redis does
BACK = 60.0  # seconds that a fail-over may take on a slow machine
PEOPLE = [f"person-{number}" for number in range(60)]  # in slots of all masters

Figures = Callable[[str, object], None]


@dataclass
class Traffic:
    """Readers without end; each knows its answer."""

    store: Store
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    refused: int = 0
    first_refused: float | None = None
    last_refused: float = 0.0

    async def read(self, person: str) -> None:
        while True:
            began = time.monotonic()
            try:
                if await self.store.get(person) != person.encode():
                    self.wrong.append(person)
            except StoreUnavailableError:
                self.refused += 1
                self.last_refused = time.monotonic()
                self.first_refused = self.first_refused or self.last_refused
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.02)

    async def all_served(self, seconds: float = BACK) -> None:
        until = time.monotonic() + seconds
        while True:
            answers = await asyncio.gather(
                *(self.store.get(person) for person in PEOPLE), return_exceptions=True
            )
            if answers == [person.encode() for person in PEOPLE]:
                return
            assert not [one for one in answers if isinstance(one, bytes) and one.decode() not in PEOPLE]
            assert time.monotonic() < until, "it did not come back"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def traffic(url: str, tell: Figures) -> AsyncGenerator[Traffic]:
    store = Store.open(url, "bookgate:", 0.25)
    proofs: list[frozenset[str]] = []

    async def prove() -> None:
        proofs.append(await store.connection.histories())

    store.connection.prover = prove
    running = Traffic(store)
    for person in PEOPLE:
        await store.put(person, person.encode(), 600)
    await asyncio.sleep(0.3)  # the replicas have it
    tasks = [asyncio.create_task(running.read(person)) for person in PEOPLE]
    try:
        yield running
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()
    away = 0.0 if running.first_refused is None else running.last_refused - running.first_refused
    tell("refused", f"{running.refused}, over {away:.1f} s")
    tell("slowest answer", f"{running.slowest * 1000:.0f} ms")
    assert running.wrong == []
    assert running.slowest < ANSWER


@pytest.fixture
def tell(record_property: Figures) -> Figures:
    return record_property


@pytest.fixture
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSentinel]:
    group = RedisSentinel(tmp_path_factory.mktemp("s"))
    try:
        yield group.start()
    finally:
        group.stop()


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    cluster = RedisCluster(tmp_path_factory.mktemp("c"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()


async def until(holds: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not await asyncio.to_thread(holds):
        assert time.monotonic() - began < BACK, "the servers did not agree"
        await asyncio.sleep(0.05)


async def test_sentinel_a_killed_master(sentinel: RedisSentinel, tell: Figures) -> None:
    async with traffic(sentinel.url, tell) as running:
        old = sentinel.master
        old.kill()
        await until(lambda: sentinel.master is not old)
        began = time.monotonic()
        await running.all_served()
        tell("served after the sentinels agreed", f"{time.monotonic() - began:.2f} s")


async def test_sentinel_a_master_that_hangs_and_comes_back(sentinel: RedisSentinel, tell: Figures) -> None:
    """What it answers when it goes on is old: nobody reads it."""
    async with traffic(sentinel.url, tell) as running:
        old = sentinel.master
        old.freeze()
        await until(lambda: sentinel.master is not old)
        await running.all_served()
        await running.store.put("new", b"new", 600)
        old.thaw()
        end = time.monotonic() + 2.0
        while time.monotonic() < end:  # who is told to come again has read nothing old
            asked = (running.store.get("new") for _ in range(50))
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert {one for one in found if not isinstance(one, StoreUnavailableError)} <= {b"new"}
        await running.all_served()
        assert await running.store.get("new") == b"new"


async def test_sentinel_with_two_sentinels_away(sentinel: RedisSentinel, tell: Figures) -> None:
    """One hangs, one is dead: the third is enough to find the master."""
    sentinel.sentinels[0].freeze()
    sentinel.sentinels[1].kill()
    async with traffic(sentinel.url, tell) as running:
        await running.all_served()
    assert running.refused == 0


KEY = "bookgate:person-1"
CHANNEL = "bookgate:{link}"


def master_of(cluster: RedisCluster, key: str) -> RedisServer:
    found = cluster.master_of(key)
    assert found is not None
    return found


async def test_cluster_a_killed_master(cluster: RedisCluster, tell: Figures) -> None:
    async with traffic(cluster.url, tell) as running:
        master_of(cluster, KEY).kill()
        await until(lambda: cluster.master_of(KEY) is not None)
        began = time.monotonic()
        await running.all_served()
        tell("served after the nodes agreed", f"{time.monotonic() - began:.2f} s")


async def test_cluster_a_master_that_hangs_and_comes_back(cluster: RedisCluster, tell: Figures) -> None:
    async with traffic(cluster.url, tell) as running:
        old = master_of(cluster, KEY)
        old.freeze()
        await running.all_served()
        await running.store.put("new", b"new", 600)
        old.thaw()
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            await running.all_served()


async def test_cluster_a_killed_replica_is_nobodys_news(cluster: RedisCluster, tell: Figures) -> None:
    async with traffic(cluster.url, tell) as running:
        cluster.nodes[3].kill()
        for _ in range(10):
            await running.all_served()
            await asyncio.sleep(0.1)
    assert running.refused == 0


@asynccontextmanager
async def link_to(url: str) -> AsyncGenerator[Link]:
    link = Link.open(url, "bookgate:")
    task = asyncio.create_task(link.run())
    try:
        await heard(link)
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await link.close()


async def heard(link: Link) -> None:
    """What is published now is heard."""
    messages: list[bytes] = []
    link.on_message = messages.append
    end = time.monotonic() + BACK
    while not messages or not link.healthy:
        assert time.monotonic() < end, "the link did not come back"
        await link.publish(b"news")
        await asyncio.sleep(0.05)


async def test_sentinel_the_link_finds_the_new_master(sentinel: RedisSentinel) -> None:
    async with link_to(sentinel.url) as link:
        lost: list[None] = []
        link.on_lost = lambda: lost.append(None)
        sentinel.master.kill()
        await until(lambda: bool(lost))
        await heard(link)


@pytest.mark.parametrize("hangs", [False, True], ids=["killed", "hangs"])
async def test_cluster_the_link_finds_the_new_master(cluster: RedisCluster, *, hangs: bool) -> None:
    async with link_to(cluster.url) as link:
        lost: list[None] = []
        link.on_lost = lambda: lost.append(None)
        old = master_of(cluster, CHANNEL)
        (old.freeze if hangs else old.kill)()
        await until(lambda: bool(lost))
        await heard(link)
        old.thaw()
        await heard(link)


@pytest.fixture
async def plain(cluster: RedisCluster) -> AsyncIterator[Store]:
    store = Store.open(cluster.url, "bookgate:", 5.0)
    yield store
    await store.close()


async def test_cluster_a_slot_on_its_way_and_after(cluster: RedisCluster, plain: Store) -> None:
    """ASK while keys move, TRYAGAIN while some of a script's are here and some there, MOVED when all are."""
    tag = "{slot}"
    keys = [f"{tag}{number}" for number in range(4)]
    for key in keys:
        await plain.put(key, key.encode(), 600)
    slot = int(cluster.nodes[0].command(f"CLUSTER KEYSLOT {tag}").strip(b":\r\n"))
    source = master_of(cluster, tag)
    target = next(node for node in cluster.nodes[:3] if node is not source)
    names = {node: node.command("CLUSTER MYID").split(b"\r\n")[1].decode() for node in (source, target)}
    target.command(f"CLUSTER SETSLOT {slot} IMPORTING {names[source]}")
    source.command(f"CLUSTER SETSLOT {slot} MIGRATING {names[target]}")

    async def move(key: str) -> None:
        said = await asyncio.to_thread(
            source.command, f"MIGRATE 127.0.0.1 {target.port} bookgate:{key} 0 5000"
        )
        assert said == b"+OK\r\n"

    await move(keys[0])
    assert [await plain.get(key) for key in keys] == [key.encode() for key in keys]
    assert await plain.get(f"{tag}nothing") is None
    both = asyncio.create_task(
        plain.connection.do(lambda redis: redis.mget(f"bookgate:{keys[0]}", f"bookgate:{keys[1]}"))
    )
    await asyncio.sleep(0.1)
    assert not both.done()
    for key in keys[1:]:
        await move(key)
    assert await both == [keys[0].encode(), keys[1].encode()]
    for node in (target, source):
        node.command(f"CLUSTER SETSLOT {slot} NODE {names[target]}")
    assert [await plain.get(key) for key in keys] == [key.encode() for key in keys]
    assert await plain.take(keys[0]) == keys[0].encode()
