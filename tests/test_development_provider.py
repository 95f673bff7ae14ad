import asyncio
from collections.abc import AsyncGenerator
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import ClientResponse
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from yarl import URL

from gateway.development.loopback import is_callback, is_loopback_origin, is_own_page
from gateway.development.readers import Reader, parse_reader
from tests.development_provider import PROGRAM, DevelopmentProvider, development_provider

GATEWAY = "http://127.0.0.1:8080"
REDIRECT = f"{GATEWAY}/auth/callback/development"
VERIFIER = "v" * 43


@pytest.fixture(scope="module")
async def provider() -> AsyncGenerator[DevelopmentProvider, None]:
    async with development_provider(GATEWAY) as running:
        yield running


class Browser:
    """A browser with cookies, that stays where it is sent away."""

    def __init__(self, issuer: str, session: aiohttp.ClientSession) -> None:
        self.issuer = issuer
        self.session = session

    def url(self, **changes: str | None) -> str:
        params = {
            "response_type": "code",
            "client_id": "bookgate",
            "redirect_uri": REDIRECT,
            "scope": "openid profile email",
            "state": "s",
            "nonce": "n",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        query = urlencode({name: value for name, value in params.items() if value is not None})
        return f"{self.issuer}/authorize?{query}"

    async def get(self, url: str, **headers: str) -> ClientResponse:
        return await self._kept("GET", url, None, headers)

    async def post(self, url: str, data: dict[str, str], **headers: str) -> ClientResponse:
        return await self._kept("POST", url, data, headers)

    async def code(self, **fields: str) -> str:
        answer = await self.post(self.url(), fields)
        return URL(answer.headers["Location"]).query["code"]

    async def _kept(
        self, method: str, url: str, data: dict[str, str] | None, headers: dict[str, str]
    ) -> ClientResponse:
        response = await self.session.request(method, url, data=data, headers=headers, allow_redirects=False)
        await response.read()
        return response


@pytest.fixture
async def browser(provider: DevelopmentProvider) -> AsyncGenerator[Browser, None]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(provider.issuer, session)


def sent_back(response: ClientResponse) -> dict[str, str]:
    assert response.status == 303
    location = URL(response.headers["Location"])
    assert str(location.with_query(None)) == REDIRECT
    return dict(location.query)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--gateway", "https://gw.example.edu"], id="a gateway on the network"),
        pytest.param(["--gateway", "http://192.168.0.5:8080"], id="a gateway on the local network"),
        pytest.param(["--gateway", "http://127.0.0.1.evil.example"], id="a name that begins like loopback"),
        pytest.param(["--gateway", GATEWAY + "/"], id="a gateway with a path"),
        pytest.param(["--gateway", GATEWAY, "--listen", "0.0.0.0:0"], id="listening to everybody"),
        pytest.param(["--gateway", GATEWAY, "--listen", "192.168.0.5:0"], id="listening to the network"),
        pytest.param(["--gateway", GATEWAY, "--listen", "127.0.0.1"], id="no port"),
        pytest.param(["--gateway", GATEWAY, "--listen", "127.0.0.1:x"], id="port a word"),
        pytest.param([], id="no gateway"),
    ],
)
async def test_it_refuses_to_run_off_loopback(words: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(*PROGRAM, *words, stderr=asyncio.subprocess.PIPE)
    _, error = await process.communicate()
    assert process.returncode == 2
    assert b"loopback" in error or b"required" in error


async def test_a_taken_port_is_said(provider: DevelopmentProvider) -> None:
    taken = provider.issuer.removeprefix("http://")
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "--gateway", GATEWAY, "--listen", taken, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert (process.returncode, said.decode().count("\n")) == (1, 1)
    assert "cannot listen" in said.decode()


async def test_it_ends_cleanly_and_the_same_name_is_the_same_person_afterwards() -> None:
    subjects = []
    for _ in range(2):
        async with (
            development_provider(GATEWAY) as running,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            browser = Browser(running.issuer, session)
            tokens = await redeem(browser, await browser.code(name="Ada  Lovelace"))
            subjects.append((await userinfo(browser, str(tokens["access_token"])))["sub"])
            assert await running.stop() == 0
    assert subjects == [Reader("ada lovelace").subject] * 2


async def redeem(browser: Browser, code: str, **changes: str) -> dict[str, object]:
    form = {
        "grant_type": "authorization_code",
        "client_id": "bookgate",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    answer = await browser.post(f"{browser.issuer}/token", form)
    assert answer.headers["Cache-Control"] == "no-store"
    return {"status": answer.status, **await answer.json()}


async def userinfo(browser: Browser, token: str) -> dict[str, object]:
    answer = await browser.get(f"{browser.issuer}/userinfo", Authorization=f"Bearer {token}")
    told: dict[str, object] = await answer.json()
    return told


async def test_the_page_is_whole_by_itself(browser: Browser) -> None:
    answer = await browser.get(browser.url())
    page = await answer.text()
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "Cross-Origin-Opener-Policy" not in answer.headers, "a popup must keep its opener"
    assert not [word for word in ("<script", "src=", "<link", "@import", "url(") if word in page]
    assert "Ada Lovelace" in page
    assert GATEWAY in page


@pytest.mark.parametrize("field", ["name", "pick"])
async def test_typed_or_picked(browser: Browser, field: str) -> None:
    answer = sent_back(await browser.post(browser.url(), {"name": "", field: "Grace Hopper"}))
    assert answer == {"code": answer["code"], "state": "s", "iss": browser.issuer}
    tokens = await redeem(browser, answer["code"])
    assert (await userinfo(browser, str(tokens["access_token"])))["name"] == "Grace Hopper"


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\x00b", "\u202e"])
async def test_a_name_that_is_none_is_asked_again(browser: Browser, name: str) -> None:
    answer = await browser.post(browser.url(), {"name": name})
    assert answer.status == 422
    assert 'role="alert"' in await answer.text()


async def test_names_are_shown_as_text(browser: Browser) -> None:
    await browser.post(browser.url(), {"name": "<b>&\"'", "remember": "1"})
    page = await (await browser.get(browser.url(prompt="select_account"))).text()
    assert "<b>&" not in page.replace("<b>http", "")
    assert "&lt;b&gt;&amp;&#34;&#39;" in page


async def test_nobody_is_remembered_unless_told(browser: Browser) -> None:
    sent_back(await browser.post(browser.url(), {"name": "Ada"}))
    assert (await browser.get(browser.url())).status == 200
    assert sent_back(await browser.get(browser.url(prompt="none")))["error"] == "login_required"


async def test_somebody_who_asked_for_it_is_remembered_until_they_leave(browser: Browser) -> None:
    sent_back(await browser.post(browser.url(), {"name": "Ada Ünïcode", "remember": "1"}))
    tokens = await redeem(browser, sent_back(await browser.get(browser.url(prompt="none")))["code"])
    assert (await userinfo(browser, str(tokens["access_token"])))["name"] == "Ada Ünïcode"
    assert "code" in sent_back(await browser.get(browser.url()))
    for asked in ({"prompt": "select_account"}, {"prompt": "login"}, {"max_age": "0"}):
        answer = await browser.get(browser.url(**asked))
        assert answer.status == 200
        assert "Ada Ünïcode" in await answer.text()
    assert "signed out" in await (await browser.get(f"{browser.issuer}/logout")).text()
    assert (await browser.get(browser.url())).status == 200


async def test_picking_somebody_else_without_the_tick_forgets(browser: Browser) -> None:
    await browser.post(browser.url(), {"name": "Ada", "remember": "1"})
    await browser.post(browser.url(prompt="select_account"), {"name": "Bob"})
    assert (await browser.get(browser.url())).status == 200


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://gw.example.edu/auth/callback/development",
        "http://127.0.0.1:8081/auth/callback/development",
        "http://localhost:8080/auth/callback/development",
        "http://127.0.0.1:8080.evil.example/auth/callback/development",
        "http://127.0.0.1:8080@evil.example/auth/callback/development",
        f"{GATEWAY}/auth/callback/development?x=1",
        f"{GATEWAY}/auth/callback/../token",
        f"{GATEWAY}/auth/callback/",
        f"{GATEWAY}/storage/",
        "javascript:alert(1)",
        None,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_it_sends_nobody_elsewhere(browser: Browser, redirect_uri: str | None, method: str) -> None:
    url = browser.url(redirect_uri=redirect_uri)
    answer = await (browser.get(url) if method == "GET" else browser.post(url, {"name": "Ada"}))
    assert answer.status == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"scope": "openid everything"}, "invalid_scope", id="unknown scope"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain PKCE"),
        pytest.param({"code_challenge": "short"}, "invalid_request", id="a short challenge"),
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
    ],
)
async def test_errors_that_the_gateway_is_told(browser: Browser, changes: dict[str, str], error: str) -> None:
    told = sent_back(await browser.get(browser.url(**changes)))
    assert (told["error"], told["state"], told["iss"]) == (error, "s", browser.issuer)


