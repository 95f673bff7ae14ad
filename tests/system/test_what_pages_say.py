"""What our answers say to a hostile reader: names are text, headers hold on refusals, nobody is mixed up."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from gateway.middleware import on_prepare
from tests.system.house import CONSENT, DENIED, TRUSTED, House, open_house
from tests.system.reader import Flow, no_cors

ITEM = "/storage/v1/items/a"
SECOND = """  second:
    preset: oidc
    issuer: http://127.0.0.1:9
    client_id: bookgate
    client_secret: {env: SECRET}
    label: "<img src=x>"
"""


async def test_a_name_is_text_on_every_page(house: House) -> None:
    house.liar.claims = {"name": "<script>alert(1)</script>\u202e\"'><img src=x>"}
    try:
        async with house.reader("rob") as rob:
            pages = [await rob.through_provider(await rob.ask(Flow(CONSENT))), await rob.ask(Flow(TRUSTED))]
            pages += [await rob.navigate(path, site="none") for path in ("/auth/account", "/auth/logout")]
    finally:
        house.liar.claims = {}
    for page in pages:
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script>" not in page.text
        assert "<img" not in page.text
        assert "\u202e" not in page.text


async def test_an_address_that_leads_nowhere_is_a_page_for_people_and_json_for_books(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.navigate("/", site="none")
        assert page.status == 404
        assert "There is nothing here" in page.text
        assert "frame-ancestors 'none'" in (page.one("Content-Security-Policy") or "")
        got = await ada.fetch(TRUSTED, "GET", "/nothing/here")
        assert (got.status, got.error) == (404, "not_found")


async def test_a_refusal_says_whose_fault_it_is_whom_to_ask_and_its_number(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.navigate("/auth/authorize?client_id=odd")
        assert page.status == 400
        assert "The fault is the book&#39;s, not yours." in page.text
        assert 'href="/auth/doctor"' in page.text
        assert "mailto:help@example.edu" in page.text
        assert f"<code>{page.one('X-Request-Id')}</code>" in page.text
        page = await ada.ask(Flow(DENIED))
        assert f"/auth/doctor?{urlencode({'book': DENIED})}" in page.text


async def test_a_form_s_nonce_is_new_on_every_page(house: House) -> None:
    async with house.reader() as ada:
        nonces = set[str]()
        for _ in range(3):
            got = await ada.navigate("/auth/account", site="none")
            nonces |= set(re.findall(r"nonce-([^']+)'", got.one("Content-Security-Policy") or ""))
            assert got.one("X-Frame-Options") == "DENY"
        assert len(nonces) == 3


async def test_a_provider_s_answer_at_another_provider_s_address(tmp_path: Path, redis_url: str) -> None:
    """RFC 9207's mix-up: the transaction remembers whom it was begun with."""
    async with open_house(tmp_path, redis_url, more_providers=SECOND) as house, house.reader() as ada:
        page = await ada.ask(Flow(TRUSTED))
        assert "&lt;img src=x&gt;" in page.text
        assert "<img" not in page.text
        params = ada.at_provider((await ada.choose(page, "campus")).one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        assert (await ada.navigate(f"/auth/callback/second?{query}")).status == 400
        assert not house.liar.seen["/token"], "the code went nowhere"


async def test_a_login_alone_is_continued_once_and_asks_for_the_account_after_a_sign_out(
    house: House,
) -> None:
    async with house.reader() as ada:
        login = "/auth/login?provider=campus"
        got = await ada.navigate(login, site="same-origin")
        params = ada.at_provider(got.one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        got = await ada.navigate(f"/auth/callback/campus?{query}")
        kept = dict(ada.first_party)
        assert (await ada.navigate(got.one("Location") or "")).status == 303
        ada.first_party |= kept
        assert (await ada.navigate(got.one("Location") or "")).status == 400
        page = await ada.navigate("/auth/logout", site="none")
        await ada.navigate("/auth/account", form={"transaction": page.transaction, "act": "sign-out"})
        got = await ada.navigate(login, site="same-origin")
        assert "prompt=select_account" in (got.one("Location") or "")


async def test_a_transaction_needs_the_very_secret_of_its_browser(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.through_provider(await ada.ask(Flow(CONSENT)))
        for name in [name for name in ada.first_party if "login" in name]:
            ada.first_party[name] = "A" * 43
        assert (await ada.answer(page, "allow")).status == 400


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "no-cors"}, id="a fetch"),
        pytest.param({"Sec-Fetch-Dest": "iframe"}, id="a frame"),
        pytest.param({"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"}, id="an image"),
        pytest.param({"Origin": TRUSTED}, id="an Origin"),
    ],
)
async def test_a_neighbour_s_requests_do_not_see_who_is_signed_in_here(
    house: House, headers: dict[str, str]
) -> None:
    """A book on a sibling name is same-site: SameSite=Lax lets the cookie come with whatever it loads."""
    async with house.reader() as ada:
        await ada.sign_in_here()
        for path in ("/auth/account", "/auth/logout"):
            assert "Ada" in (await ada.navigate(path, site="same-site")).text
            got = await ada.navigate(path, site="same-site", headers=headers)
            assert "Ada" not in got.text
            assert 'name="transaction"' not in got.text


