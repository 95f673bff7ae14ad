"""Several URLs of one backend, each a server of its own that dies, hangs, comes back or is slow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from gateway.errors import BackendBrokenError
from gateway.proxy.balance import FAILS
from gateway.proxy.hosts import EVERY, Hosts
from gateway.routes import Address, Backend, HealthRule, InFlight, Timeouts
from tests.system.data_path import backend, data_path
from tests.system.recording_backend import OK, Connection, RecordingBackend, recording_backend, saying
from tests.upstream_parts import PATIENCE, Asking, asking, eventually

LONG = Timeouts(connect=20, first_byte=20, idle=20)


@pytest.fixture(name="three")
async def _three() -> AsyncIterator[list[RecordingBackend]]:
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(recording_backend()) for _ in range(3)]
        yield started
        for one in started:
            await one.stop()


def over(urls: list[RecordingBackend]) -> Backend:
    first, *others = (one.url for one in urls)
    return replace(
        backend(first, "storage", *others), timeouts=LONG, in_flight=InFlight(max=100, queue=0, wait=1)
    )


async def again(one: RecordingBackend) -> None:
    """Back at the same address."""
    one.server = await asyncio.start_server(one.serve, "127.0.0.1", one.port)


async def hang(connection: Connection) -> None:
    await connection.reader.read()


def counts(urls: list[RecordingBackend]) -> list[int]:
    return [len(one.received) for one in urls]


async def asked(made: Asking, times: int) -> list[bool]:
    """One after the other; whether each was answered."""
    return [(await made.ask()).error is None for _ in range(times)]


async def test_equals_take_turns_and_each_gets_its_own_host(three: list[RecordingBackend]) -> None:
    async with asking(over(three)) as made:
        assert all(await asked(made, 9))
        assert counts(three) == [3, 3, 3]
        for one in three:
            assert {received.values("Host")[0] for received in one.received} == {f"127.0.0.1:{one.port}"}


async def test_one_that_is_slow_gets_less(three: list[RecordingBackend]) -> None:
    go_on = asyncio.Event()

    async def slow(connection: Connection) -> None:
        await go_on.wait()
        await connection.say(OK)

    three[1].script = slow
    async with asking(over(three)) as made:
        calls = [made.begin() for _ in range(3)]
        await eventually(lambda: counts(three) == [1, 1, 1])
        for _ in range(10):
            assert (await made.ask()).status == 200
        assert counts(three)[1] == 1
        go_on.set()
        for told in calls:
            await told.over()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_one_that_is_gone_is_noticed_by_nobody_and_asked_again_when_it_is_back(
    three: list[RecordingBackend], method: str
) -> None:
    async with asking(over(three)) as made:
        await three[0].stop()
        assert [(await made.ask(method, b"work")).status for _ in range(30)] == [200] * 30
        assert made.upstream.standings[0].is_ejected(made.upstream.clock())
        assert '"url":0' in made.log.getvalue()
        assert "left alone" in made.log.getvalue()
        await again(three[0])
        async with asyncio.timeout(PATIENCE):
            while not three[0].received:
                assert (await made.ask(method, b"work")).status == 200
                await asyncio.sleep(0.05)
        assert made.upstream.standings[0].failures == 0
        three[0].drop()


async def test_one_that_breaks_off_is_left_alone_after_a_few(three: list[RecordingBackend]) -> None:
    async def reset(connection: Connection) -> None:
        connection.reset()

    three[2].script = reset
    async with asking(over(three)) as made:
        found = await asked(made, 30)
        assert found.count(False) == FAILS == len(three[2].received)


async def test_one_that_hangs_is_left_alone_after_a_few(three: list[RecordingBackend]) -> None:
    three[0].script = hang
    quick = replace(over(three), timeouts=Timeouts(connect=20, first_byte=0.5, idle=20))
    async with asking(quick) as made:
        found = await asked(made, 15)
        assert found.count(False) == FAILS


async def test_what_a_backend_says_is_its_own_affair(three: list[RecordingBackend]) -> None:
    three[0].script = saying(b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n")
    async with asking(over(three)) as made:
        assert all(await asked(made, 15))
        assert counts(three) == [5, 5, 5]


async def test_where_all_are_gone_two_are_tried_and_no_more(three: list[RecordingBackend]) -> None:
    for one in three:
        await one.stop()
    async with asking(over(three)) as made:
        for _ in range(5):
            told = await made.ask()
            assert isinstance(told.error, BackendBrokenError)
            assert told.call is not None
            assert told.call.tries == 1
        await again(three[1])
        async with asyncio.timeout(PATIENCE):
            # the least bad is asked all the same
            while (await made.ask()).error is not None:  # ruff: ignore[async-busy-wait]
                await asyncio.sleep(0.05)
        three[1].drop()


async def test_a_stale_connection_s_request_goes_to_another_url(three: list[RecordingBackend]) -> None:
    async def reset(connection: Connection) -> None:
        three[1].script = saying(OK)
        connection.reset()

    async with asking(over(three)) as made:
        await asked(made, 3)
        for one in three:
            one.received.clear()
        three[1].script = reset
        assert all(await asked(made, 3))
        assert sum(counts(three)) == 4


# --- health checks

RULE = HealthRule("/healthz", every=0.5, fall=2, rise=2)


async def test_one_that_says_it_is_not_well_gets_nothing_until_it_says_so_again(
    three: list[RecordingBackend],
) -> None:
    status = {"now": b"503 Not now"}

    async def script(connection: Connection) -> None:
        if connection.received.target == "/healthz":
            await connection.say(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status["now"])
        else:
            await connection.say(OK)

    three[0].script = script
    async with asking(replace(over(three), health=RULE)) as made:
        standing = made.upstream.standings[0]
        await eventually(lambda: not standing.is_well)
        assert "answered 503" in made.log.getvalue()
        assert all(await asked(made, 6))
        assert {received.target for received in three[0].received} == {"/healthz"}
        status["now"] = b"204 Well"
        await eventually(lambda: standing.is_well)
        assert all(await asked(made, 3))
        assert "/x" in {received.target for received in three[0].received}
        assert made.upstream.bulkhead.inside == 0


async def test_one_that_hangs_or_is_gone_is_not_well_before_any_reader_asks(
    three: list[RecordingBackend],
) -> None:
    three[0].script = hang
    await three[1].stop()
    async with asking(replace(over(three), health=RULE)) as made:
        standings = made.upstream.standings
        await eventually(lambda: not standings[0].is_well and not standings[1].is_well)
        assert standings[2].is_well
        assert all(await asked(made, 6))
        three[0].script = saying(OK)
        await again(three[1])
        await eventually(lambda: standings[0].is_well and standings[1].is_well)
        for one in three:
            one.drop()


async def test_a_check_has_the_host_and_the_base_of_the_backend(three: list[RecordingBackend]) -> None:
    address = Address.of(f"{three[0].url}api/")
    one = replace(over(three[:1]), addresses=(address,), host="public", health=RULE)
    async with asking(one):
        await eventually(lambda: bool(three[0].received))
        assert three[0].last.line == "GET /api/healthz HTTP/1.1"
        assert three[0].last.values("Host") == ["gw.test"]


# --- names


async def test_a_name_that_moves_takes_its_connections_along() -> None:
    now, answers = 100.0, ["192.0.2.1", "192.0.2.2"]
    asked: list[tuple[str, int]] = []

    async def look_up(host: str, port: int) -> list[str]:
        asked.append((host, port))
        if not answers:
            raise OSError("nobody knows")
        return list(answers)

    hosts = Hosts(Address.of("http://backend:81/"), lambda: now, look_up)
    assert list(await hosts.find()) == ["192.0.2.2", "192.0.2.1"]
    assert list(await hosts.find()) == answers  # each time another one first
    assert asked == [("backend", 81)]
    assert hosts.knows(("192.0.2.1", 81))
    hosts.refresh(now + EVERY - 1)
    answers.remove("192.0.2.1")
    now += EVERY
    hosts.refresh(now)
    hosts.refresh(now)  # one look-up at a time
    await eventually(lambda: not hosts.knows(("192.0.2.1", 81)))
    assert len(asked) == 2
    answers.clear()
    now += EVERY
    hosts.refresh(now)
    await eventually(lambda: len(asked) == 3)
    assert list(await hosts.find()) == ["192.0.2.2"]  # what was true goes on where nobody can be asked
    await hosts.close()


# --- through the whole data path


async def test_a_reader_notices_nothing_of_a_url_that_dies(three: list[RecordingBackend]) -> None:
    async with data_path(over(three)) as path:
        path.sign_in("ada")
        assert [(await path.ask()).status for _ in range(3)] == [200] * 3
        await three[2].stop()
        assert [(await path.ask()).status for _ in range(9)] == [200] * 9
        for one in three:
            one.assert_identity("ada")
