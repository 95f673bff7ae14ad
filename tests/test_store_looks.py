"""Looks over the one connection that all share, on every kind of Redis, and what goes wrong there."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import pytest

from gateway.errors import GatewayError, StoreUnavailableError
from gateway.session_life import LOOKED_AT
from gateway.store import Looked, Looks, Store, lean
from tests.redis_kinds import KINDS, RedisKinds
from tests.redis_server import RedisServer
from tests.sessions_parts import Silence
from tests.tcp_proxy import TcpProxy, tcp_proxy
from tests.test_store_gate import Prover

PLENTY = 30.0  # seconds, on whatever machine


async def until(holds: Callable[[], bool], seconds: float = PLENTY) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it did not come to that"
        await asyncio.sleep(0.005)


@dataclass
class Looking:
    """Looks that run, and what they told."""

    store: Store
    looks: Looks
    link: Silence
    changes: list[Sequence[str] | None] = field(default_factory=list)

    async def look(self, *records: str, marks: str = "p:{a}", field: str = "") -> Looked:
        answer: asyncio.Future[Looked | GatewayError] = asyncio.get_running_loop().create_future()
        self.looks.look(self.looks.question(records, marks, field), answer.set_result)
        assert not answer.done(), "never from within"
        found = await answer
        if isinstance(found, GatewayError):
            raise found
        return found

    @property
    def is_fresh(self) -> bool:
        return self.looks.fresh_until > asyncio.get_running_loop().time()

    def told(self, key: str) -> bool:
        return any(key in change for change in self.changes if change is not None)


@asynccontextmanager
async def looking(url: str, prefix: str, deadline: float = 5.0) -> AsyncGenerator[Looking]:
    async with AsyncExitStack() as stack:
        store = Store.open(url, prefix, deadline)
        stack.push_async_callback(store.close)
        link = Silence()
        looks = Looks(store, link, LOOKED_AT)
        stack.push_async_callback(looks.close)
        made = Looking(store, looks, link)
        looks.on_change = made.changes.append
        running = asyncio.create_task(looks.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


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
    """Redis beyond a proxy; what has the key `b:{a}:NUMBER` is that number."""
    async with tcp_proxy("127.0.0.1", redis_server.port) as proxy, looking(proxy.url, "p:", 1.0) as it:
        await until(lambda: it.is_fresh)
        for number in range(64):
            await it.store.create(f"b:{{a}}:{number}", {"v": b"%d" % number, "seen": 1}, 600)
        yield it, proxy


async def all_are_their_own(it: Looking, times: int = 64) -> None:
    answers = await asyncio.gather(*(it.look(f"b:{{a}}:{number % 64}") for number in range(times)))
    assert [found[0][0].value for found in answers] == [b"%d" % (number % 64) for number in range(times)]


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


# --- what goes wrong on the way


async def test_a_connection_that_is_cut_in_the_middle_of_a_reply(proxied: tuple[Looking, TcpProxy]) -> None:
    """The first half of it is nobody's, and those who waited are answered by the other way."""
    it, proxy = proxied
    await all_are_their_own(it)
    for _ in range(5):
        cut = False

        def half(piece: bytes, proxy: TcpProxy = proxy) -> bytes:
            nonlocal cut
            if not cut and b"$2\r\n33" in piece:
                cut = True
                asyncio.get_running_loop().call_later(0.01, proxy.cut)
                return piece[: piece.index(b"$2\r\n33") + 5]
            return piece

        proxy.say = half
        await all_are_their_own(it)
        assert cut
        proxy.mend()
        await until(lambda: it.is_fresh)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(b"*3\r\n$5\r\nab", id="half a reply"),
        pytest.param(b"+OK\r\n", id="one more"),
        pytest.param(b":1\r\n" * 99, id="many more"),
        pytest.param(b"*0\r\n", id="an empty one more"),
        pytest.param(b"*2\r\n:1\r\n:2\r\n", id="one more of another form"),
    ],
)
async def test_what_is_no_reply_reaches_nobody(proxied: tuple[Looking, TcpProxy], garbage: bytes) -> None:
    it, proxy = proxied
    await all_are_their_own(it)
    once = [garbage]
    proxy.say = lambda piece: once.pop() + piece if once and b"$2\r\n33" in piece else piece
    answers = await asyncio.gather(
        *(it.look(f"b:{{a}}:{number}") for number in range(64)), return_exceptions=True
    )
    for number, found in enumerate(answers):
        if not isinstance(found, StoreUnavailableError):
            assert not isinstance(found, BaseException), found
            assert found[0][0].value == b"%d" % number
    proxy.mend()
    await until(lambda: it.is_fresh)
    await all_are_their_own(it)


