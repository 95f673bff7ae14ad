"""Providers that break, answer garbage or are impersonated at the callback, over real sockets."""

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from multidict import MultiDict

from gateway.errors import GatewayError, ProviderRefusedError, ProviderUnavailableError
from gateway.providers import open_session
from gateway.providers.remembered import Remembered
from gateway.providers.transport import Transport
from tests.campus_of_liars import DEADLINE, EXPECTED, LOGIN, Campus, campus_of_liars, refused
from tests.lying_provider import (
    Json,
    Trouble,
    answering,
    dribble,
    flood,
    hang,
    reset,
)

CONFIGURATION = "/.well-known/openid-configuration"
NOW = int(time.time())


@pytest.fixture
async def campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars() as opened:
        yield opened


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param([("state", "another")], id="state of another login"),
        pytest.param([("state", "")], id="state empty"),
        pytest.param([("state", "é")], id="state not ASCII"),
        pytest.param([("iss", "https://other.example")], id="mix-up: iss of another provider"),
        pytest.param([("code", "")], id="code empty"),
        pytest.param([("code", "x" * 9000)], id="code huge"),
    ],
)
async def test_callbacks_that_lie(campus: Campus, lie: list[tuple[str, str]]) -> None:
    params = {**campus.liar.authorize(await campus.provider.begin(LOGIN)), **dict(lie)}
    with pytest.raises(ProviderRefusedError):
        await campus.provider.finish(params, EXPECTED)
    assert campus.liar.seen["/token"] == 0, "nothing may be sent to the token endpoint"


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
async def test_a_parameter_that_comes_twice(campus: Campus, name: str) -> None:
    params = MultiDict(campus.liar.authorize(await campus.provider.begin(LOGIN)))
    params.add(name, params.get(name, "access_denied"))
    params.add(name, params[name])
    with pytest.raises(ProviderRefusedError):
        await campus.provider.finish(params, EXPECTED)
    assert campus.liar.seen["/token"] == 0


async def test_iss_may_be_missing_only_where_the_provider_never_promised_it(campus: Campus) -> None:
    params = campus.liar.authorize(await campus.provider.begin(LOGIN))
    del params["iss"]
    with pytest.raises(ProviderRefusedError):
        await campus.provider.finish(params, EXPECTED)
    campus.liar.metadata = {"authorization_response_iss_parameter_supported": None}
    campus.provider = campus.configured()
    assert (await campus.provider.finish(params, EXPECTED)).subject == "ada"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("access_denied", ProviderRefusedError),
        ("login_required", ProviderRefusedError),
        ("server_error", ProviderUnavailableError),
        ("temporarily_unavailable", ProviderUnavailableError),
    ],
)
async def test_errors_of_the_callback(campus: Campus, error: str, expected: type[GatewayError]) -> None:
    params = {"error": error, "state": "state-1", "iss": campus.liar.issuer}
    with pytest.raises(expected):
        await campus.provider.finish(params, EXPECTED)


async def test_userinfo_that_speaks_of_somebody_else(campus: Campus) -> None:
    for lie in ("eve", None, 7):
        campus.liar.userinfo = {"sub": lie}
        assert "userinfo" in await refused(campus)


async def test_the_signed_claims_outweigh_userinfo(campus: Campus) -> None:
    campus.liar.claims = {"name": "Signed", "email": "s@example.edu", "email_verified": False}
    identity = await campus.sign_in()
    assert (identity.name, identity.email) == ("Signed", None)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"issuer": "https://evil.example"}, id="issuer of another"),
        pytest.param({"issuer": None}, id="no issuer"),
        pytest.param({"token_endpoint": None}, id="no token endpoint"),
        pytest.param({"token_endpoint": "http://evil.example/token"}, id="plain http off loopback"),
        pytest.param({"token_endpoint": "ftp://127.0.0.1/token"}, id="another scheme"),
        pytest.param({"jwks_uri": "file:///etc/passwd"}, id="a file"),
        pytest.param({"authorization_endpoint": "javascript:alert(1)"}, id="a script"),
        pytest.param({"authorization_endpoint": "https://a b/"}, id="a blank"),
        pytest.param({"authorization_endpoint": "https://idp.example@evil.example/"}, id="userinfo in it"),
        pytest.param({"userinfo_endpoint": 7}, id="a number"),
    ],
)
async def test_metadata_that_lies(campus: Campus, metadata: Json) -> None:
    campus.liar.metadata = metadata
    with pytest.raises(ProviderUnavailableError):
        await campus.provider.begin(LOGIN)


TROUBLES: list[Trouble] = [hang, dribble, flood, reset]
ANSWERS = [
    pytest.param(answering(500, {"error": "server_error"}), id="500"),
    pytest.param(answering(503, b"<html>"), id="503 with a page"),
    pytest.param(answering(200, b""), id="nothing"),
    pytest.param(answering(200, b"<html>hello"), id="a page"),
    pytest.param(answering(200, b"[]"), id="a list"),
    pytest.param(answering(200, b"[" * 15_000), id="deep"),
    pytest.param(answering(200, b'{"issuer": "\xff"}'), id="bad UTF-8"),
    pytest.param(answering(200, {}), id="empty object"),
    pytest.param(answering(302, b"", Location="/elsewhere"), id="a redirect"),
    pytest.param(
        answering(200, gzip.compress(b" " * 1_000_000), **{"Content-Encoding": "gzip"}),
        id="a bomb",
    ),
]


