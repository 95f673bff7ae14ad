"""Two workers behind one private listener: whichever is asked tells the numbers of both, and no secret."""

import asyncio
import re
import signal
from pathlib import Path

import aiohttp

from tests.system.raw_client import RawClient
from tests.workers.gateway_process import START, GatewayProcess, gateway_process, until

REQUESTS = re.compile(
    r'^bookgate_requests_total\{worker="(\d+)",route="storage",status="2xx"\} (\d+)$', re.MULTILINE
)
TASKS = re.compile(r'^bookgate_tasks\{worker="(\d+)"\} [1-9]', re.MULTILINE)
ASKED = 20


async def metrics(gateway: GatewayProcess) -> str:
    """From whichever worker takes a new connection."""
    async with aiohttp.ClientSession() as client, client.get(f"{gateway.private}/metrics") as got:
        assert got.status == 200
        assert got.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return await got.text()


def counted(text: str) -> int:
    return sum(int(count) for _, count in REQUESTS.findall(text))


async def told(gateway: GatewayProcess, workers: list[int], requests: int) -> str:
    """The metrics, once they are of these workers and have so many requests."""
    async with asyncio.timeout(START):
        while True:
            text = await metrics(gateway)
            if sorted(map(int, TASKS.findall(text))) == sorted(workers) and counted(text) == requests:
                return text
            await asyncio.sleep(0.05)


async def test_both_workers_are_told_of_and_nobody_else(
    gateway: GatewayProcess, heads: dict[str, bytes]
) -> None:
    for _ in range(ASKED):
        client = await RawClient.connect(gateway.port)
        await client.send(heads["GET"] + b"\r\n")
        assert (await client.answer()).status == 200
        client.writer.close()
    text = await told(gateway, gateway.workers(), ASKED)
    cookie = re.search(rb"Cookie: ([^\r]+)", heads["GET"])
    assert cookie is not None
    said = [pair.partition("=")[2] for pair in cookie[1].decode().split("; ")]
    persons = [str(line["person"]) for line in gateway.lines("request") if line["person"]]
    ids = [str(line["id"]) for line in gateway.lines("request")]
    assert said
    assert persons
    assert not [secret for secret in (*said, *persons, *ids, "example.edu", "ada") if secret in text]
    assert 'bookgate_backend_ejected{worker="' in text
    assert 'bookgate_connections{worker="' in text


async def test_whoever_has_left_is_told_of_no_more(gateway: GatewayProcess) -> None:
    before = gateway.workers()
    await told(gateway, before, 0)
    gateway.signal(signal.SIGUSR2)
    await until(lambda: gateway.serve(2, *before))
    await told(gateway, gateway.workers(), 0)


async def test_metrics_that_are_not_wanted_are_nowhere(tmp_path: Path) -> None:
    def without(text: str) -> str:
        return text + "telemetry: {metrics: false}\n"

    async with gateway_process(tmp_path, 1, edit=without) as running, aiohttp.ClientSession() as client:
        async with client.get(f"{running.private}/metrics") as got:
            assert got.status == 404
        assert not (running.folder / "state" / "metrics").exists()
