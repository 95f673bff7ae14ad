"""A reader who is not slow, in a process of their own, so that what is measured is the gateway.

Run as `python -m tests.floods.ordinary PORT RATE SECONDS` with the lines of a head that say who asks on its
standard input; prints the times of its answers, their statuses and what failed.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Final

from tests.workers.load import load

_START: Final = 60.0  # seconds that a busy machine may take to start it, and to end it


@dataclass(frozen=True)
class Ordinary:
    """times: seconds, ascending."""

    times: list[float]
    statuses: set[int]
    failures: list[str]

    @property
    def p99(self) -> float:
        return self.times[len(self.times) * 99 // 100]


async def ordinary(port: int, said: str, rate: float, seconds: float) -> Ordinary:
    """So many requests a second for so long, of GET and POST, on new connections and kept ones."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.floods.ordinary",
        *(str(word) for word in (port, rate, seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(seconds + _START):
        told, _ = await process.communicate(said.encode())
    times, statuses, failures = json.loads(told)
    return Ordinary(times, set(statuses), failures)


async def _ask(port: int, said: str, rate: float, seconds: float) -> None:
    heads = {method: f"{method} /grades/1 HTTP/1.1\r\n{said}".encode() for method in ("GET", "POST")}
    async with load(port, heads, rate) as asked:
        await asyncio.sleep(seconds)
    failures = [failure.why for failure in asked.failures]
    sys.stdout.write(json.dumps([sorted(asked.times), list(asked.answered), failures]))


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(_ask(int(given[0]), sys.stdin.read(), float(given[1]), float(given[2])))
