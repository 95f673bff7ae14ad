"""Two workers share the budgets of origins.yaml, and so do those that come after them."""

import asyncio
import signal

import pytest

from gateway.leases import EVERY
from tests.system.house import ORIGINS
from tests.system.raw_client import RawAnswer, RawClient
from tests.workers.gateway_process import GatewayProcess, until

BUDGET = 64  # requests of a person, in so long a time that none flows in
TRIES = 100
PAUSE = EVERY / 5  # seconds between two of them
LIMITED = ORIGINS.replace(
    "trust: trusted, backends", f"limits: {{per_person: {BUDGET}/d}}, trust: trusted, backends"
)
# What a worker may let through that knows nothing: a 32nd of the budget until it tells, and what comes until
# it has been answered; for a machine that has much else to do, four times as long.
UNTOLD = BUDGET // 32 + 20


async def ask(client: RawClient, head: bytes) -> RawAnswer:
    await client.send(head + b"\r\n")
    return await client.answer()


async def on_new_connections(gateway: GatewayProcess, head: bytes) -> int:
    """How many of the requests go through, each on its own connection, so at whichever worker takes it."""
    admitted = 0
    for _ in range(TRIES):
        client = await RawClient.connect(gateway.port)
        answer = await ask(client, head)
        client.writer.close()
        admitted += answer.status == 200
        assert answer.status in {200, 429}
        await asyncio.sleep(PAUSE)
    return admitted


@pytest.fixture
async def limited(gateway: GatewayProcess) -> GatewayProcess:
    gateway.origins.write_text(LIMITED)
    generation = (await gateway.answer(signal.SIGHUP, "in force", "worker"))["origins"]
    await until(lambda: sum(line["origins"] == generation for line in gateway.lines("in force")) >= 2)
    return gateway


async def test_what_one_worker_let_through_the_other_counts_and_so_do_new_ones(
    limited: GatewayProcess, heads: dict[str, bytes]
) -> None:
    client = await RawClient.connect(limited.port)
    statuses = [(await ask(client, heads["GET"])).status for _ in range(BUDGET + 3)]
    assert statuses == [200] * BUDGET + [429] * 3
    refused = await ask(client, heads["GET"])
    assert refused.values("RateLimit-Policy") == [f'"person";q={BUDGET};w=86400']
    (wait,) = refused.values("Retry-After")
    assert refused.values("RateLimit") == [f'"person";r=0;t={wait}']
    assert 0 < int(wait) <= 86400 / BUDGET
    client.writer.close()
    assert await on_new_connections(limited, heads["GET"]) <= UNTOLD
    assert await on_new_connections(limited, heads["GET"]) == 0
    before = limited.workers()
    limited.signal(signal.SIGUSR2)
    await until(lambda: limited.serve(2, *before))
    assert await on_new_connections(limited, heads["GET"]) <= 2 * UNTOLD
    assert await on_new_connections(limited, heads["GET"]) == 0
