"""What is open ends with what let it in: a class, a backend that the origin may call, by both data paths."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.system.house import ORIGINS, TRUSTED, House, open_house
from tests.system.reader import Flow, Reader
from tests.system.recording_backend import Connection
from tests.system.test_classes import link_of, make, post

PATH = "/storage/live"


@pytest.fixture(name="school", params=["fast", "plain"])
async def _school(tmp_path: Path, redis_url: str, request: pytest.FixtureRequest) -> AsyncGenerator[House]:
    opened = open_house(tmp_path, redis_url, more="classes: {create: anyone}\n", data_path=request.param)
    async with opened as running:
        yield running


async def events(connection: Connection) -> None:
    await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    await connection.reader.read(1)


@asynccontextmanager
async def listening(house: House, reader: Reader) -> AsyncGenerator[aiohttp.ClientResponse]:
    cookie = "; ".join(f"{name}={value}" for name, value in reader.partitions["example.edu"].items())
    headers = {"Origin": TRUSTED, "Cookie": cookie}
    house.storage.script = events
    async with aiohttp.ClientSession() as client, client.get(house.url + PATH, headers=headers) as stream:
        assert await stream.content.readany() == b"data: 1\n\n"
        yield stream


async def ended(stream: aiohttp.ClientResponse) -> None:
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(stream.content.read(), 20)


async def goes_on(stream: aiohttp.ClientResponse) -> None:
    """Three looks of the watch at least."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream.content.read(), 3.5)


async def test_who_is_taken_out_of_a_class_hears_no_more_as_a_member(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        room = await make(grace)
        link = await link_of(grace, room)
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        await post(ada, link, await ada.navigate(link))
        async with listening(school, ada) as stream:
            page = await grace.navigate(room)
            (person,) = re.findall(r'value="promote:([^"]+)"', page.text)
            await post(grace, room, page, act=f"remove:{person}")
            await ended(stream)


async def test_who_joins_a_class_goes_on_listening(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada:
        link = await link_of(grace, await make(grace))
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        async with listening(school, ada) as stream:
            await post(ada, link, await ada.navigate(link))
            await goes_on(stream)


async def test_a_service_that_the_book_may_call_no_more_says_nothing_more(school: House) -> None:
    async with school.reader("ada") as ada:
        await ada.sign_in(Flow(TRUSTED))
        async with listening(school, ada) as stream:
            school.set_origins(
                ORIGINS.replace("backends: [storage, analytics, grades]", "backends: [grades]")
            )
            await ended(stream)
