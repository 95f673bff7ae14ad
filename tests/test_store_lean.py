"""What goes wrong on the connection that all share: nobody gets what another was to get."""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from gateway.errors import StoreUnavailableError
from gateway.store import lean
from tests.looking import Looking, all_are_their_own, looking, numbered, until
from tests.redis_server import RedisServer
from tests.tcp_proxy import TcpProxy
from tests.test_store_gate import Prover


@pytest.fixture
async def looks(redis_server: RedisServer) -> AsyncGenerator[Looking]:
    async with looking(redis_server.url, "p:", 1.0) as it:
        await until(lambda: it.is_fresh)
        yield it


@pytest.fixture
async def proxied(redis_server: RedisServer) -> AsyncGenerator[tuple[Looking, TcpProxy]]:
    async with numbered(redis_server) as opened:
        yield opened


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
