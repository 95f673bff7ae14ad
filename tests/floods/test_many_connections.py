"""Connections that carry nothing, connections and heads without end, on both data paths."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.server.addresses import TOLD
from gateway.server.run import MAX_HEADERS
from gateway.server.times import KEEP_ALIVE
from tests.floods.crowd import crowd, resident
from tests.floods.evening import CALM, KEPT, LIMITS, LONG, RATE, gateway_for, sign_in, still_open
from tests.floods.ordinary import ordinary
from tests.system.raw_client import RawClient
from tests.workers.gateway_process import GatewayProcess, figure

PATHS = ("fast", "plain")
IDLE = 9000 if LONG else 300
BESIDE = 5.0 if LONG else 2.0  # seconds: before the idle ones are closed
HEADS = 200
MOST = 40  # connections of an address, where there is a limit
FEW = LIMITS.replace("20000", str(MOST))
WAIT = 30.0  # seconds that a busy machine may take for what takes one
OPEN = "GET /pictures/1 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n"  # a route that asks nobody to sign in


@pytest.fixture(params=PATHS)
async def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[GatewayProcess]:
    async with gateway_for(tmp_path, request.param) as running:
        yield running


async def test_idle_connections_cost_little_and_end_in_their_time(gateway: GatewayProcess) -> None:
    said = await sign_in(gateway)
    (worker,) = gateway.workers()
    ask = f"GET /grades/1 HTTP/1.1\r\n{said}\r\n".encode()
    calm = await ordinary(gateway.port, said, RATE, CALM)
    memory = resident(worker)
    async with crowd(gateway.port) as idle:
        await idle.connect(IDLE, ask)
        await idle.until(lambda: all(client.status is not None for client in idle.clients), WAIT)
        assert {client.status for client in idle.clients} == {200}
        each = (resident(worker) - memory) / IDLE
        busy = await ordinary(gateway.port, said, RATE, BESIDE)
        await idle.until(lambda: not idle.open, KEEP_ALIVE + WAIT)
    figure(
        f"{IDLE} idle connections: {each / 1000:.1f} kB each; p99 of ordinary requests"
        f" {calm.p99 * 1000:.1f} ms, beside them {busy.p99 * 1000:.1f} ms"
    )
    assert (busy.failures, busy.statuses) == ([], {200})
    assert await still_open(gateway) <= KEPT


@pytest.mark.parametrize("path", PATHS)
async def test_one_address_has_so_many_connections_and_others_are_served(tmp_path: Path, path: str) -> None:
    async with gateway_for(tmp_path, path, FEW) as gateway:
        ask = f"{OPEN.format(gateway.port)}\r\n".encode()
        async with crowd(gateway.port) as many:
            await many.connect(MOST, ask)
            await many.until(lambda: all(client.status == 200 for client in many.clients), WAIT)
            async with crowd(gateway.port) as more:
                await more.connect(10, ask)
                await more.until(lambda: not more.open, WAIT)
                assert {client.status for client in more.clients} == {429}
                assert all(b"\r\nRetry-After: " in client.answer for client in more.clients)
                assert all(b"\r\nConnection: close\r\n" in client.answer for client in more.clients)
                assert all(b'"too_many_requests"' in client.answer for client in more.clients)
            async with crowd(gateway.port) as silent:
                await silent.connect(20 * TOLD, b"")
                await silent.until(lambda: len(silent.open) <= TOLD, WAIT)
                assert (
                    await still_open(gateway, 2 * MOST + TOLD) <= 2 * MOST + TOLD + KEPT
                )  # with those to the service
                async with crowd(gateway.port, address="127.0.0.2") as others:
                    await others.connect(MOST, ask)
                    await others.until(lambda: all(client.status == 200 for client in others.clients), WAIT)
            assert len(many.open) == MOST, "those that were there before are served on"
        assert await still_open(gateway) <= KEPT
        client = await RawClient.connect(gateway.port)
        await client.send(ask)
        assert (await client.answer()).status == 200
        client.close()


@pytest.mark.parametrize("path", PATHS)
async def test_behind_an_edge_all_come_from_one_address(tmp_path: Path, path: str) -> None:
    trusting = f"{FEW}trusted_proxies: [127.0.0.1/32]\n"
    async with gateway_for(tmp_path, path, trusting) as gateway, crowd(gateway.port) as edge:
        await edge.connect(3 * MOST, f"{OPEN.format(gateway.port)}\r\n".encode())
        await edge.until(lambda: all(client.status == 200 for client in edge.clients), WAIT)


async def test_heads_without_end_are_refused_and_cost_little(gateway: GatewayProcess) -> None:
    (worker,) = gateway.workers()
    line = OPEN.format(gateway.port).encode()
    async with crowd(gateway.port) as ordinary:
        await ordinary.connect(HEADS, line + b"\r\n")
        await ordinary.until(lambda: all(client.status == 200 for client in ordinary.clients), WAIT)
    before = resident(worker)
    async with crowd(gateway.port) as half:
        size = 8000
        await half.connect(HEADS, line + b"A:\r\n" * ((size - len(line)) // 4))
        await asyncio.sleep(1)
        assert len(half.open) == HEADS or {client.status for client in half.clients} <= {None, 400, 431}
        assert resident(worker) - before <= 100 * size * HEADS
    for endless in (b"A: " + b"x" * 100_000, b"A: x\r\n" * 20_000):
        async with crowd(gateway.port) as long:
            await long.connect(HEADS // 4, line + endless)
            await long.until(lambda: not long.open, WAIT)
            # closed under what is still sent, a few may see a reset instead
            assert {client.status for client in long.clients} <= {431, 400, None}
    assert [received.target for received in gateway.storage.received] == ["/1"] * HEADS


@pytest.mark.parametrize(("lines", "statuses"), [(MAX_HEADERS - 1, {200}), (MAX_HEADERS + 1, {400, 431})])
async def test_so_many_lines_has_a_head(gateway: GatewayProcess, lines: int, statuses: set[int]) -> None:
    client = await RawClient.connect(gateway.port)
    await client.send(OPEN.format(gateway.port).encode() + b"A: x\r\n" * (lines - 1) + b"\r\n")
    answer = await client.answer()
    assert answer.status in statuses
    if answer.status != 200:
        assert json.loads(answer.body)["error"] in {"invalid_request", "head_too_large"}
        assert await client.at_end()
    client.close()
