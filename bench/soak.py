"""A gateway under mixed load for a long time, which must leave nothing behind: `make soak MINUTES=10`.

Half of the highest rate that it serves, with the deeds of bench/soak_traffic.py beside it, drawn from a seed.
Memory may grow by less than 5 % after the first 2 minutes, descriptors and tasks must end where they began,
and nothing is logged that nobody handled. From the environment: MINUTES, SEED.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from bench.processes import LOAD_CORE
from bench.soak_house import House, State, open_house
from bench.soak_traffic import Regular, one_deed

GROWTH: Final = 0.05
_SETTLED: Final = 120.0  # seconds, and at most a third of the time: what fills up has filled up
_REGULARS: Final = 16  # connections
_VISITORS: Final = 6
_PAUSE: Final = 0.02  # seconds between two deeds of a visitor
_WARM: Final = 3.0  # seconds at the highest rate
_IDLE: Final = 8.0  # seconds after which nothing is kept for the next request
_BACK: Final = 60.0  # seconds until all that was open is closed
_SAMPLES: Final = 60
_TOLD: Final = 20  # faults of one kind


@dataclass(frozen=True, slots=True)
class Plan:
    """rate: regular requests a second; None: half of the highest."""

    seconds: float
    seed: int
    rate: float | None = None
    pinned: bool = False


@dataclass(slots=True)
class Soaked:
    """What came of it. faults: a sentence for each thing that is not as it must be."""

    answered: int = 0
    deeds: int = 0
    faults: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


async def soak(plan: Plan) -> Soaked:
    async with open_house(plan.seed, pinned=plan.pinned) as house:
        found = Soaked()
        rate = plan.rate or await _highest(house, found) / 2
        await asyncio.sleep(_IDLE)
        before = await house.state()
        async with _regulars(house, found, rate), asyncio.TaskGroup() as group:
            ends = asyncio.get_running_loop().time() + plan.seconds
            for _ in range(_VISITORS):
                group.create_task(_visit(house, found, ends))
            group.create_task(_watch(house, found, plan.seconds))
        _judge_memory(found, min(_SETTLED, plan.seconds / 3) / plan.seconds)
        await _judge_rest(house, found, before)
        found.faults += await house.alarms()
        return found


async def _highest(house: House, found: Soaked) -> float:
    """Regular requests a second, one after another on each connection."""
    async with _regulars(house, found, None) as regulars:
        await asyncio.sleep(_WARM)
        return sum(regular.answered for regular in regulars) / _WARM


@asynccontextmanager
async def _regulars(house: House, found: Soaked, rate: float | None) -> AsyncGenerator[list[Regular]]:
    loop, visitor = asyncio.get_running_loop(), house.visitor
    every = 0.0 if rate is None else _REGULARS / rate
    regulars = [Regular([visitor.head("/app/json") for _ in range(200)], every) for _ in range(_REGULARS)]
    for regular in regulars:
        await loop.create_connection(lambda each=regular: each, "127.0.0.1", visitor.port)  # type: ignore[misc]
    try:
        yield regulars
    finally:
        for regular in regulars:
            regular.end()
            found.answered += regular.answered
            found.faults += [f"a regular request: {wrong!r}" for wrong in regular.wrong[:_TOLD]]


async def _visit(house: House, found: Soaked, ends: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < ends and len(found.faults) < _TOLD:
        fault = await one_deed(house.visitor)
        found.deeds += 1
        if fault is not None:
            found.faults.append(fault)
        await asyncio.sleep(_PAUSE)


async def _watch(house: House, found: Soaked, seconds: float) -> None:
    for number in range(_SAMPLES):
        await asyncio.sleep(seconds / _SAMPLES)
        state = await house.state()
        found.memory.append(state.memory)
        found.faults += (await house.alarms())[:_TOLD]
        _tell(f"{(number + 1) * seconds / _SAMPLES:.0f} s: {_spelt(state)}, {len(found.faults)} faults")


def _judge_memory(found: Soaked, settled: float) -> None:
    """settled: the part of the samples that does not count."""
    window = _SAMPLES // 10
    first = round(_SAMPLES * settled)
    early, late = median(found.memory[first : first + window]), median(found.memory[-window:])
    _tell(f"memory: {early / 2**20:.1f} MiB, {late / 2**20:.1f} MiB at the end ({late / early - 1:+.1%})")
    if late > early * (1 + GROWTH):
        found.faults.append(f"memory grew from {early:.0f} to {late:.0f} bytes")


async def _judge_rest(house: House, found: Soaked, before: State) -> None:
    ends = asyncio.get_running_loop().time() + _BACK
    state = await house.state()
    while state.descriptors > before.descriptors or state.tasks > before.tasks:
        if asyncio.get_running_loop().time() > ends:
            found.faults.append(f"before: {_spelt(before)}; after: {_spelt(state)}")
            return
        await asyncio.sleep(0.5)
        state = await house.state()
    _tell(f"before: {_spelt(before)}; after: {_spelt(state)}")


def _spelt(state: State) -> str:
    return f"{state.memory / 2**20:.1f} MiB, {state.descriptors} descriptors, {state.tasks} tasks"


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


async def main(minutes: float, seed: int) -> None:
    """SystemExit: something is not as it must be."""
    os.sched_setaffinity(0, {LOAD_CORE})
    found = await soak(Plan(minutes * 60, seed, pinned=True))
    _tell(f"{found.answered} regular requests and {found.deeds} deeds in {minutes:g} minutes, seed {seed}")
    if found.faults:
        raise SystemExit("\n".join(["This is not as it must be:", *found.faults]))


if __name__ == "__main__":
    asyncio.run(main(float(os.environ.get("MINUTES", "10")), int(os.environ.get("SEED", "7"))))
