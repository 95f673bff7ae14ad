"""Who leaves at a provider leaves here: back-channel and front-channel logout."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import quote, urlencode

import pytest

from gateway.sealing import hashed
from gateway.store import Store
from tests.lying_provider import CLIENT_ID, answering
from tests.redis_server import RedisServer
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader, no_cors, refused

ITEM = "/storage/v1/items/a"
BACK = "/auth/backchannel-logout/campus"
FRONT = "/auth/frontchannel-logout/campus"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVENING = f"""
  evening:
    preset: oidc
    issuer: LIAR
    client_id: "{CLIENT_ID}"
    client_secret: {{env: SECRET}}
    label: Evening School
"""


async def tell(house: House, token: str, path: str = BACK, **more: str) -> Got:
    """What the provider's server posts."""
    async with house.reader() as nobody:
        got, _ = await nobody.raw("POST", path, FORM, urlencode({"logout_token": token, **more}))
    return got


async def frame(house: House, path: str = FRONT, **query: str) -> Got:
    """What a frame of the provider's page asks: no cookies."""
    sent = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}
    async with house.reader() as nobody:
        got, _ = await nobody.raw("GET", f"{path}?{urlencode(query)}", sent)
    return got


async def signed_in(house: House, reader: Reader, sid: str | None = None) -> str:
    """Signs in to a book by a session of the provider's own; its `sid`."""
    sid = sid or token_urlsafe(16)
    house.liar.claims = {"sid": sid}
    try:
        await reader.sign_in(Flow(TRUSTED))
    finally:
        house.liar.claims = {}
    return sid


async def alive(reader: Reader) -> bool:
    status = (await reader.fetch(TRUSTED, "GET", ITEM)).status
    assert status in {200, 401}
    return status == 200


async def test_a_session_that_is_named_ends_and_no_other(house: House) -> None:
    async with house.reader() as ada, house.reader() as elsewhere, house.reader("bob") as bob:
        sid = await signed_in(house, ada)
        await signed_in(house, elsewhere)
        await signed_in(house, bob)
        got = await tell(house, house.liar.logout_token(sid=sid))
        assert (got.status, got.text, got.one("Cache-Control")) == (200, "", "no-store"), got.text
        no_cors(got)
        assert got.every("Set-Cookie") == []
        assert not await alive(ada)
        assert await alive(elsewhere)
        assert await alive(bob)
        page = await ada.navigate("/auth/account", site="none")
        assert "data-way" in page.text, "the sign-in itself ended, not the book alone"


async def test_the_session_counts_where_both_are_named(house: House) -> None:
    async with house.reader() as ada, house.reader() as elsewhere:
        sid = await signed_in(house, ada)
        await signed_in(house, elsewhere)
        assert (await tell(house, house.liar.logout_token(sid=sid, sub="ada"))).status == 200
        assert not await alive(ada)
        assert await alive(elsewhere)


async def test_one_session_there_may_have_led_to_several_here(house: House) -> None:
    async with house.reader() as ada, house.reader() as elsewhere:
        sid = await signed_in(house, ada)
        await signed_in(house, elsewhere, sid)
        assert (await tell(house, house.liar.logout_token(sid=sid))).status == 200
        assert not await alive(ada)
        assert not await alive(elsewhere)


async def test_a_person_without_a_session_leaves_everywhere(house: House) -> None:
    async with house.reader() as ada, house.reader() as elsewhere, house.reader("bob") as bob:
        for reader in (ada, elsewhere, bob):
            await signed_in(house, reader)
        assert (await tell(house, house.liar.logout_token(sub="ada"))).status == 200
        assert not await alive(ada)
        assert not await alive(elsewhere)
        assert await alive(bob)
        await signed_in(house, ada)
        assert await alive(ada)


async def test_what_began_by_another_way_in_stays(tmp_path: Path, redis_url: str) -> None:
    """One person by two blocks of one issuer: each tells of its own sessions."""
    async with (
        open_house(tmp_path, redis_url, more_providers=EVENING) as house,
        house.reader() as by_day,
        house.reader() as by_night,
    ):
        for reader, way in ((by_day, "campus"), (by_night, "evening")):
            away = await reader.choose(await reader.ask(Flow(TRUSTED)), way)
            params = reader.at_provider(away.one("Location") or "")
            got = await reader.navigate(f"/auth/callback/{way}?{urlencode(params)}")
            await reader.navigate(got.one("Location") or "")
            await reader.sign_in(Flow(TRUSTED))
        assert (await tell(house, house.liar.logout_token(sub="ada"))).status == 200
        assert [await alive(by_day), await alive(by_night)] == [False, True]
        other = BACK.replace("campus", "evening")
        assert (await tell(house, house.liar.logout_token(sub="ada"), other)).status == 200
        assert not await alive(by_night)