@pytest.mark.parametrize(
    "path", ["/auth/callback", "/auth/callback/", "/auth/callbacks", "/auth/callback/a/b"]
)
async def test_nothing_but_a_callback_is_exempt_from_the_rule_for_origins(house: House, path: str) -> None:
    async with house.reader() as ada:
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
            got, _ = await ada.raw("POST", path, {**headers, "Content-Length": "0"})
            assert got.status == 403


async def test_a_401_says_what_would_help(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.fetch(TRUSTED, "GET", ITEM)
        assert got.one("WWW-Authenticate") == f'DPoP realm="{house.url}", algs="ES256"'
        page = await ada.fetch(TRUSTED, "GET", "/auth/logout")
        no_cors(page)


async def test_a_refusal_is_not_kept_and_a_request_s_id_is_of_our_form(house: House) -> None:
    async with house.reader() as ada:
        for asked, kept in (("abcdefgh-1", True), ("<b>a</b>", False), ("a" * 65, False), ("short", False)):
            got = await ada.fetch(TRUSTED, "GET", ITEM, X_Request_Id=asked)
            assert got.status == 401
            assert got.one("Cache-Control") == "no-store"
            assert got.one("Server") == "bookgate"
            assert (got.one("X-Request-Id") == asked) is kept
        got, _ = await ada.raw("GET", "/.well-known/bookgate", {"Origin": TRUSTED})
        assert got.one("Cache-Control") == "no-store"


async def test_a_preflight_s_answer_is_for_its_question_alone(house: House) -> None:
    async with house.reader() as ada:
        headers = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "dpop"}
        got = await ada.fetch(TRUSTED, "OPTIONS", ITEM, **headers)
        assert got.status == 204
        assert got.one("Access-Control-Expose-Headers") is None
        vary = got.one("Vary")
        assert vary == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


async def test_a_code_is_handed_to_its_origin_alone(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in_here(own_device="1")
        page = await ada.ask(Flow(TRUSTED))
        assert "window.opener.postMessage(message, origin);" in page.text
        found = re.search(r'id="answer">(.*?)</script>', page.text)
        assert found is not None
        assert json.loads(found[1])["origin"] == TRUSTED


@pytest.mark.parametrize("url", ["https://gate.example.edu", "http://127.0.0.1:8080"])
async def test_tls_once_is_tls_for_a_year(url: str) -> None:
    response = web.Response()
    await on_prepare(url)(make_mocked_request("GET", "/"), response)
    assert ("Strict-Transport-Security" in response.headers) is url.startswith("https:")


async def test_no_other_version_of_the_library_is_kept_for_ever(house: House) -> None:
    async with house.reader() as ada:
        entry, _ = await ada.raw("GET", "/bookgate.js", {"Origin": TRUSTED})
        path = entry.text.partition('"')[2].partition('"')[0]
        got, _ = await ada.raw("GET", path, {"Origin": TRUSTED})
        assert (got.status, "immutable" in (got.one("Cache-Control") or "")) == (200, True)
        got, _ = await ada.raw("GET", "/client/99.0/bookgate.js", {"Origin": TRUSTED})
        assert (got.status, got.one("Cache-Control")) == (404, "no-store")
