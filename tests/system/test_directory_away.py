"""A whole gateway whose PostgreSQL hangs, dies in mid-request and comes back: who is in reads on."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from tests.databases import Postgres, postgres
from tests.system.house import MIRROR, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.writing import delete

ITEM = "/storage/v1/items/a"
DEADLINE = 4.0  # seconds, of docs/ops/directory.md
BUSY = 4.0  # seconds that a busy machine may add: to several operations at once


@dataclass
class Away:
    house: House
    server: Postgres


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(name="away")
async def _away(tmp_path: Path, redis_url: str, server: Postgres) -> AsyncGenerator[Away]:
    url = (await server.make()).replace("+asyncpg", "")
    more = "directory:\n  url: {env: DIRECTORY}\n"
    async with open_house(tmp_path, redis_url, more=more, more_environment={"DIRECTORY": url}) as house:
        yield Away(house, server)


async def reads(reader: Reader) -> int:
    return (await reader.fetch(TRUSTED, "GET", ITEM)).status


async def at_the_door(reader: Reader) -> Got:
    """Back from the provider: the first answer that needs the directory."""
    got = await reader.ask(Flow(TRUSTED))
    params = reader.at_provider(got.one("Location") or "")
    query = "&".join(f"{name}={value}" for name, value in params.items())
    got = await reader.navigate(f"/auth/callback/campus?{query}")
    return await reader.navigate(got.one("Location") or "")


async def a_connection(server: Postgres) -> int:
    """Process id of who serves one of the gateway's."""
    asking = await asyncpg.connect(server.admin)
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'bookgate' LIMIT 1"
    try:
        return int(await asking.fetchval(query))
    finally:
        await asking.close()


async def is_back(house: House) -> None:
    async with house.reader("somebody") as reader:
        for _ in range(300):
            if (await at_the_door(reader)).status != 503:
                return
            await asyncio.sleep(0.2)
    raise AssertionError(house.log.getvalue())


async def test_a_directory_that_hangs(away: Away) -> None:
    """Sign-ins say so in time, ten at once too; requests to services do not ask it."""
    house = away.house
    async with house.reader("ada") as ada, house.reader("bob") as bob:
        await ada.sign_in(Flow(TRUSTED))
        with away.server.hanging():
            began = time.monotonic()
            answers = asyncio.gather(*(at_the_door(bob) for _ in range(10)))
            while not answers.done():
                before = time.monotonic()
                assert await reads(ada) == 200
                assert time.monotonic() - before < 2, "it waits for nothing"
                await asyncio.sleep(0.1)
            found = await answers
            assert time.monotonic() - began < DEADLINE + BUSY
            assert {got.status for got in found} == {503}
            assert {"try again" in got.text.lower() for got in found} == {True}
        await is_back(house)
        await bob.sign_in(Flow(TRUSTED))
        assert await reads(bob) == 200


async def test_nothing_is_half_done_by_a_directory_that_hangs(away: Away) -> None:
    """A deletion that could not be noted has deleted nothing, and signs nobody out."""
    async with away.house.reader("ada") as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await ada.navigate("/auth/account/data", site="none")
        with away.server.hanging():
            form = {"transaction": page.transaction, "act": "delete", "sure": "1"}
            got = await ada.navigate("/auth/account/data", form=form)
            assert got.status == 503
            assert await reads(ada) == 200
        await is_back(away.house)
        await ada.sign_in(Flow(MIRROR))
        assert await reads(ada) == 200
        assert (await delete(ada)).status == 200
        assert await reads(ada) == 401


async def test_a_directory_that_dies_and_recovers(away: Away) -> None:
    """Every connection is lost at once, in the middle of whatever was asked."""
    house = away.house
    async with house.reader("ada") as ada, house.reader("bob") as bob:
        await ada.sign_in(Flow(TRUSTED))
        coming = asyncio.gather(*(at_the_door(bob) for _ in range(10)))
        os.kill(await a_connection(away.server), signal.SIGKILL)  # the server ends them all, and recovers
        assert {got.status for got in await coming} <= {200, 503}
        assert await reads(ada) == 200
        await is_back(house)
        await bob.sign_in(Flow(TRUSTED))
        assert await reads(bob) == 200