@pytest.mark.parametrize("claims", [{"sid": "nobody's"}, {"sub": "nobody"}, {"sid": "x", "sub": "nobody"}])
async def test_whom_we_do_not_know_has_left_already(house: House, claims: dict[str, str]) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada)
        assert (await tell(house, house.liar.logout_token(**claims))).status == 200
        assert await alive(ada)


@pytest.mark.parametrize("by_frame", [False, True])
async def test_a_sign_in_that_is_on_its_way_does_not_arrive(by_frame: bool, house: House) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
    async with house.reader() as ada:
        sid = token_urlsafe(16)
        house.liar.claims = {"sid": sid}
        page = await ada.navigate("/auth/account", site="none")
        got = await ada.choose(page, "campus")
        params = ada.at_provider(got.one("Location") or "")
        got = await ada.navigate(f"/auth/callback/campus?{urlencode(params)}")
        house.liar.claims = {}
        assert got.status == 303
        if by_frame:
            assert (await frame(house, iss=house.liar.issuer, sid=sid)).status == 200
        else:
            assert (await tell(house, house.liar.logout_token(sid=sid))).status == 200
        got = await ada.navigate(got.one("Location") or "")
        assert got.status == 403, got.text
        assert "data-way" in (await ada.navigate("/auth/account", site="none")).text


async def test_a_token_counts_once(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada)
        token = house.liar.logout_token(sub="ada")
        assert (await tell(house, token)).status == 200
        await signed_in(house, ada)
        refused(await tell(house, token), 400, "invalid_request")
        assert await alive(ada)


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param({"aud": "another"}, id="for another"),
        pytest.param({"iss": "https://evil.example"}, id="of another"),
        pytest.param({"exp": 1}, id="over"),
        pytest.param({"events": None}, id="no event"),
        pytest.param({"nonce": "n"}, id="a nonce"),
        pytest.param({"sub": None}, id="nobody"),
        pytest.param({"jti": None}, id="without an id"),
    ],
)
async def test_a_token_that_lies_ends_nothing(house: House, lies: dict[str, object]) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada)
        got = await tell(house, house.liar.logout_token(**{"sub": "ada", **lies}))
        refused(got, 400, "invalid_request")
        assert got.one("Cache-Control") == "no-store"
        assert await alive(ada)


async def test_an_id_token_ends_nothing(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada)
        honest = house.liar.honest_claims({"subject": "ada", "nonce": "n"}, "access")
        for claims in (honest, {**honest, "nonce": None}):
            token = house.liar.signed({name: value for name, value in claims.items() if value is not None})
            refused(await tell(house, token), 400, "invalid_request")
        assert await alive(ada)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        pytest.param("POST", BACK, FORM, "", 400, id="empty"),
        pytest.param("POST", BACK, FORM, "logout_token=", 400, id="no token"),
        pytest.param("POST", BACK, FORM, "logout_token=a&logout_token=b", 400, id="two tokens"),
        pytest.param("POST", BACK, {"Content-Type": "application/json"}, "{}", 400, id="JSON"),
        pytest.param("POST", BACK, FORM, "logout_token=" + "a" * 70_000, 413, id="too large"),
        pytest.param("POST", BACK.replace("campus", "nobody"), FORM, "logout_token=a", 404, id="no provider"),
        pytest.param("GET", BACK, {}, None, 405, id="GET"),
        pytest.param("PUT", BACK, FORM, "logout_token=a", 405, id="PUT"),
        pytest.param("POST", FRONT, FORM, "", 403, id="POST to the frame"),
    ],
)
async def test_what_is_not_a_logout_request(
    house: House, method: str, path: str, headers: dict[str, str], body: str | None, status: int
) -> None:
    async with house.reader() as nobody:
        got, _ = await nobody.raw(method, path, headers, body)
    assert got.status == status, got.text
    assert got.one("Cache-Control") == "no-store"


async def test_no_page_may_read_the_answer(house: House) -> None:
    async with house.reader() as nobody:
        asked = {"Origin": TRUSTED, "Access-Control-Request-Method": "POST"}
        got, _ = await nobody.raw("OPTIONS", BACK, asked)
        assert got.status == 403
        no_cors(got)
        got, _ = await nobody.raw("POST", BACK, {**FORM, "Origin": TRUSTED}, "logout_token=a")
        assert got.status == 400
        no_cors(got)


async def test_a_key_that_was_rotated_in_is_fetched(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada)
        house.liar.trouble["/jwks"] = answering(503)
        house.liar.header = {"kid": "unknown"}
        try:
            got = await tell(house, house.liar.logout_token(sub="ada"))
        finally:
            house.liar.header = {}
        refused(got, 502, "provider_unavailable")
        assert await alive(ada)


