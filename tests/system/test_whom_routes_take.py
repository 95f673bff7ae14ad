"""Roles from what a provider says, in the assertion and at routes; a route that wants a fresh sign-in."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.provider_presets import PRESETS
from tests.system.house import MIRROR, ORIGINS, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader, refused
from tests.system.recording_backend import Received

MORE = """
  exams:
    urls: ["STORAGE"]
    routes:
      - {path: /exams/, allow: {roles: [teacher]}}
      - {path: /campus/, allow: {providers: [other]}}
      - {path: /marks/, step_up: {max_age: 10m, acr: [mfa]}}
      - {path: /fresh/, step_up: {max_age: 10m}}
roles:
  teacher: [{provider: campus, claim: affiliation, has: faculty}]
  researcher: [{provider: campus, group: lab, books: [mirror]}]
"""


OTHER = "  other: {preset: oidc, issuer: https://idp.example, client_id: x, client_secret: {env: SECRET}}"


@asynccontextmanager
async def opened(folder: Path, redis_url: str, path: str, preset: str = "oidc") -> AsyncGenerator[House]:
    async with open_house(
        folder,
        redis_url,
        more_providers=OTHER,
        more_backends=MORE,
        origins=ORIGINS.replace("analytics, grades]", "analytics, grades, exams]"),
        data_path=path,
        dialects={"campus": PRESETS[preset].dialect},
    ) as house:
        yield house


@pytest.fixture(name="house", params=["fast", "plain"])
async def _house(tmp_path: Path, redis_url: str, request: pytest.FixtureRequest) -> AsyncGenerator[House]:
    async with opened(tmp_path, redis_url, request.param) as house:
        house.liar.claims = {"affiliation": ["member", "faculty"], "groups": ["lab", "x"]}
        yield house


def claims(received: Received) -> dict[str, object]:
    (line,) = received.values("X-Bookgate-Assertion")
    payload = line.split(".")[1]
    found = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, dict)
    return found


async def get(reader: Reader, path: str, origin: str = TRUSTED) -> Got:
    return await reader.fetch(origin, "GET", path)


async def prove_again(reader: Reader, **wanted: str) -> None:
    flow = Flow(TRUSTED)
    sent = await reader.ask(flow, **wanted)
    page = await reader.through_provider(await reader.choose(sent, "campus"))
    code = (await reader.answer(page, "go")).message["code"]
    exchanged = await reader.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
    await reader.post(flow, "/auth/confirm", {"ticket": str(exchanged.json["ticket"])})


async def test_services_are_told_the_roles_of_the_book(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        await ada.sign_in(Flow(MIRROR))
        for _ in range(2):  # decided once, and by what was remembered
            assert (await get(ada, "/storage/x")).status == 200
            assert claims(house.storage.last)["roles"] == ["teacher"]
            assert (await get(ada, "/storage/x", MIRROR)).status == 200
            assert claims(house.storage.last)["roles"] == ["teacher", "researcher"]


async def test_a_route_takes_a_role(house: House) -> None:
    async with house.reader() as ada, house.reader("ben") as ben:
        await ada.sign_in(Flow(TRUSTED))
        house.liar.claims = {"affiliation": "student"}
        await ben.sign_in(Flow(TRUSTED))
        for _ in range(2):
            assert (await get(ada, "/exams/1")).status == 200
            house.storage.clear()
            refused(await get(ben, "/exams/1"), 403, "not_allowed")
            refused(await get(ada, "/campus/1"), 403, "not_allowed")
            assert house.storage.received == []
        async with house.reader("eve") as nobody:
            refused(await get(nobody, "/exams/1"), 401, "login_required")


async def test_a_role_is_what_was_said_at_this_sign_in(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        assert (await get(ada, "/exams/1")).status == 200
        house.liar.claims = {"affiliation": []}
        await ada.navigate("/auth/account", site="none")
        async with house.reader() as elsewhere:
            await elsewhere.sign_in(Flow(TRUSTED))
            refused(await get(elsewhere, "/exams/1"), 403, "not_allowed")


async def test_a_route_that_wants_a_fresh_and_strong_sign_in(house: House) -> None:
    house.liar.claims = {"auth_time": int(time.time()) - 3600, "acr": "pwd"}
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        for _ in range(2):
            house.storage.clear()
            got = await get(ada, "/marks/1")
            assert (got.status, got.error) == (401, "step_up_required")
            assert (got.json["max_age"], got.json["acr_values"]) == (600, "mfa")
            challenge = got.one("WWW-Authenticate") or ""
            assert 'error="insufficient_user_authentication", acr_values="mfa", max_age=600' in challenge
            assert house.storage.received == []
        house.liar.claims = {"auth_time": int(time.time()), "acr": "mfa"}
        await prove_again(ada, max_age="600", acr_values="mfa")
        assert (await get(ada, "/marks/1")).status == 200


@pytest.mark.parametrize("path", ["fast", "plain"])
@pytest.mark.parametrize("preset", ["oidc", "microsoft"])
async def test_who_came_back_without_a_word_of_when_has_proved_nothing(
    tmp_path: Path, redis_url: str, path: str, preset: str
) -> None:
    """The provider may have known them since last week. Asked for it, it says so, or has asked them."""
    async with opened(tmp_path, redis_url, path, preset) as house, house.reader() as ada:
        house.liar.claims = {"auth_time": None}
        await ada.sign_in(Flow(TRUSTED))
        for _ in range(2):
            got = await get(ada, "/fresh/1")
            assert (got.status, got.error) == (401, "step_up_required")
        assert house.storage.received == []
        if preset == "oidc":
            house.liar.claims = {"auth_time": int(time.time())}
        await prove_again(ada, max_age="600")
        assert (await get(ada, "/fresh/1")).status == 200
