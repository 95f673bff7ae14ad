"""What the gateway costs beside its peers: `make bench`.

    python -m bench.run [PART ...]    PART: those of bench/measuring.py; all of them are written to the report

One worker is pinned to one core; load, backend and Redis have the other. The servers take turns, in
several rounds; the cost of a request is the CPU time of all processes of a server, divided by the answers.
Only ratios within one run can be compared. From the environment: ROUNDS, and BENCH_TOOLS (a folder of
programs).
"""

import asyncio
import os
import platform
import subprocess  # ruff: ignore[suspicious-subprocess-import]  asking programs for their versions
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench import report
from bench.figures import outcomes
from bench.measuring import PARTS
from bench.processes import program
from bench.rounds import Series
from bench.stage import open_stage

REPORT = Path(__file__).parent.parent / "docs" / "performance.md"
TOOLS = Path(__file__).parent.parent / ".venv" / "bench" / "bin"
ROUNDS = 4


async def main(names: list[str]) -> None:
    """SystemExit: a figure is not within its bound."""
    unknown = set(names) - PARTS.keys()
    if unknown:
        raise SystemExit(f"usage: python -m bench.run [{' | '.join(PARTS)}] ...")
    tools = Path(os.environ.get("BENCH_TOOLS", TOOLS))
    machine = _machine()
    found: dict[str, Series] = {}
    async with open_stage(tools) as stage:
        for name in names or PARTS:
            began = time.perf_counter()
            found.update(await PARTS[name](stage, int(os.environ.get("ROUNDS", ROUNDS))))
            sys.stderr.write(f"{name}: {time.perf_counter() - began:.0f} s\n")
    reached = outcomes({name: series.middle for name, series in found.items()})
    today = datetime.now(UTC).date()
    told = (
        reached if not names else [pair for pair in reached if any(each.value is not None for each in pair)]
    )
    text = report.markdown(today, machine, await asyncio.to_thread(_versions, tools), found, told)
    sys.stdout.write(text + "\n")
    if not names:
        report.write(REPORT, text)


def _machine() -> str:
    model = [line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if "model name" in line]
    name = model[0].partition(":")[2].strip() if model else platform.machine()
    return (
        f"{os.cpu_count()} cores ({name}), Linux {platform.release().partition('-')[0]}, "
        f"load average {os.getloadavg()[0]:.1f} before"
    )


def _versions(tools: Path) -> str:
    """Of all that took part, as each says it."""
    asked = {
        "nginx": (program("nginx"), "-v"),
        "HAProxy": (program("haproxy"), "-v"),
        "Apache": (program("apache2"), "-v"),
        "mod_auth_openidc": ("dpkg-query", "-W", "-f", "${Version}", "libapache2-mod-auth-openidc"),
        "Envoy": (program("envoy", tools), "--version"),
        "Caddy": (program("caddy", tools), "version"),
        "Redis": (program("redis-server"), "--version"),
    }
    theirs = [f"{name} {_version(command)}" for name, command in asked.items()]
    ours = [f"{name} {metadata.version(name)}" for name in ("bookgate", "aiohttp", "hiredis")]
    return ", ".join([*ours, f"Python {platform.python_version()}", *theirs])


def _version(command: tuple[str, ...]) -> str:
    """The first thing that looks like one."""
    said = subprocess.run(command, capture_output=True, text=True, check=True)  # ruff: ignore[subprocess-without-shell-equals-true]  our own words
    words = (said.stdout + said.stderr).replace("/", " ").replace("=", " ").split()
    found = [word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit() and "." in word]
    return found[0] if found else "?"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
