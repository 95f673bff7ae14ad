"""Looks over the one connection that all share: on every kind of Redis, behind the gate, and what changes."""

import asyncio
import time
from collections.abc import AsyncGenerator
from functools import partial
from uuid import uuid4

import pytest

from gateway.errors import StoreUnavailableError
from tests.looking import Looking, all_are_their_own, looking, numbered, until
from tests.redis_kinds import KINDS, RedisKinds
from tests.redis_server import RedisServer
from tests.tcp_proxy import TcpProxy
from tests.test_store_gate import Prover


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_is_found_as_by_the_store(kind: str, redis_kinds: RedisKinds) -> None:
    async with looking(redis_kinds.url(kind), f"bookgate:{uuid4()}:") as it:
        if kind != "cluster":
            await until(lambda: it.is_fresh)
            assert it.looks.tracks
        await it.store.create("b:{a}:x", {"v": b"book", "seen": 1, "f": b"7"}, 60)
        await it.store.create("s:{a}:y", {"v": b"above", "seen": 2}, 60)
        await it.store.mark("p:{a}", "n", 5, 60)
        for records in (["b:{a}:x"], ["b:{a}:x", "s:{a}:y"], ["b:{a}:none", "s:{a}:y"]):
            for wanted in ("", "f"):
                found = await it.look(*records, field=wanted)
                assert found == await it.store.look(records, "p:{a}", wanted)
        (book, above), marks = await it.look("b:{a}:x", "s:{a}:y", field="f")
        assert (book.value, book.field, above.value, marks) == (b"book", b"7", b"above", {"n": 5})
        (nothing,), marks = await it.look("b:{b}:none", marks="p:{b}")
        assert (nothing.value, nothing.field, marks) == (None, None, {})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cluster"])
async def test_what_changes_in_redis_is_told(kind: str, redis_kinds: RedisKinds) -> None:
    """Whoever changes it: nobody tells it over the link."""
    async with looking(redis_kinds.url(kind), f"bookgate:{uuid4()}:") as it:
        await until(lambda: it.is_fresh)
        for key in ("b:{a}:x", "s:{a}:y", "p:{a}"):
            await it.store.put(key, b"v", 60)
            await until(partial(it.told, key))
        await it.store.put("c:{a}:z", b"v", 60)
        await it.store.delete("b:{a}:x")
        await until(lambda: it.changes.count(["b:{a}:x"]) == 2)
        assert not it.told("c:{a}:z")


@pytest.fixture
async def looks(redis_server: RedisServer) -> AsyncGenerator[Looking]:
    async with looking(redis_server.url, "p:", 1.0) as it:
        await until(lambda: it.is_fresh)
        yield it


@pytest.fixture
async def proxied(redis_server: RedisServer) -> AsyncGenerator[tuple[Looking, TcpProxy]]:
    async with numbered(redis_server) as opened:
        yield opened


# --- the gate


async def test_nothing_is_answered_before_the_proof(looks: Looking) -> None:
    prover = Prover(looks.store.connection)
    looks.store.connection.doubt()
    prover.open.clear()
    asking = asyncio.create_task(looks.look("b:{a}:x"))
    await until(lambda: bool(prover.proofs))
    assert not asking.done()
    prover.open.set()
    await asking
    await all_by_the_quick_way(looks)
    assert len(prover.proofs) == 1


async def all_by_the_quick_way(it: Looking, times: int = 20) -> None:
    """No other operation has anything to do with it."""
    before = it.store.connection._free._value  # ruff: ignore[private-member-access]
    for _ in range(times):
        asking = asyncio.ensure_future(it.look("b:{a}:x"))
        await asyncio.sleep(0)
        assert it.store.connection._free._value == before  # ruff: ignore[private-member-access]
        assert not it.looks._slow  # ruff: ignore[private-member-access]
        await asking


async def test_a_doubt_is_a_change_of_everything(looks: Looking) -> None:
    looks.changes.clear()
    looks.store.connection.doubt()
    assert looks.changes == [None]


