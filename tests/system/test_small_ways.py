"""Ways through the pages that few people go, each to its end."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.lying_provider import answering
from tests.redis_server import RedisServer
from tests.system.house import CONSENT, DENIED, ORIGINS, TRUSTED, House, open_house, subject
from tests.system.reader import Flow, Got, Reader, refused

SECOND = """  second:
    preset: oidc
    issuer: http://127.0.0.1:9
    client_id: bookgate
    client_secret: {env: SECRET}
    label: Second University
"""


@pytest.fixture
async def two_ways(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url, more_providers=SECOND) as house:
        yield house


async def callback(reader: Reader, got: Got) -> Got:
    params = reader.at_provider(got.one("Location") or "")
    query = "&".join(f"{name}={value}" for name, value in params.items())
    return await reader.navigate(f"/auth/callback/campus?{query}")


async def test_the_only_way_in_is_away(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url) as house, house.reader() as ada:
        house.liar.trouble["/.well-known/openid-configuration"] = answering(503)
        page = await ada.ask(Flow(TRUSTED))
        assert page.status == 502
        assert "Try again with Example University" in page.text
        assert TRUSTED in page.text


async def test_a_way_that_is_away_without_a_book(two_ways: House) -> None:
    async with two_ways.reader() as ada:
        page = await ada.navigate("/auth/account", site="none")
        away = await ada.choose(page, "second")
        assert (away.status, "Second University does not answer" in away.text) == (502, True)
        two_ways.liar.trouble["/token"] = answering(500)
        again = await callback(ada, await ada.choose(away, "campus"))
        assert (again.status, "Example University does not answer" in again.text) == (502, True)
        two_ways.liar.trouble.clear()
        got = await ada.through_provider(await ada.choose(again, "campus"))
        assert got.one("Location") == "/auth/account"


async def test_a_book_is_denied_while_its_reader_is_at_the_provider(two_ways: House) -> None:
    async with two_ways.reader() as ada:
        page = await ada.ask(Flow(TRUSTED))
        gone = ORIGINS.replace(f"      - {TRUSTED}\n", "")
        there = await ada.choose(page, "campus")
        two_ways.set_origins(gone.replace(f"[{DENIED}]", f"[{DENIED}, {TRUSTED}]"))
        assert two_ways.origins.last is not None
        assert two_ways.origins.last.faults == ()
        two_ways.liar.trouble["/token"] = answering(500)
        assert (await callback(ada, there)).status == 400
        assert (await ada.choose(page, "campus")).status == 400


async def test_forms_that_say_what_no_page_says(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.through_provider(await ada.ask(Flow(CONSENT)))
        assert (await ada.answer(page, "perhaps")).status == 400
        assert "code" in (await ada.answer(page, "allow")).message
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        refused(
            await ada.post(flow, "/auth/token", flow.exchange(code, delivery="post")), 400, "invalid_request"
        )


async def test_the_account_page_of_a_session_that_ended_elsewhere(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await ada.navigate("/auth/account", site="none")
        await ada.post(Flow(TRUSTED, key=None), "/auth/logout", {})
        got = await ada.navigate("/auth/account", form={"transaction": page.transaction, "act": "device"})
        assert "You are signed out" in got.text


async def test_the_page_that_names_the_person_signs_them_out(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        user = (await ada.fetch(TRUSTED, "GET", "/auth/session")).json["user"]
        assert isinstance(user, dict)
        flow = Flow(TRUSTED, key=None)
        got = await ada.post(flow, "/auth/logout", {}, X_Bookgate_Person=str(user["sub"]))
        assert got.json["signed_out"] == "browser"


async def test_a_backend_that_knows_people_as_the_book_does(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        user = (await ada.fetch(TRUSTED, "GET", "/auth/session")).json["user"]
        assert isinstance(user, dict)
        assert (await ada.fetch(TRUSTED, "GET", "/grades/1")).status == 200
        assert subject(house.storage.last) == user["sub"]


async def test_the_pages_pictures(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.navigate("/auth/assets/icon.svg", site="same-origin")
        assert (got.status, got.one("Content-Type")) == (200, "image/svg+xml")
        assert (await ada.navigate("/auth/assets/other.svg", site="same-origin")).status == 404


async def test_health_tells_of_redis_and_of_a_bad_file(tmp_path: Path, redis_server: RedisServer) -> None:
    async with open_house(tmp_path, redis_server.url, deadline="250ms") as house, house.reader() as ops:
        ready = house.private + "/health/ready"
        got, _ = await ops.raw("GET", ready, {})
        assert (got.status, got.json["status"]) == (200, "ok")
        house.set_origins(ORIGINS + "\nno: sense")
        got, _ = await ops.raw("GET", ready, {})
        assert "origins.yaml" in got.text
        redis_server.kill()
        got, _ = await ops.raw("GET", ready, {})
        assert (got.status, got.json["status"]) == (503, "sessions_unavailable")
        got, _ = await ops.raw("GET", house.private + "/health/live", {})
        assert got.status == 200
