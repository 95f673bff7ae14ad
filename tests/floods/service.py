"""A service in a process of its own, which has nothing to do with those who are slow.

Run as `python -m tests.floods.service`: prints its port and serves until its standard input ends.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.system.recording_backend import recording_backend


@asynccontextmanager
async def service() -> AsyncGenerator[str]:
    """Its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.floods.service",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/"
    finally:
        process.stdin.close()
        await process.wait()


async def _serve() -> None:
    async with recording_backend() as backend:
        sys.stdout.write(f"{backend.port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