async def test_a_redis_that_hangs_is_an_error_in_time_and_late_replies_are_nobodys(
    redis_server: RedisServer,
) -> None:
    async with looking(redis_server.url, "p:", 0.25) as it:
        await until(lambda: it.is_fresh)
        for number in range(64):
            await it.store.create(f"b:{{a}}:{number}", {"v": b"%d" % number, "seen": 1}, 600)
        for _ in range(3):
            await until(lambda: it.is_fresh)
            redis_server.freeze()
            began = time.monotonic()
            refused = await asyncio.gather(
                *(it.look(f"b:{{a}}:{63 - number}") for number in range(64)), return_exceptions=True
            )
            assert {type(one) for one in refused} == {StoreUnavailableError}
            assert time.monotonic() - began < 1.0
            await until(lambda: not it.is_fresh, 1.2)
            redis_server.thaw()
            await until(lambda: it.is_fresh)
            await all_are_their_own(it)


async def test_a_reply_that_is_overdue_is_the_end_of_the_connection(redis_server: RedisServer) -> None:
    """Its reply may come yet, and is nobody's."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: lean.LeanConnection(0.2, lambda _: None, lambda: None), "127.0.0.1", redis_server.port
    )
    assert await connection.say("PING") == b"PONG"
    redis_server.freeze()
    asking = [asyncio.create_task(connection.say("PING")) for _ in range(3)]
    await asyncio.sleep(0.1)
    connection.sweep()
    assert not connection.closed.is_set()
    await asyncio.sleep(0.15)
    connection.sweep()
    await until(connection.closed.is_set)
    redis_server.thaw()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(answer) for answer in answers} == {TimeoutError}
    with pytest.raises(ConnectionResetError):
        await connection.say("PING")


async def test_of_ten_thousand_that_are_given_up_none_reaches_another(
    proxied: tuple[Looking, TcpProxy],
) -> None:
    """Replies take their time, half of those who asked leave, and the connection is cut now and then."""
    it, proxy = proxied
    proxy.latency = lambda: 0.003
    wrong: list[object] = []
    arrived = 0

    async def ask(number: int) -> None:
        nonlocal arrived
        try:
            (found,), _ = await it.look(f"b:{{a}}:{number % 64}")
        except StoreUnavailableError:
            return
        arrived += 1
        if found.value != b"%d" % (number % 64):
            wrong.append((number, found))

    for first in range(0, 10_000, 500):
        asking = [asyncio.create_task(ask(number)) for number in range(first, first + 500)]
        await asyncio.sleep(0.001 * (first // 500 % 7))
        for task in asking[::2]:
            task.cancel()
        if first % 2500 == 0:
            proxy.cut()
        await asyncio.gather(*asking, return_exceptions=True)
    assert wrong == []
    assert arrived >= 2500
    proxy.mend()
    await until(lambda: it.is_fresh)
    await all_are_their_own(it)


def fails(_: object) -> None:
    raise ZeroDivisionError


async def test_one_who_fails_at_an_answer_takes_no_others_answer(looks: Looking) -> None:
    """A fault of our own ends the connection; whoever waited is asked for once more."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    question = looks.looks.question(["b:{a}:x"], "p:{a}")
    try:
        asking = [asyncio.create_task(looks.look("b:{a}:x")) for _ in range(3)]
        await asyncio.sleep(0)
        looks.looks.look(question, fails)
        asking += [asyncio.create_task(looks.look("b:{a}:x")) for _ in range(3)]
        answers = await asyncio.gather(*asking)
        assert len(answers) == 6
    finally:
        asyncio.get_running_loop().set_exception_handler(None)


async def test_a_script_that_was_forgotten_is_told_again(looks: Looking, redis_server: RedisServer) -> None:
    await looks.store.create("b:{a}:x", {"v": b"v", "seen": 1}, 60)
    redis_server.command("SCRIPT FLUSH")
    (found,), _ = await looks.look("b:{a}:x")
    assert found.value == b"v"


async def test_an_error_of_redis_is_a_doubt(looks: Looking, redis_server: RedisServer) -> None:
    Prover(looks.store.connection)
    looks.store.connection.doubt()
    await looks.look("b:{a}:x")
    looks.changes.clear()
    redis_server.command("ACL SETUSER default -eval -evalsha")
    with pytest.raises(StoreUnavailableError, match="NOPERM"):
        await looks.look("b:{a}:x")
    assert None in looks.changes
    redis_server.command("ACL SETUSER default +eval +evalsha")
    await looks.look("b:{a}:x")


async def test_too_many_questions_are_refused(looks: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "MOST", 8)
    answers = await asyncio.gather(*(looks.look("b:{a}:x") for _ in range(20)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, StoreUnavailableError)]
    assert 0 < len(refused) <= 12
    assert all(isinstance(answer, tuple) for answer in answers if answer not in refused)


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