async def test_another_run_of_redis_is_proved_before_it_is_read(
    looks: Looking, redis_server: RedisServer
) -> None:
    prover = Prover(looks.store.connection)
    looks.store.connection.doubt()
    await looks.look("b:{a}:x")
    looks.changes.clear()
    redis_server.kill()
    redis_server.start()
    prover.open.clear()
    asking = asyncio.create_task(looks.look("b:{a}:x"))
    await until(lambda: len(prover.proofs) == 2)
    await asyncio.sleep(0.2)
    assert not asking.done()
    assert None in looks.changes
    prover.open.set()
    await asking
    assert prover.proofs[0] != prover.proofs[1]
    await until(lambda: looks.is_fresh)


async def test_a_master_that_was_demoted_is_not_read(looks: Looking, redis_server: RedisServer) -> None:
    """Nothing else asks it: its own connection notices."""
    Prover(looks.store.connection)
    looks.store.connection.doubt()
    await looks.look("b:{a}:x")
    await until(lambda: looks.is_fresh)
    redis_server.command("REPLICAOF 127.0.0.1 1")
    await until(lambda: not looks.is_fresh)
    with pytest.raises(StoreUnavailableError):
        await looks.look("b:{a}:x")
    redis_server.command("REPLICAOF NO ONE")
    await until(lambda: looks.is_fresh)
    await looks.look("b:{a}:x")


async def test_a_connection_that_leads_elsewhere_than_the_proof_is_not_read(
    proxied: tuple[Looking, TcpProxy], tmp_path_factory: pytest.TempPathFactory
) -> None:
    it, proxy = proxied
    Prover(it.store.connection)
    it.store.connection.doubt()
    await it.look("b:{a}:1")
    other = RedisServer(tmp_path_factory.mktemp("other")).start()
    try:
        proxy.target = ("127.0.0.1", other.port)
        it.store.connection.doubt()  # the proof opens new connections, which lead to the other one
        (found,), _ = await it.look("b:{a}:1")
        assert found.value is None
        await until(lambda: it.is_fresh)
        (found,), _ = await it.look("b:{a}:1")
        assert found.value is None
    finally:
        other.stop()


# --- who tells of changes


async def test_all_may_have_changed_where_everything_was_removed(
    looks: Looking, redis_server: RedisServer
) -> None:
    looks.changes.clear()
    redis_server.command("FLUSHALL")
    await until(lambda: None in looks.changes)


async def test_a_connection_that_was_lost_makes_a_doubt_and_comes_back(
    proxied: tuple[Looking, TcpProxy],
) -> None:
    it, proxy = proxied
    Prover(it.store.connection)
    it.store.connection.doubt()
    await it.look("b:{a}:1")
    it.changes.clear()
    proxy.cut()
    await until(lambda: None in it.changes)
    assert not it.is_fresh, "nobody tells of changes"
    assert not it.store.connection.is_proved
    await all_are_their_own(it)
    await until(lambda: it.is_fresh)


async def test_without_a_word_of_the_other_side_nothing_is_fresh_after_a_second(
    proxied: tuple[Looking, TcpProxy],
) -> None:
    it, proxy = proxied
    proxy.hold()
    began = time.monotonic()
    await until(lambda: not it.is_fresh)
    assert time.monotonic() - began < 1.5
    proxy.release()
    await until(lambda: it.is_fresh)


async def test_where_it_may_not_track_the_link_is_what_counts(redis_server: RedisServer) -> None:
    redis_server.command("ACL SETUSER default -client|tracking")
    async with looking(redis_server.url, "p:") as it:
        await all_are_told(it)
        assert not it.is_fresh
        it.link.last_beat = asyncio.get_running_loop().time()
        await until(lambda: it.is_fresh)
        await until(lambda: not it.is_fresh)


async def all_are_told(it: Looking) -> None:
    """The connection serves, whoever tells of changes."""
    await until(lambda: it.looks._lean is not None)  # ruff: ignore[private-member-access]
    await all_by_the_quick_way(it)


async def test_a_mark_is_put_once(looks: Looking, redis_server: RedisServer) -> None:
    assert await looks.looks.put_new("j:x", 60)
    assert not await looks.looks.put_new("j:x", 60)
    assert not await looks.store.put_new("j:x", 60)
    assert 0 < int(redis_server.command("TTL p:j:x")[1:]) <= 60
    redis_server.kill()
    with pytest.raises(StoreUnavailableError):
        await looks.looks.put_new("j:y", 60)
    redis_server.start()
    assert await looks.looks.put_new("j:x", 60)
