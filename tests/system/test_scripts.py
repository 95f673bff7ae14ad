"""Scripts with personal tokens: what they reach, as whom, and how soon a revoked one is none."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import aiohttp
import pytest

from gateway.directory import Directory, Wanted
from gateway.personal_tokens import DAY, mint
from tests.system.house import ORIGINS, TRUSTED, House, open_house
from tests.system.recording_backend import Connection, Received

BACKENDS = """
  reports:
    urls: ["STORAGE"]
    personal_tokens: true
    websocket: true
    routes:
      - {path: /reports/, strip: true}
      - {path: /reports/optional/, sign_in: optional}
      - {path: /reports/public/, sign_in: none}
  numbers:
    urls: ["STORAGE"]
    personal_tokens: true
    identity: {subject: pseudonym}
    routes: [{path: /numbers/, strip: true}]
"""
GRANTING = ORIGINS.replace("[storage, analytics, grades]", "[storage, analytics, grades, reports, numbers]")


@dataclass
class Desk:
    """A house whose scripts somebody has. second: the directory, as another worker has it."""

    house: House
    second: Directory
    person: str

    async def token(self, *backends: str, book: str = "ada-cs1") -> str:
        asked = Wanted("script", "campus", 1, frozenset(backends), TRUSTED, book, DAY)
        return await self.second.personal_tokens.make(self.person, asked)

    async def revoke(self) -> None:
        for one in await self.second.personal_tokens.of(self.person):
            await self.second.personal_tokens.revoke(self.person, one.id)

    async def get(self, path: str, token: str | None, **headers: str) -> tuple[int, str]:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with (
            aiohttp.ClientSession() as client,
            client.get(self.house.url + path, headers=headers) as answer,
        ):
            self.challenge = answer.headers.get("WWW-Authenticate")
            return answer.status, await answer.text()


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, redis_url: str, way: str) -> AsyncGenerator[Desk]:
    folder = tmp_path_factory.mktemp(f"desk-{way}")
    async with open_house(folder, redis_url, more_backends=BACKENDS, origins=GRANTING) as house:
        settings = house.settings
        second = await Directory.open(settings.directory_url, settings.keys.people, time.time)
        try:
            ada = await second.sign_in("https://idp.example.edu", "ada", "Ada", "campus")
            yield Desk(house, second, ada.id)
        finally:
            await second.close()


def claims(received: Received) -> dict[str, object]:
    (line,) = received.values("X-Bookgate-Assertion")
    payload = line.split(".")[1]
    found = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, dict)
    return found


async def test_a_script_is_its_person_in_its_book(desk: Desk) -> None:
    desk.house.storage.clear()
    token = await desk.token("reports")
    assert (await desk.get("/reports/all?x=1", token))[0] == 200
    (received,) = desk.house.storage.received
    told = claims(received)
    assert received.target == "/all?x=1"
    assert (told["sub"], told["book"], told["origin"]) == (desk.person, "ada-cs1", TRUSTED)
    assert (told["aud"], told["roles"], told["classes"]) == ("reports", [], [])
    assert token.encode() not in received.head  # a backend could be the script elsewhere
    assert token not in desk.house.log.getvalue()
    desk.house.storage.assert_sound()


async def test_each_backend_knows_them_by_its_own_name(desk: Desk) -> None:
    desk.house.storage.clear()
    token = await desk.token("reports", "numbers")
    for path in ("/reports/x", "/numbers/x"):
        assert (await desk.get(path, token))[0] == 200
    one, two = map(claims, desk.house.storage.received)
    assert one["sub"] == desk.person
    assert two["sub"] != desk.person


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/numbers/x", {}, 403, id="a backend that it does not name"),
        pytest.param("/storage/x", {}, 403, id="a backend that takes none"),
        pytest.param("/reports/x", {"Origin": TRUSTED}, 401, id="a page"),
        pytest.param("/reports/x", {"Cookie": "a=b"}, 401, id="a browser"),
        pytest.param("/reports/x", {"X-Bookgate-Book": "mirror"}, 400, id="another book"),
        pytest.param("/reports/internal/x", {}, 404, id="what is the gateway's own"),
    ],
)
async def test_what_it_does_not_reach(desk: Desk, path: str, headers: dict[str, str], status: int) -> None:
    desk.house.storage.clear()
    assert (await desk.get(path, await desk.token("reports"), **headers))[0] == status
    assert desk.house.storage.received == []


@pytest.mark.parametrize("path", ["/reports/x", "/reports/optional/x"])
@pytest.mark.parametrize("token", ["bg_", "bg_nonsense", mint(bytes)])
async def test_one_that_is_none_is_told_and_served_as_nobody_nowhere(
    desk: Desk, path: str, token: str
) -> None:
    desk.house.storage.clear()
    status, text = await desk.get(path, token)
    assert (status, json.loads(text)["error"]) == (401, "invalid_token")
    assert (desk.challenge or "").startswith("Bearer ")
    assert desk.house.storage.received == []


async def test_where_nobody_is_asked_for_it_counts_for_nothing(desk: Desk) -> None:
    desk.house.storage.clear()
    assert (await desk.get("/reports/public/x", await desk.token("reports")))[0] == 200
    assert (await desk.get("/reports/optional/x", None))[0] == 200
    assert [received.identities() for received in desk.house.storage.received] == [[], []]


async def test_revoked_by_one_worker_it_is_none_at_the_next_request_of_any(desk: Desk) -> None:
    token = await desk.token("reports")
    assert (await desk.get("/reports/x", token))[0] == 200
    await desk.revoke()
    assert (await desk.get("/reports/x", token))[0] == 401


async def test_what_is_open_is_cut_when_it_is_revoked(desk: Desk) -> None:
    begun = asyncio.Event()

    async def endless(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        begun.set()
        await connection.reader.read()

    desk.house.storage.script = endless
    headers = {"Authorization": f"Bearer {await desk.token('reports')}"}
    try:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{desk.house.url}/reports/x", headers=headers) as answer,
        ):
            assert answer.status == 200
            await asyncio.wait_for(begun.wait(), 20)
            await desk.revoke()
            with pytest.raises(aiohttp.ClientError):
                await asyncio.wait_for(answer.read(), 30)
    finally:
        desk.house.storage.clear()


async def test_a_book_that_takes_their_way_in_no_more_takes_their_scripts_no_more(desk: Desk) -> None:
    token = await desk.token("reports")
    desk.house.set_origins(
        GRANTING.replace("{trust: trusted, backends", "{sign_in: [guest], trust: trusted, backends")
    )
    try:
        assert (await desk.get("/reports/x", token))[0] == 403
    finally:
        desk.house.set_origins(GRANTING)
    assert (await desk.get("/reports/x", token))[0] == 200


async def test_an_origin_that_is_taken_away_takes_its_scripts_along(desk: Desk) -> None:
    token = await desk.token("reports")
    assert (await desk.get("/reports/x", token))[0] == 200
    desk.house.set_origins(
        GRANTING.replace("backends: [storage, analytics, grades, reports, numbers]", "backends: [storage]")
    )
    try:
        assert (await desk.get("/reports/x", token))[0] == 403
    finally:
        desk.house.set_origins(GRANTING)
    assert (await desk.get("/reports/x", token))[0] == 200


async def test_a_person_s_budget_holds_for_their_scripts(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str
) -> None:
    limits = "{per_person: 1/min}"
    folder = tmp_path_factory.mktemp("budget")
    async with open_house(
        folder, redis_url, more_backends=BACKENDS, origins=GRANTING, request_limits=limits
    ) as house:
        keys = house.settings.keys
        second = await Directory.open(house.settings.directory_url, keys.people, time.time)
        ada = await second.sign_in("https://idp.example.edu", "ada", "Ada", "campus")
        desk = Desk(house, second, ada.id)
        tokens = [await desk.token("reports"), await desk.token("reports")]
        answers = [(await desk.get("/reports/x", token))[0] for token in [*tokens, *tokens]]
        await second.close()
        assert answers.count(429) >= 1
        assert answers[0] == 200
