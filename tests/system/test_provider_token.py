"""A backend that asks for it is given the token of its people's own provider, and nobody else is."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.lying_provider import CLIENT_ID, LIFE, LyingProvider, answering, hang, lying_provider
from tests.reliability.workers import Workers, open_workers
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader, refused
from tests.system.recording_backend import RecordingBackend, recording_backend

HEADER = "X-Bookgate-Provider-Token"
MARKS, ITEM = "/grades/v1/marks", "/storage/v1/items/a"
ASKS = "subject: pairwise, provider_token: campus"
OVER = LIFE + 1

OTHER = """
  other:
    preset: oidc
    issuer: {issuer}
    client_id: "{client}"
    client_secret: {{env: SECRET}}
"""


@pytest.fixture
async def grades() -> AsyncIterator[RecordingBackend]:
    async with recording_backend() as started:
        yield started


@pytest.fixture
async def other() -> AsyncIterator[LyingProvider]:
    async with lying_provider() as started:
        yield started


@pytest.fixture
async def workers(
    tmp_path: Path, redis_url: str, grades: RecordingBackend, other: LyingProvider
) -> AsyncGenerator[Workers]:
    """Two gateways; the book's service `grades` asks for tokens of the campus."""
    async with open_workers(
        tmp_path,
        redis_url,
        deadline="5s",
        providers=OTHER.format(issuer=other.issuer, client=CLIENT_ID),
        grades_url=grades.url,
        grades_identity=ASKS,
    ) as opened:
        yield opened


def ahead(workers: Workers, seconds: float) -> None:
    for clock in workers.clocks:
        clock.ahead = seconds


async def fetch(reader: Reader, path: str) -> Got:
    return await reader.fetch(TRUSTED, "GET", path)


def told(backend: RecordingBackend) -> list[str]:
    return [value for received in backend.received for value in received.values(HEADER)]


async def eventually(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    ends = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.05)


async def test_who_asks_for_nothing_is_given_nothing(
    tmp_path: Path, redis_url: str, grades: RecordingBackend
) -> None:
    async with open_house(tmp_path, redis_url, grades_url=grades.url) as house, house.reader() as ada:
        page = await ada.ask(Flow(TRUSTED))
        got = await ada.choose(page, "campus") if "data-way" in page.text else page
        assert parse_qs(urlsplit(got.one("Location") or "").query)["scope"] == ["openid profile email"]
        await ada.sign_in(Flow(TRUSTED))
        assert (await fetch(ada, MARKS)).status == 200
        assert told(grades) == []
        redis = Redis.from_url(redis_url)
        try:
            prefix = house.settings.redis.prefix
            assert [key async for key in redis.scan_iter(match=f"{prefix}t:*")] == []
        finally:
            await redis.aclose()


async def test_who_asks_is_given_the_persons_own(workers: Workers, grades: RecordingBackend) -> None:
    liar = workers.house.liar
    for name in ("ada", "ben"):
        grades.clear()
        async with workers.reader(name) as reader:
            await reader.sign_in(Flow(TRUSTED))
            assert (await fetch(reader, MARKS)).status == 200
            (token,) = told(grades)
            assert liar.tokens[token] == name
            assert (await fetch(reader, ITEM)).status == 200
    assert told(workers.house.storage) == [], "storage asked for none"


@pytest.mark.parametrize(
    "name", [HEADER, HEADER.lower(), HEADER.upper(), "X-BOOKGATE-Provider-TOKEN", "x-bookgate-Provider-token"]
)
async def test_a_clients_own_never_arrives(name: str, workers: Workers, grades: RecordingBackend) -> None:
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        got = await ada.fetch(TRUSTED, "GET", MARKS, **{name: "forged"})
        assert got.status == 200
        assert (await ada.fetch(TRUSTED, "GET", ITEM, **{name: "forged"})).status == 200
        # hop-by-hop by its name: the next hop would drop ours
        got = await ada.fetch(TRUSTED, "GET", MARKS, Connection=f"close, {name}")
        assert got.status == 200
    assert len(told(grades)) == 2
    assert "forged" not in told(grades)
    assert told(workers.house.storage) == []


async def test_other_spellings_are_refused(workers: Workers, grades: RecordingBackend) -> None:
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        for name in ("X_Bookgate_Provider_Token", "X-Bookgate_Provider-Token", "X.Bookgate.Provider.Token"):
            headers = {"Origin": TRUSTED, "Sec-Fetch-Mode": "cors", name: "forged"}
            got, _ = await ada.raw("GET", MARKS, headers)
            assert got.status == 400
    assert not grades.received


async def test_people_of_another_provider_are_refused(
    workers: Workers, grades: RecordingBackend, other: LyingProvider
) -> None:
    def elsewhere(url: str) -> dict[str, str]:
        other.redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        return other.authorize(url, "eve")

    async with workers.reader() as eve:
        eve.at_provider = elsewhere
        flow = Flow(TRUSTED)
        page = await eve.ask(flow)
        page = await eve.through_provider(await eve.choose(page, "other"))
        code = (await eve.answer(page, "go")).message["code"]
        got = await eve.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        await eve.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
        assert (await fetch(eve, ITEM)).status == 200
        refused(await fetch(eve, MARKS), 403, "forbidden")
    assert not grades.received


