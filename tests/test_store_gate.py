"""The gate: after a doubt nothing is answered before what the masters hold was proved."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import pytest

from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.store import Store
from gateway.store.connection import Connection
from tests.redis_kinds import KINDS, RedisKinds
from tests.redis_server import RedisServer
from tests.tcp_proxy import tcp_proxy


class Prover:
    """Proves at once, or as the test says; counts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.proofs: list[frozenset[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        connection.prover = self

    async def __call__(self) -> None:
        self.proofs.append(await self._connection.histories())
        await self.open.wait()
        if self.error is not None:
            raise self.error


async def until(holds: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 20, "it did not come to that"
        await asyncio.sleep(0.005)


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[Store]:
    opened = Store.open(redis_server.url, "p:", 2.0)
    yield opened
    await opened.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_one_proof_for_all_who_come_first(kind: str, redis_kinds: RedisKinds) -> None:
    store = Store.open(redis_kinds.url(kind), f"bookgate:{uuid4()}:", 5.0)
    prover = Prover(store.connection)
    await asyncio.gather(*(store.put(f"k{number}", b"v", 60) for number in range(50)))
    assert await store.get("k7") == b"v"
    assert len(prover.proofs) == 1
    assert len(prover.proofs[0]) == (3 if kind == "cluster" else 1)
    store.connection.doubt()
    assert await store.get("k8") == b"v"
    assert len(prover.proofs) == 2
    assert prover.proofs[0] == prover.proofs[1], "the same servers, the same data"
    await store.close()


async def test_nothing_is_answered_before_the_proof(store: Store) -> None:
    prover = Prover(store.connection)
    prover.open.clear()
    asking = asyncio.create_task(store.get("k"))
    await until(lambda: bool(prover.proofs))
    assert not asking.done()
    # who proves goes by another door
    await Store(store.connection.ungated, "p:").put("k", b"proved", 60)
    prover.open.set()
    assert await asking == b"proved"


async def test_a_long_proof_goes_on_while_operations_are_refused(redis_server: RedisServer) -> None:
    store = Store.open(redis_server.url, "p:", 0.25)
    prover = Prover(store.connection)
    prover.open.clear()
    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match="not proved in time"):
            await store.get("k")
    prover.open.set()
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(StoreUnavailableError):
                await store.get("k")
                break
    assert len(prover.proofs) == 1, "one that takes long is not begun again"
    await store.close()


async def test_a_doubt_during_a_proof_is_not_settled_by_it(store: Store) -> None:
    prover = Prover(store.connection)
    prover.open.clear()
    first = asyncio.create_task(store.get("k"))
    await until(lambda: bool(prover.proofs))
    store.connection.doubt()
    second = asyncio.create_task(store.get("k"))
    await asyncio.sleep(0)
    prover.open.set()
    assert [await first, await second] == [None, None]
    assert len(prover.proofs) == 2


@pytest.fixture
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("other")).start()
    yield server
    server.stop()


async def test_an_old_master_that_goes_on_is_not_read(
    redis_server: RedisServer, other_server: RedisServer
) -> None:
    """Connections to it are still open when the address leads to another, and that one is proved."""
    async with tcp_proxy("127.0.0.1", redis_server.port) as proxy:
        store = Store.open(proxy.url, "p:", 2.0)
        prover = Prover(store.connection)
        await asyncio.gather(*(store.put("k", b"old", 60) for _ in range(50)))
        proxy.target = ("127.0.0.1", other_server.port)
        store.connection.doubt()
        answers = await asyncio.gather(*(store.get("k") for _ in range(50)))
        assert set(answers) == {None}
        assert prover.proofs[0].isdisjoint(prover.proofs[1])
        await store.close()


@pytest.mark.parametrize("error", [StoreUnavailableError("no"), DirectoryUnavailableError("no")])
async def test_a_proof_that_fails_is_tried_again_by_the_next(store: Store, error: Exception) -> None:
    prover = Prover(store.connection)
    prover.error = error
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await store.get("k")
    prover.error = None
    assert await store.get("k") is None
    assert len(prover.proofs) == 3


async def test_another_run_of_redis_is_proved_before_it_is_read(
    store: Store, redis_server: RedisServer
) -> None:
    """Also when nobody noticed: no operation failed while it was down."""
    prover = Prover(store.connection)
    await store.put("k", b"v", 60)
    redis_server.kill()
    redis_server.start()
    assert await store.get("k") is None
    assert len(prover.proofs) == 2
    assert prover.proofs[0] != prover.proofs[1]


async def test_what_the_proof_does_is_done_when_the_first_answer_comes(
    store: Store, redis_server: RedisServer
) -> None:
    """A data set from before a sign-out: the proof repeats the sign-out."""
    await store.put("session", b"old", 60)
    redis_server.command("SAVE")
    ungated = Store(store.connection.ungated, "p:")
    dataset: set[frozenset[str]] = set()

    async def prove() -> None:
        histories = await store.connection.histories()
        if histories not in dataset:
            await ungated.delete("session")
            dataset.add(histories)

    store.connection.prover = prove
    assert await store.get("session") is None
    redis_server.kill()
    redis_server.start()
    assert redis_server.command("EXISTS p:session") == b":1\r\n", "it is back"
    answers = await asyncio.gather(*(store.get("session") for _ in range(100)))
    assert set(answers) == {None}


async def test_a_redis_that_changes_during_the_proof_is_not_proved(
    store: Store, redis_server: RedisServer
) -> None:
    prover = Prover(store.connection)
    prover.open.clear()
    asking = asyncio.create_task(store.get("k"))
    await until(lambda: bool(prover.proofs))
    redis_server.kill()
    await asyncio.to_thread(redis_server.start)
    prover.open.set()
    with pytest.raises(StoreUnavailableError):
        await asking
    assert await store.get("k") is None


async def test_an_error_is_a_doubt(store: Store, redis_server: RedisServer) -> None:
    prover = Prover(store.connection)
    await store.put("k", b"v", 60)
    redis_server.command("CONFIG SET maxmemory 1")
    with pytest.raises(StoreUnavailableError):
        await store.put("k", b"w", 60)
    redis_server.command("CONFIG SET maxmemory 0")
    assert await store.get("k") == b"v"
    assert len(prover.proofs) == 2


async def test_a_replica_is_no_master(store: Store, redis_server: RedisServer) -> None:
    """What it holds may be old: it is refused before anybody is read from it."""
    Prover(store.connection)
    await store.put("k", b"v", 60)
    redis_server.command("REPLICAOF 127.0.0.1 1")
    with pytest.raises(StoreUnavailableError):
        await store.put("k", b"w", 60)
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            await store.get("k")
    redis_server.command("REPLICAOF NO ONE")
    assert await store.get("k") == b"v"


async def test_closing_ends_a_proof(redis_server: RedisServer) -> None:
    store = Store.open(redis_server.url, "p:", 0.25)
    prover = Prover(store.connection)
    prover.open.clear()
    with pytest.raises(StoreUnavailableError):
        await store.get("k")
    await store.close()
