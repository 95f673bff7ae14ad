"""What readers and books see when Redis, the directory, a provider or a backend is away."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import closing as closed
from pathlib import Path

import pytest

from gateway.cookies import SIGN_IN
from tests.lying_provider import Trouble, answering, flood, hang, reset
from tests.redis_server import RedisServer
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got
from tests.system.recording_backend import saying

ITEM = "/storage/v1/items/a"
SECOND = """  second:
    preset: oidc
    issuer: http://127.0.0.1:9
    client_id: bookgate
    client_secret: {env: SECRET}
    label: Second University
"""


@pytest.fixture
async def own(tmp_path: Path, redis_server: RedisServer) -> AsyncGenerator[tuple[House, RedisServer]]:
    """A house and a Redis of the test's own, to be broken; two providers, one of them away."""
    async with open_house(tmp_path, redis_server.url, more_providers=SECOND, deadline="250ms") as house:
        yield house, redis_server


def readable(got: Got, status: int, code: str) -> None:
    assert (got.status, got.error) == (status, code), got.text
    assert got.one("Access-Control-Allow-Origin") == TRUSTED
    assert "127.0.0.1" not in got.text
    assert "Traceback" not in got.text


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_redis_is_away(own: tuple[House, RedisServer], fault: str) -> None:
    """503 within a second, nothing forwarded, no cookie touched; then all goes on without a new login."""
    house, redis = own
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        house.storage.clear()
        cookies = (dict(ada.first_party), {**ada.partitions["example.edu"]})
        getattr(redis, fault)()
        began = time.monotonic()
        got = await ada.fetch(TRUSTED, "GET", ITEM)
        assert time.monotonic() - began < 1.5
        readable(got, 503, "sessions_unavailable")
        assert got.one("Retry-After") == "1"
        assert not got.every("Set-Cookie")
        page = await ada.ask(Flow(TRUSTED))
        assert (page.status, page.one("Retry-After")) == (503, "1")
        assert "does not work at the moment" in page.text
        assert not page.every("Set-Cookie")
        assert (ada.first_party, ada.partitions["example.edu"]) == cookies
        assert not house.storage.received
        if fault == "freeze":
            redis.thaw()
            got = await until(ada.fetch, TRUSTED, "GET", ITEM)
            assert got.status == 200


async def until(ask: object, *arguments: str) -> Got:
    assert callable(ask)
    ends = time.monotonic() + 3
    while True:
        got = await ask(*arguments)
        assert isinstance(got, Got)
        if got.status != 503 or time.monotonic() > ends:
            return got
        await asyncio.sleep(0.05)


async def test_the_directory_is_away(own: tuple[House, RedisServer]) -> None:
    """Signing in answers 503, running sessions go on; what was begun can be finished afterwards."""
    house, _ = own
    async with house.reader() as ada, house.reader("bob") as bob:
        await ada.sign_in(Flow(TRUSTED))
        (file,) = house.settings.state.glob("*.sqlite*[!lm]")
        with closed(sqlite3.connect(file, isolation_level=None)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200
            page = await bob.choose(await bob.ask(Flow(TRUSTED)), "campus")
            params = bob.at_provider(page.one("Location") or "")
            query = "&".join(f"{name}={value}" for name, value in params.items())
            got = await bob.navigate(f"/auth/callback/campus?{query}")
            location = got.one("Location") or ""
            got = await bob.navigate(location)
            assert got.status == 503, got.text
            assert got.one("Retry-After") == "5"
            assert SIGN_IN not in bob.first_party
            lock.execute("ROLLBACK")
        got = await bob.navigate(location)
        assert "Signed in as" in got.text


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(answering(500), id="500"),
        pytest.param(answering(200, b"<html>garbage"), id="garbage"),
        pytest.param(reset, id="reset"),
        pytest.param(flood, id="huge"),
    ],
)
async def test_a_provider_that_cannot_answer(own: tuple[House, RedisServer], trouble: Trouble) -> None:
    """The sign-in page says so and offers the others, before and after the person went there."""
    house, _ = own
    async with house.reader() as ada:
        page = await ada.ask(Flow(TRUSTED))
        away = await ada.choose(page, "second")
        assert away.status == 502
        assert "Second University does not answer at the moment" in away.text
        assert "Example University" in away.text
        got = await ada.choose(away, "campus")
        house.liar.trouble["/token"] = trouble
        params = ada.at_provider(got.one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        again = await ada.navigate(f"/auth/callback/campus?{query}")
        assert again.status == 502
        assert "Example University does not answer at the moment" in again.text
        assert "Second University" in again.text
        assert SIGN_IN not in ada.first_party
        house.liar.trouble.clear()
        got = await ada.through_provider(await ada.choose(again, "campus"))
        assert "Signed in as" in got.text


async def test_a_provider_that_hangs(own: tuple[House, RedisServer]) -> None:
    house, _ = own
    house.liar.trouble["/.well-known/openid-configuration"] = hang
    async with house.reader() as ada:
        began = time.monotonic()
        away = await ada.choose(await ada.ask(Flow(TRUSTED)), "campus")
        assert time.monotonic() - began < 7
        assert away.status == 502
        assert "does not answer" in away.text


async def test_a_person_who_cancels_at_the_provider(own: tuple[House, RedisServer]) -> None:
    house, _ = own
    async with house.reader() as ada:
        got = await ada.choose(await ada.ask(Flow(TRUSTED)), "campus")
        state = ada.at_provider(got.one("Location") or "")["state"]
        query = f"error=access_denied&state={state}&iss={house.liar.issuer}"
        got = await ada.navigate(f"/auth/callback/campus?{query}")
        assert "Nobody was signed in" in got.text
        assert "Second University" in got.text
        assert SIGN_IN not in ada.first_party


async def test_a_backend_that_is_away(own: tuple[House, RedisServer]) -> None:
    house, _ = own
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        await house.storage.stop()
        readable(await ada.fetch(TRUSTED, "GET", ITEM), 502, "backend_unavailable")
        assert (await ada.fetch(TRUSTED, "POST", "/analytics/v1/events", b"[]")).status == 200


async def test_a_backend_that_speaks_no_http(own: tuple[House, RedisServer]) -> None:
    house, _ = own
    house.storage.script = saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        readable(await ada.fetch(TRUSTED, "GET", ITEM), 502, "backend_unavailable")
