"""Workers come and go under load: none of it may fail a request, but of a worker that is killed its own."""

import asyncio
import os
import signal
import time
from functools import partial
from pathlib import Path

from tests.workers.gateway_process import GatewayProcess, figure, gateway_process, is_alive, parent_of, until
from tests.workers.load import load

BACK = 2.0  # seconds until there are as many workers as before


async def test_a_rolling_restart_fails_no_request(
    gateway: GatewayProcess, heads: dict[str, bytes], rate: float
) -> None:
    old = gateway.workers()
    async with load(gateway.port, heads, rate, seldom=20) as asked:
        await asyncio.sleep(2)
        gateway.signal(signal.SIGUSR2)
        took = await until(lambda: gateway.lines("replaced"))
        gone = await until(lambda: not set(old) & set(gateway.processes()))
        await asyncio.sleep(1)
    figure(f"rolling restart: {asked.told()}; replaced in {took:.1f} s, the old ones gone {gone:.1f} s later")
    assert asked.failures == []
    assert set(asked.answered) == {200}
    assert len(gateway.workers()) == 2
    assert not set(gateway.workers()) & set(old)
    gateway.storage.assert_sound()


async def test_of_a_worker_that_is_killed_only_its_own_requests_fail(
    gateway: GatewayProcess, heads: dict[str, bytes], rate: float
) -> None:
    async with load(gateway.port, heads, rate) as asked:
        await asyncio.sleep(2)
        victim = gateway.workers()[0]
        served = len(gateway.lines("serving"))
        killed, in_flight = time.monotonic(), asked.in_flight
        os.kill(victim, signal.SIGKILL)
        back = await until(lambda: len(gateway.lines("serving")) > served)
        await asyncio.sleep(2)
    figure(f"kill -9 of one of two: {asked.told()}; {in_flight} were in flight; back in {back:.2f} s")
    assert [failure for failure in asked.failures if not failure.connected] == []
    dying = 0.5  # a process of that size is gone some moments after the signal
    assert [failure for failure in asked.failures if failure.began > killed + dying] == []
    assert back <= BACK
    assert len(gateway.workers()) == 2
    (died,) = gateway.lines("worker")[:1]
    assert (died["pid"], died["ended"], died["pause"]) == (victim, "SIGKILL", 0)


async def test_the_number_of_workers_that_was_told_outlives_a_restart(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, 1, told=2) as gateway:
        old = gateway.workers()
        gateway.signal(signal.SIGUSR2)
        await until(lambda: gateway.lines("replaced"))
        await until(lambda: gateway.serve(2, *old))


async def test_where_the_only_worker_is_killed_new_connections_wait(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, 1) as gateway:
        heads = {"GET": f"GET /pictures/1 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n".encode()}
        heads["POST"] = heads["GET"]
        async with load(gateway.port, heads, 20) as asked:
            for _ in range(3):
                (victim,) = gateway.workers()
                os.kill(victim, signal.SIGKILL)
                await until(partial(gateway.serve, 1, victim))
        assert [failure for failure in asked.failures if not failure.connected] == []
        assert [line["pause"] for line in gateway.lines("worker") if "pause" in line] == [0, 0.25, 0.5]


async def test_a_worker_that_is_told_to_end_is_replaced_while_it_leaves(gateway: GatewayProcess) -> None:
    leaver, other = gateway.workers()
    os.kill(leaver, signal.SIGTERM)
    await until(partial(gateway.serve, 2, leaver))
    assert other in gateway.workers()
    await until(lambda: not is_alive(leaver))


async def test_when_the_parent_is_killed_nothing_outlives_it(gateway: GatewayProcess) -> None:
    before = gateway.processes()
    assert len(before) >= 6  # parent, nursery, two workers, the leash and Redis
    gateway.signal(signal.SIGKILL)
    took = await until(lambda: not gateway.processes())
    figure(f"kill -9 of the parent: {len(before)} processes gone in {took:.1f} s")


async def test_a_dead_nursery_is_replaced_when_it_is_needed(gateway: GatewayProcess) -> None:
    workers = gateway.workers()
    (nursery,) = {parent_of(pid) for pid in workers}
    os.kill(nursery, signal.SIGKILL)
    await until(lambda: not is_alive(nursery))
    assert gateway.workers() == workers
    os.kill(workers[0], signal.SIGKILL)
    await until(lambda: len(gateway.workers()) == 2)


async def test_the_embedded_redis_is_started_again_and_nobody_is_signed_out(
    gateway: GatewayProcess, heads: dict[str, bytes]
) -> None:
    async with load(gateway.port, heads, 20) as before:
        await until(lambda: before.answered[200] > 5)
    (server,) = [
        pid for pid, line in gateway.processes().items() if "unixsocket:" in line or line.startswith("valkey")
    ]
    await asyncio.sleep(1.5)  # its file is written every second
    os.kill(server, signal.SIGKILL)
    await until(lambda: [line for line in gateway.lines("embedded redis") if "started" in line])
    began = time.monotonic()
    async with load(gateway.port, heads, 20) as after:
        await until(lambda: after.answered[200] > 20)
    took = time.monotonic() - began
    figure(f"embedded Redis killed: 20 answers {took:.1f} s after its start; {after.told()}")
    assert after.failures == []
    assert set(after.answered) <= {200, 503}