async def test_another_client_is_told_on_the_page(browser: Browser) -> None:
    answer = await browser.get(browser.url(client_id="somebody"))
    assert answer.status == 400
    assert "client does not exist" in await answer.text()


async def test_a_code_without_a_challenge_is_worth_nothing(browser: Browser) -> None:
    url = browser.url(code_challenge=None, code_challenge_method=None)
    code = sent_back(await browser.post(url, {"name": "Ada"}))["code"]
    assert (await redeem(browser, code))["error"] == "invalid_request"
    again = sent_back(await browser.post(url, {"name": "Ada"}))["code"]
    assert (await redeem(browser, again, code_verifier=""))["error"] == "invalid_request"


async def test_a_code_that_was_shown_once_is_spent(browser: Browser) -> None:
    code = await browser.code(name="Ada")
    assert (await redeem(browser, code, code_verifier="w" * 43))["error"] == "invalid_grant"
    assert (await redeem(browser, code))["error"] == "invalid_grant"


async def test_scopes_limit_what_is_told(browser: Browser) -> None:
    code = sent_back(await browser.post(browser.url(scope="openid"), {"name": "Ada"}))["code"]
    tokens = await redeem(browser, code)
    assert await userinfo(browser, str(tokens["access_token"])) == {"sub": Reader("Ada").subject}


