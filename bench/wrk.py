"""The load of most figures: wrk, as a browser would ask from a book."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.processes import LOAD_CORE, Server, program

_SCRIPT = Path(__file__).parent / "wrk.lua"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server is asked as. host: the authority that it goes by; cookies: a file, one line a reader."""

    host: str
    origin: str
    cookies: Path


class Found(msgspec.Struct, frozen=True):
    """What wrk saw. p50, p99: microseconds to an answer."""

    requests: int
    microseconds: int
    failed: int
    p50: float
    p99: float


async def wrk(
    server: Server, path: str, asked: Asked, seconds: float, connections: int = 32, body: int = 0
) -> Found:
    """One run against `server`. body: bytes that are uploaded with each request; 0: GET.

    SystemExit: requests failed, so that no figure means anything.
    """
    env = {"HOST": asked.host, "ORIGIN": asked.origin, "COOKIES": str(asked.cookies)}
    if body:
        env["BODY"] = str(body)
    process = await asyncio.create_subprocess_exec(
        program("taskset"), "--cpu-list", str(LOAD_CORE), program("wrk"),
        "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s",
        "--script", str(_SCRIPT), f"http://127.0.0.1:{server.port}{path}",
        env={**os.environ, **env}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    _, told, line = said.decode().rpartition("FOUND ")
    if not told:
        raise SystemExit(f"wrk against {server.name}:\n{said.decode()}")
    found = msgspec.json.decode(line, type=Found)
    if found.failed or not found.requests:
        sys.stdout.write(server.child.last_words() + "\n")
        raise SystemExit(f"{server.name}: {found.failed} of {found.requests} requests failed.")
    return found