@pytest.mark.parametrize("path", [CONFIGURATION, "/jwks", "/token", "/userinfo"])
@pytest.mark.parametrize("trouble", [*TROUBLES, *ANSWERS])
async def test_an_endpoint_in_trouble(campus: Campus, path: str, trouble: Trouble) -> None:
    campus.liar.trouble[path] = trouble
    with pytest.raises(GatewayError) as refusal:
        async with asyncio.timeout(DEADLINE + 1):
            await campus.sign_in()
    assert isinstance(refusal.value, ProviderUnavailableError | ProviderRefusedError)
    assert isinstance(refusal.value, ProviderUnavailableError) or path == "/userinfo"
    assert campus.liar.seen["/elsewhere"] == 0, "redirects are not followed"


async def test_a_provider_that_is_down_is_not_asked_by_everybody(campus: Campus) -> None:
    campus.liar.trouble[CONFIGURATION] = answering(500)
    results = await asyncio.gather(*(campus.provider.begin(LOGIN) for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {ProviderUnavailableError}
    assert campus.liar.seen[CONFIGURATION] == 1
    campus.liar.trouble.clear()
    campus.clock.ahead = 6
    assert (await campus.sign_in()).subject == "ada"


async def test_metadata_and_keys_are_fetched_once_an_hour(campus: Campus) -> None:
    for _ in range(3):
        await campus.sign_in()
    assert (campus.liar.seen[CONFIGURATION], campus.liar.seen["/jwks"]) == (1, 1)
    campus.clock.ahead = 3601
    await campus.provider.begin(LOGIN)
    assert campus.liar.seen[CONFIGURATION] == 2


async def test_nobody_listens(campus: Campus) -> None:
    campus.liar.issuer = "http://127.0.0.1:1"
    with pytest.raises(ProviderUnavailableError):
        await campus.configured().begin(LOGIN)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "invalid_grant", ProviderRefusedError),
        (401, "invalid_client", ProviderUnavailableError),
        (400, None, ProviderUnavailableError),
        (400, 7, ProviderUnavailableError),
    ],
)
async def test_errors_of_the_token_endpoint(
    campus: Campus, status: int, error: object, expected: type[GatewayError]
) -> None:
    campus.liar.trouble["/token"] = answering(status, {"error": error})
    with pytest.raises(expected):
        await campus.sign_in()


@pytest.mark.parametrize("lie", [{"access_token": None}, {"token_type": "mac"}, {"access_token": "a\r\nb"}])
async def test_without_a_usable_access_token_userinfo_is_not_asked(campus: Campus, lie: Json) -> None:
    campus.liar.token_answer = lie
    campus.liar.claims = {"at_hash": None}
    assert (await campus.sign_in()).name is None
    assert campus.liar.seen["/userinfo"] == 0


async def test_a_secret_in_the_body_where_the_provider_wants_it_there(campus: Campus) -> None:
    campus.liar.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await campus.sign_in()).subject == "ada"
    assert "Authorization" not in next(r for r in campus.liar.asked if r.path == "/token").headers


async def test_those_who_waited_for_newer_keys_share_them() -> None:
    fetched: list[object] = []

    async def fetch() -> object:
        await asyncio.sleep(0)
        fetched.append(object())
        return fetched[-1]

    keys = Remembered(fetch, time.time)
    old = await keys.get()
    newer = await asyncio.gather(*(keys.newer(old) for _ in range(5)))
    assert newer == [fetched[1]] * 5
    assert await keys.newer(fetched[1]) is fetched[1], "and not at once again"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
async def test_an_encoded_answer_is_not_unpacked(campus: Campus, encoding: str) -> None:
    campus.liar.trouble[CONFIGURATION] = answering(200, b"", **{"Content-Encoding": encoding})
    with pytest.raises(ProviderUnavailableError, match="encoded"):
        await campus.provider.begin(LOGIN)


async def test_a_right_answer_that_is_too_long(campus: Campus) -> None:
    campus.liar.metadata = {"padding": "x" * 20_000}
    with pytest.raises(ProviderUnavailableError, match="more than"):
        await campus.provider.begin(LOGIN)


async def test_a_provider_without_a_place_to_leave(campus: Campus) -> None:
    assert await campus.provider.logout_url(None, "https://gw.example/x") == (
        f"{campus.liar.issuer}/leave?client_id=gate+way%3A1&post_logout_redirect_uri=https%3A%2F%2Fgw.example%2Fx"
    )
    campus.liar.metadata = {"end_session_endpoint": None}
    assert await campus.configured().logout_url(None, "https://gw.example/x") is None


async def test_a_campus_authority_is_believed_only_where_configured(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.ServerRunner(web.Server(answering(200, {})))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    async with open_session(ca=tmp_path / "ca.pem") as session:
        assert (await Transport(session).get(url)).status == 200
    async with open_session() as session:
        with pytest.raises(ProviderUnavailableError):
            await Transport(session).get(url)
    await runner.cleanup()