async def test_a_token_that_nobody_made(browser: Browser) -> None:
    assert await userinfo(browser, "made-up") == {"error": "invalid_token"}


async def test_another_page_cannot_choose_for_the_reader(browser: Browser) -> None:
    answer = await browser.post(browser.url(), {"name": "Eve"}, Origin="https://evil.example")
    assert answer.status == 403


async def test_a_rebound_name_reaches_nothing(browser: Browser) -> None:
    answer = await browser.get(browser.url(), Host="evil.example")
    assert answer.status == 421


async def test_leaving_goes_back_to_the_gateway_only(browser: Browser) -> None:
    own = urlencode({"post_logout_redirect_uri": f"{GATEWAY}/auth/logout", "state": "x"})
    answer = await browser.get(f"{browser.issuer}/logout?{own}")
    assert answer.headers["Location"] == f"{GATEWAY}/auth/logout?state=x"
    other = urlencode({"post_logout_redirect_uri": "https://evil.example/auth/"})
    assert (await browser.get(f"{browser.issuer}/logout?{other}")).status == 200


def test_the_same_name_is_the_same_person() -> None:
    names = ["Ada Lovelace", " ada   LOVELACE ", "\uff21da Lovelace", "Ada\u00a0Lovelace"]
    readers = [parse_reader(name) for name in names]
    assert {reader.subject for reader in readers if reader is not None} == {"beRD1JUvSEiDgjPQveEHoQ"}
    assert Reader("Alan Turing").subject != Reader("Alan Turin").subject


@pytest.mark.parametrize(
    ("name", "initials", "email"),
    [
        ("Ada Lovelace", "AL", "ada.lovelace@reader.invalid"),
        ("Ada", "A", "ada@reader.invalid"),
        ("李白", "李", f"{Reader('李白').subject.lower()}@reader.invalid"),
    ],
)
def test_what_is_told_of_a_reader(name: str, initials: str, email: str) -> None:
    assert (Reader(name).initials, Reader(name).email) == (initials, email)


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("https://localhost:8443", True),
        ("http://[::1]:8080", True),
        ("http://127.0.0.1:8080/", False),
        ("http://127.0.0.1:0", False),
        ("http://127.0.0.1:", False),
        ("http://127.0.0.1:99999", False),
        ("http://[::1", False),
        ("http://localhost.evil.example", False),
        ("http://user@localhost", False),
        ("ftp://localhost", False),
        ("HTTP://LOCALHOST", False),
        ("http://localhost\n", False),
        ("", False),
    ],
)
def test_loopback_origins(url: str, fine: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
    assert is_loopback_origin(url) is fine


TRICKS = [
    "/",
    "//evil.example",
    "\\evil.example",
    "@evil.example",
    ".evil.example",
    "\t/auth/",
    "/auth/\u202e",
]


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_with_return_addresses(trick: str) -> None:
    assert not is_callback(GATEWAY + trick, GATEWAY)
    assert not is_own_page(GATEWAY + trick, GATEWAY)
