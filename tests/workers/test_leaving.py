"""SIGTERM under load: readiness goes first, what is in flight finishes, what has no end is ended."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator

import aiohttp

from tests.system.echo_socket import echoing
from tests.system.recording_backend import Connection
from tests.workers.gateway_process import GatewayProcess, figure, until
from tests.workers.load import Load, load

SLOW = 4.0  # seconds: longer than the notice that a load balancer gets


async def answer(connection: Connection) -> None:
    """By what is asked for: an answer that takes long, events without end, a socket, or just an answer."""
    last = connection.received.target.rpartition("/")[2]
    if last == "live":
        await echoing()(connection)
    elif last == "events":
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        if not await connection.reader.read(1):
            raise ConnectionResetError
    else:
        body = await connection.read_body()
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        await asyncio.sleep(SLOW if last == "slow" else 0)
        await connection.say(b"lf" if not body else b"ck")


async def balanced(gateway: GatewayProcess, heads: dict[str, bytes], rate: float) -> tuple[Load, float]:
    """A load balancer before the gateway: it asks for readiness, and sends while there is some."""
    async with load(gateway.port, heads, rate, seldom=10) as asked:
        ready = 200
        while ready == 200:
            ready, _ = await gateway.readiness()
        off = time.monotonic()
    return asked, off


async def test_on_sigterm_readiness_goes_first_and_requests_in_flight_finish(
    gateway: GatewayProcess, heads: dict[str, bytes], rate: float
) -> None:
    gateway.storage.script = answer
    public = f"{gateway.url}/pictures"
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{public}/live") as socket,
        client.get(f"{public}/events") as events,
        client.get(f"{public}/slow") as slow,
    ):
        await socket.send_str("x")
        assert (await socket.receive()).data == "x"
        assert await events.content.readany() == b"data: 1\n\n"
        sending = asyncio.create_task(balanced(gateway, heads, rate))
        await asyncio.sleep(1)
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        closed, over = asyncio.create_task(socket.receive()), asyncio.create_task(events.content.read())
        asked, off = await sending
        assert (await gateway.readiness())[1] == {"status": "draining"}
        late = asyncio.create_task(upload(client, f"{gateway.url}/pictures/slow"))
        assert await slow.text() == "half"
        assert await late == "hack"
        assert over.done()
        assert closed.done()
        assert await asyncio.wait_for(over, 20) == b""
        await asyncio.wait_for(closed, 20)
        assert socket.close_code == aiohttp.WSCloseCode.SERVICE_RESTART
        assert await asyncio.wait_for(gateway.process.wait(), 60) == 0
    ended = time.monotonic() - began
    figure(f"SIGTERM: {asked.told()}; not ready after {off - began:.2f} s, ended after {ended:.1f} s")
    assert (asked.failures, set(asked.answered)) == ([], {200})
    assert gateway.processes() == {}
    assert (await gateway.readiness())[0] == 0


async def upload(client: aiohttp.ClientSession, url: str) -> str:
    """A body that is still on its way when the listeners are closed."""

    async def body() -> AsyncGenerator[bytes]:
        yield b"wo"
        await asyncio.sleep(SLOW)
        yield b"rk"

    async with client.post(url, data=body()) as got:
        return await got.text()


async def test_a_worker_that_hangs_is_ended(gateway: GatewayProcess) -> None:
    hanging, _ = gateway.workers()
    os.kill(hanging, signal.SIGSTOP)
    gateway.signal(signal.SIGINT)
    took = await asyncio.wait_for(gateway.process.wait(), 60)
    assert took == 0
    await until(lambda: not gateway.processes())


async def test_ctrl_c_does_not_wait_for_a_load_balancer(gateway: GatewayProcess) -> None:
    began = time.monotonic()
    gateway.signal(signal.SIGINT)
    assert await asyncio.wait_for(gateway.process.wait(), 60) == 0
    assert gateway.lines("leaving")
    figure(f"Ctrl-C: ended in {time.monotonic() - began:.1f} s")
