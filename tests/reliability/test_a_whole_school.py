"""600 people behind one address sign in within a minute: a class that begins, in every room of a school."""

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

from tests.reliability.conftest import Bounded, Tell
from tests.system.house import TRUSTED
from tests.system.reader import Flow
from tests.workers.gateway_process import GatewayProcess, gateway_process

AT_ONCE = 60
ITEM = "/storage/v1/items/a"


async def sign_in(gateway: GatewayProcess, name: str, places: asyncio.Semaphore) -> list[int]:
    """The whole way, from the click to the first request of the book; the statuses of its last steps."""
    async with places, gateway.reader(name) as reader:
        confirmed = await reader.sign_in(Flow(TRUSTED))
        served = await reader.fetch(TRUSTED, "GET", ITEM)
        return [confirmed.status, served.status]


async def test_nobody_is_refused(tmp_path: Path, bounded: Bounded, tell: Tell) -> None:
    people = bounded(150, 600)
    async with gateway_process(tmp_path, 2) as gateway:
        before = {pid: cpu_seconds(pid) for pid in gateway.processes()}
        places = asyncio.Semaphore(AT_ONCE)
        began = time.monotonic()
        found = await asyncio.gather(
            *(sign_in(gateway, f"reader-{number}", places) for number in range(people))
        )
        took = time.monotonic() - began
        used = sum(cpu_seconds(pid) - before.get(pid, 0.0) for pid in gateway.processes())
        requests = gateway.lines("request")
    tell("people", people)
    tell("signed in and served within", f"{took:.1f} s")
    tell("CPU of two workers and their Redis", f"{used:.1f} s, {used / people * 1000:.0f} ms each")
    tell("requests", len(requests))
    assert Counter(map(tuple, found)) == {(200, 200): people}
    assert {line["status"] for line in requests} <= {200, 303}
    gateway.storage.assert_sound()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
