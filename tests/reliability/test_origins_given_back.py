"""An origin that is taken away and given back does not bring its sessions along: through whole gateways."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway.app import build
from gateway.config.watch import Origins
from gateway.server.run import public_runner
from gateway.telemetry import make_log
from tests.reliability.conftest import Tell
from tests.system.house import MIRROR, ORIGINS, TRUSTED, House, open_house
from tests.system.reader import Flow, Reader

ITEM = "/storage/v1/items/a"
LINE = f"      - {TRUSTED}\n"
REMOVED = ORIGINS.replace(LINE, "")  # what is unlisted is asked
DENIED = ORIGINS.replace(LINE, f"      - {{origin: {TRUSTED}, trust: denied}}\n")
CONSENT = ORIGINS.replace(LINE, f"      - {{origin: {TRUSTED}, trust: consent}}\n")
SOON = 30.0  # seconds: a machine may be busy


@pytest.fixture
async def house(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url) as opened:
        yield opened


@asynccontextmanager
async def started(house: House, redis_url: str) -> AsyncGenerator[str]:
    """Another gateway of the site, which reads the file as it is now; its address."""
    origins = Origins(house.settings.origins, house.settings.routes.backends)
    origins.load()
    async with build(house.settings, origins, redis_url, make_log(io.StringIO())) as gateway:
        runner = public_runner(gateway.public, house.settings.max_head, grace=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def signed_in(house: House, reader: Reader, *origins: str) -> None:
    """And the second in which these sessions began is over: times are compared in seconds."""
    for origin in origins:
        assert (await reader.sign_in(Flow(origin))).status == 200
    await asyncio.sleep(1.01 - time.time() % 1)
    house.storage.clear()


async def status(reader: Reader, origin: str = TRUSTED, gateway: str | None = None) -> int:
    host = {"Host": reader.gateway.partition("://")[2]}
    return (await reader.fetch(origin, "GET", (gateway or "") + ITEM, **host)).status


@pytest.mark.parametrize("between", [REMOVED, DENIED, CONSENT], ids=["removed", "denied", "by consent"])
async def test_a_reload(house: House, between: str) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada, TRUSTED, MIRROR)
        for text in (between, ORIGINS):
            house.set_origins(text)
            assert house.origins.last is not None
            assert house.origins.last.changed, house.origins.last.faults
        assert await status(ada) == 401
        assert house.storage.received == []
        assert await status(ada, MIRROR) == 200, "nobody else's"
        assert (await ada.sign_in(Flow(TRUSTED))).status == 200
        assert await status(ada) == 200


async def test_an_edit_that_only_a_gateway_saw_that_is_gone(house: House, redis_url: str, tell: Tell) -> None:
    """Whoever starts after it knows at once; whoever ran all the time and did not look, soon."""
    async with house.reader() as ada:
        await signed_in(house, ada, TRUSTED, MIRROR)
        house.origins_file.write_text(DENIED)
        async with started(house, redis_url):
            pass
        house.origins_file.write_text(ORIGINS)
        async with started(house, redis_url) as later:
            assert await status(ada, TRUSTED, later) == 401
            assert await status(ada, MIRROR, later) == 200
            began = time.monotonic()
            while await status(ada) != 401:
                assert time.monotonic() < began + SOON
                await asyncio.sleep(0.05)
            tell("known to the other after", f"{time.monotonic() - began:.2f} s")
        assert await status(ada, MIRROR) == 200