async def test_one_question_for_twenty_requests_in_two_gateways(
    workers: Workers, grades: RecordingBackend
) -> None:
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        ahead(workers, OVER)

        async def slow() -> None:
            await asyncio.sleep(0.2)

        workers.house.liar.before_refreshed = slow
        got = await asyncio.gather(*(fetch(ada, MARKS) for _ in range(20)))
        assert [one.status for one in got] == [200] * 20
    assert set(told(grades)) == {"access-1"}
    assert len(told(grades)) == 20
    assert workers.house.liar.grants["refresh_token"] == 1


async def test_clients_that_go_away_while_it_is_renewed(workers: Workers, grades: RecordingBackend) -> None:
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        ahead(workers, OVER)
        reached, held = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            reached.set()
            await held.wait()

        workers.house.liar.before_refreshed = wait
        leaving = [asyncio.create_task(fetch(ada, MARKS)) for _ in range(10)]
        await reached.wait()
        for each in leaving:
            each.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        held.set()
        assert (await fetch(ada, MARKS)).status == 200
    assert set(told(grades)) == {"access-1"}
    assert workers.house.liar.grants["refresh_token"] == 1


async def test_an_outage_is_felt_where_the_token_is_needed_alone(
    workers: Workers, grades: RecordingBackend
) -> None:
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        workers.house.liar.trouble["/token"] = hang
        ahead(workers, OVER)
        waiting = asyncio.create_task(fetch(ada, MARKS))
        for _ in range(10):
            assert (await fetch(ada, ITEM)).status == 200
        assert not waiting.done(), "the provider hangs; nobody else waited for it"
        got = await waiting
        refused(got, 503, "provider_token_unavailable")
        assert int(got.one("Retry-After") or 0) >= 1
        assert not got.every("Set-Cookie")
        refused(await fetch(ada, MARKS), 503, "provider_token_unavailable")
        assert (await fetch(ada, ITEM)).status == 200
        assert workers.house.liar.seen["/token"] == 2, "one sign-in and one renewal"
        workers.house.liar.trouble.clear()
        workers.house.liar.claims = {"exp": int(time.time()) + 10_000}  # its clock is not turned
        ahead(workers, OVER + 60)
        assert (await fetch(ada, MARKS)).status == 200
    assert told(grades) == ["access-1"]


async def test_revoked_there_is_ended_here(workers: Workers, grades: RecordingBackend) -> None:
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        workers.house.liar.refreshable.clear()
        ahead(workers, OVER)
        refused(await fetch(ada, MARKS), 401, "login_required")
        refused(await fetch(ada, ITEM), 401, "login_required")
    assert not grades.received


async def test_whoever_needs_no_token_is_ended_too(workers: Workers, grades: RecordingBackend) -> None:
    """A request that needs none is answered at once, and has the token renewed."""
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        assert (await fetch(ada, ITEM)).status == 200
        workers.house.liar.refreshable.clear()
        ahead(workers, OVER)

        async def ended() -> bool:
            return (await fetch(ada, ITEM)).status == 401

        await eventually(ended)
    assert workers.house.liar.grants["refresh_token"] == 1


async def test_a_token_that_cannot_be_renewed_asks_for_a_new_sign_in(
    workers: Workers, grades: RecordingBackend
) -> None:
    workers.house.liar.token_answer = {"refresh_token": None}
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        assert (await fetch(ada, MARKS)).status == 200
        ahead(workers, OVER)
        refused(await fetch(ada, MARKS), 403, "sign_in_again")
        assert (await fetch(ada, ITEM)).status == 200
        workers.house.liar.trouble["/token"] = answering(500)
        refused(await fetch(ada, MARKS), 403, "sign_in_again")


async def test_a_websocket_carries_it_too(workers: Workers, grades: RecordingBackend) -> None:
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        (partition,) = ada.partitions.values()
        cookie = "; ".join(f"{name}={value}" for name, value in partition.items())
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError):  # a backend that speaks no WebSocket
                await session.ws_connect(
                    workers.house.url + MARKS, headers={"Origin": TRUSTED, "Cookie": cookie, HEADER: "forged"}
                )
    assert told(grades) == ["access-0"]


# -- signing out at the provider


@pytest.fixture
async def leaving(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url, logout="provider") as opened:
        yield opened


def hint(got: Got) -> list[str]:
    target = got.text.partition('id="target">"')[2].partition('"')[0].replace("\\u0026", "&")
    return parse_qs(urlsplit(target).query).get("id_token_hint", [])


async def test_a_sign_out_there_says_whose_session_it_is(leaving: House) -> None:
    async with leaving.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        got = await ada.post(Flow(TRUSTED, key=None), "/auth/logout", {})
        (token,) = hint(await ada.navigate(str(got.json["next"])))
        assert token.count(".") == 2
        await ada.sign_in(Flow(TRUSTED))
        page = await ada.navigate("/auth/logout")
        form = {"transaction": page.transaction, "act": "sign-out"}
        (other,) = hint(await ada.navigate("/auth/account", form=form))
        assert other.count(".") == 2
        assert other != token
