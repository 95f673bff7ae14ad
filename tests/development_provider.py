"""The development provider as a process of its own, as `bookgate dev` starts it."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

PROGRAM = (sys.executable, "-m", "gateway.development.provider")


@dataclass
class DevelopmentProvider:
    issuer: str
    process: asyncio.subprocess.Process

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 10)


@asynccontextmanager
async def development_provider(
    gateway: str, listen: str = "127.0.0.1:0"
) -> AsyncGenerator[DevelopmentProvider, None]:
    """The provider for the gateway whose public_url is `gateway`, on a free port of loopback."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "--listen", listen, "--gateway", gateway, stdout=asyncio.subprocess.PIPE
    )
    provider = DevelopmentProvider("", process)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("development provider: http://"), line
        provider.issuer = line.split()[2]
        yield provider
    finally:
        await provider.stop()