async def test_a_frame_of_the_providers_page(house: House) -> None:
    async with house.reader() as ada, house.reader() as elsewhere:
        sid = await signed_in(house, ada)
        await signed_in(house, elsewhere)
        unknown = await frame(house, iss=house.liar.issuer, sid="nobody's")
        got = await frame(house, iss=house.liar.issuer, sid=sid)
        assert got.status == unknown.status == 200
        assert got.text == unknown.text, "whether it was known is not told"
        assert got.one("Content-Security-Policy") == (
            f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {house.liar.issuer}"
        )
        assert got.one("X-Frame-Options") is None
        assert got.one("Cache-Control") == "no-store"
        assert got.every("Set-Cookie") == []
        assert not await alive(ada)
        assert await alive(elsewhere)


async def test_a_frame_without_both_names_ends_nothing(house: House) -> None:
    async with house.reader() as ada:
        sid = await signed_in(house, ada)
        issuer = house.liar.issuer
        wrong: list[dict[str, str]] = [
            {},
            {"sid": sid},
            {"iss": issuer},
            {"iss": issuer, "sid": ""},
            {"iss": "https://evil.example", "sid": sid},
        ]
        for query in wrong:
            got = await frame(house, **query)
            assert got.status == 400, query
            assert "frame-ancestors 'none'" in (got.one("Content-Security-Policy") or "")
        got = await frame(house, FRONT.replace("campus", "nobody"), iss=issuer, sid=sid)
        assert got.status == 404
        async with house.reader() as nobody:
            got, _ = await nobody.raw("GET", f"{FRONT}?iss={quote(issuer)}&sid={sid}&sid=other", {})
            assert got.status == 400
        assert await alive(ada)


def rows(folder: Path) -> int:
    """What is noted in the directory."""
    with closing(sqlite3.connect(folder / "state" / "directory.sqlite3")) as directory:
        return int(directory.execute("SELECT count(*) FROM revocations").fetchone()[0])


async def test_whoever_makes_up_frames_writes_nothing_into_the_directory(
    tmp_path: Path, redis_url: str
) -> None:
    """Nobody signed it, and a row is done again by every worker for as long as a session may live."""
    async with open_house(tmp_path, redis_url) as house, house.reader() as ada:
        issuer = house.liar.issuer
        sid = await signed_in(house, ada)
        before = rows(tmp_path)
        for number in range(5):
            assert (await frame(house, iss=issuer, sid=f"made up {number}")).status == 200
        assert rows(tmp_path) == before
        assert (await frame(house, iss=issuer, sid=sid)).status == 200
        noted = rows(tmp_path)
        assert noted > before, "what ended stands"
        assert (await frame(house, iss=issuer, sid=sid)).status == 200
        assert rows(tmp_path) == noted, "nor is what ended ended again"
        assert not await alive(ada)


async def test_without_the_directory_the_provider_tries_again(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url) as house, house.reader() as ada, house.reader() as elsewhere:
        sid = await signed_in(house, ada)
        await signed_in(house, elsewhere)
        by_session, by_person = house.liar.logout_token(sid=sid), house.liar.logout_token(sub="ada")
        with closing(sqlite3.connect(tmp_path / "state" / "directory.sqlite3", isolation_level=None)) as held:
            held.execute("BEGIN EXCLUSIVE")
            refused(await tell(house, by_session), 503, "directory_unavailable")
            refused(await tell(house, by_person), 503, "directory_unavailable")
        for reader in (ada, elsewhere):
            assert not await alive(reader), "what could be done was done"
        for token in (by_session, by_person):
            assert (await tell(house, token)).status == 200, "the same token again"


async def test_without_redis_the_provider_tries_again(tmp_path: Path, redis_server: RedisServer) -> None:
    async with open_house(tmp_path, redis_server.url, deadline="500ms") as house:
        token = house.liar.logout_token(sid="session")
        redis_server.stop()
        refused(await tell(house, token), 503, "sessions_unavailable")
        redis_server.start()
        for _ in range(100):
            got = await tell(house, token)
            if got.status == 200:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(got.text)


@pytest.mark.parametrize("channel", ["back-channel", "front-channel"])
async def test_one_address_may_not_ask_for_ever(channel: str, house: House, redis_url: str) -> None:
    async def ask() -> Got:
        return await (tell(house, "a") if channel == "back-channel" else frame(house))

    count = f"n:{channel}:{hashed('127.0.0.1')}"
    store = Store.open(redis_url, house.settings.redis.prefix, 5.0)
    try:
        await store.put(count, b"6000", 60)
        got = await ask()
    finally:
        await store.delete(count)
        await store.close()
    assert got.status == 429
    assert got.one("Retry-After") == "60"
    assert (await ask()).status == 400
