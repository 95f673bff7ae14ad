"""Paired rounds: the targets take turns, so that whatever else the machine does moves all of them."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.processes import Server


@dataclass(frozen=True, slots=True)
class Series:
    """What was found in each round."""

    rounds: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.rounds)


@dataclass(frozen=True, slots=True)
class Target:
    """find: one round's figure."""

    name: str
    find: Callable[[], Awaitable[float]]


async def alternate(targets: Sequence[Target], rounds: int) -> dict[str, Series]:
    """By the targets' names. A first round of each, which warms it up, does not count."""
    found: dict[str, list[float]] = {target.name: [] for target in targets}
    for number in range(rounds + 1):
        values = {target.name: await target.find() for target in targets}
        told = ", ".join(f"{name} {value:.1f}" for name, value in values.items())
        sys.stderr.write(f"round {number} of {rounds}: {told}\n")
        for name, value in values.items() if number else ():
            found[name].append(value)
    return {name: Series(tuple(values)) for name, values in found.items()}


async def cost(server: Server, work: Awaitable[int]) -> float:
    """Microseconds of CPU time, user and system, of all of its processes for one answer.

    work: has it answer for some time; how many times it did.
    """
    before = server.cpu()
    answered = await work
    return (server.cpu() - before) / answered / 1000
