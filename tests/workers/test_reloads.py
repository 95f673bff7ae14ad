"""SIGHUP under load: every worker has the new origins soon, no request fails, nothing waits for YAML."""

import asyncio
import gc
import os
import signal
import time
from datetime import date
from pathlib import Path

from gateway.config.origins_file import generation_of, parse_origins
from gateway.config.watch import Origins
from tests.system.house import ORIGINS
from tests.workers.gateway_process import GatewayProcess, figure, until
from tests.workers.load import load

EFFECTIVE = 2.0  # seconds until all workers go by it
RELOADS = int(os.environ.get("RELOADS", "10"))


async def effective(gateway: GatewayProcess, text: str) -> float:
    """Saves the origins and signals; the seconds until every worker goes by them."""
    generation = generation_of({"origins.yaml": text.encode()})
    workers = set(gateway.workers())

    def those_who_do() -> set[object]:
        return {line["worker"] for line in gateway.lines("in force") if line["origins"] == generation}

    gateway.origins.write_text(text)
    gateway.signal(signal.SIGHUP)
    return await until(lambda: those_who_do() >= workers)


async def test_reloads_under_load_fail_no_request(
    gateway: GatewayProcess, heads: dict[str, bytes], rate: float
) -> None:
    took: list[float] = []
    async with load(gateway.port, heads, rate) as asked:
        for number in range(RELOADS):
            if number % 5 == 4:  # a bad one now and then: it changes nothing
                gateway.origins.write_text("version: 1\ngroups: [")
                gateway.signal(signal.SIGHUP)
                await asyncio.sleep(0.1)
            took.append(await effective(gateway, ORIGINS + f"# {number}\n"))
            await asyncio.sleep(0.2)
    figure(f"{RELOADS} reloads: {asked.told()}; in force after {max(took):.2f} s at most")
    assert (asked.failures, set(asked.answered)) == ([], {200})
    assert max(took) <= EFFECTIVE


def many(count: int) -> bytes:
    listed = "".join(f"      - https://book{number}.example.edu\n" for number in range(count))
    return f"version: 1\ngroups:\n  books:\n    backends: [storage]\n    origins:\n{listed}".encode()


async def test_ten_thousand_origins_do_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    files = {"origins.yaml": many(10_000)}
    gc.collect()
    gc.freeze()  # as a worker does: what other tests have left here is not what is looked at
    began = time.monotonic()
    parse_origins(files, ["storage"], date(2027, 1, 10))
    alone = time.monotonic() - began
    origins = Origins(tmp_path / "origins.yaml", ["storage"], lambda: date(2027, 1, 10))
    origins.begin({"origins.yaml": many(9_000)})
    longest, taking = 0.0, asyncio.create_task(origins.take(files))
    while not taking.done():
        asleep = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - asleep)
    gc.unfreeze()
    assert (await taking).changed
    figure(f"10,000 origins: parsed in {alone:.3f} s, a turn of the loop took {longest:.3f} s at most")
    assert longest < alone / 2


async def test_ten_thousand_origins_are_in_force_soon_and_hold_up_no_request(
    gateway: GatewayProcess, heads: dict[str, bytes], rate: float
) -> None:
    listed = many(10_000).decode().partition("    origins:\n")[2]
    text = ORIGINS.replace(
        "  blocked:", f"  many:\n    backends: [storage]\n    origins:\n{listed}  blocked:"
    )
    async with load(gateway.port, heads, rate) as asked:
        await asyncio.sleep(1)
        took = await effective(gateway, text)
        await asyncio.sleep(1)
    figure(f"10,000 origins: in force after {took:.2f} s; {asked.told()}")
    assert (asked.failures, set(asked.answered)) == ([], {200})
