"""Login CSRF, forged forms, denied origins; nothing of it reaches a backend."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.cookies import SIGN_IN
from gateway.pages import transactions
from tests.system.house import CONSENT, DENIED, MIRROR, ORIGINS, TRUSTED, House
from tests.system.raw_client import RawClient
from tests.system.reader import Flow, no_cors, refused

ITEM = "/storage/v1/items/a"
FORM = "application/x-www-form-urlencoded"


# --- login CSRF and our own forms


async def test_a_login_begun_in_one_browser_cannot_be_finished_in_another(house: House) -> None:
    async with house.reader("mallory") as mallory, house.reader("victim") as victim:
        got = await mallory.ask(Flow(TRUSTED))
        url = got.one("Location") or ""
        params = mallory.at_provider(url)
        query = "&".join(f"{name}={value}" for name, value in params.items())
        got = await victim.navigate(f"/auth/callback/campus?{query}")
        assert got.status == 400
        assert SIGN_IN not in victim.first_party


async def test_a_finished_login_cannot_be_continued_in_another_browser(house: House) -> None:
    async with house.reader("mallory") as mallory, house.reader("victim") as victim:
        got = await mallory.ask(Flow(TRUSTED))
        params = mallory.at_provider(got.one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        got = await mallory.navigate(f"/auth/callback/campus?{query}")
        assert got.status == 303
        got = await victim.navigate(got.one("Location") or "")
        assert got.status == 400
        assert SIGN_IN not in victim.first_party


@pytest.mark.parametrize("odd", [b"\xff", b"\xed\xa0\x80", b"\xc3\xa9"])
async def test_a_login_cookie_of_odd_bytes_is_none_of_ours(house: House, odd: bytes) -> None:
    async with house.reader("mallory") as mallory:
        got = await mallory.ask(Flow(TRUSTED))
        state = parse_qs(urlsplit(got.one("Location") or "").query)["state"][0]
        at = urlsplit(house.url)
        cookies = b"; ".join(name.encode() + b"=" + odd for name in mallory.first_party)
        assert at.port is not None
        client = await RawClient.connect(at.port)
        await client.send(
            f"GET /auth/callback/campus?state={state}&code=x HTTP/1.1\r\nHost: {at.netloc}\r\n".encode()
            + b"Cookie: " + cookies + b"\r\n\r\n"
        )  # fmt: skip
        assert (await client.answer()).status == 400
        client.writer.close()


async def test_a_callback_of_another_provider_is_refused(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.ask(Flow(TRUSTED))
        params = ada.at_provider(got.one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        assert (await ada.navigate(f"/auth/callback/nobody?{query}")).status == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", MIRROR])
async def test_the_consent_form_counts_from_our_own_page_alone(house: House, origin: str) -> None:
    async with house.reader(f"liv {origin}") as liv:
        page = await liv.through_provider(await liv.ask(Flow(CONSENT)))
        cookie = "; ".join(f"{name}={value}" for name, value in liv.first_party.items())
        form = f"transaction={page.transaction}&decision=allow"
        headers = {"Origin": origin, "Cookie": cookie, "Content-Type": FORM}
        got, _ = await liv.raw("POST", "/auth/consent", headers, form)
        assert got.status == 403
        headers.pop("Origin")
        got, _ = await liv.raw("POST", "/auth/consent", headers, form)
        assert got.status == 403
        assert "code" in (await liv.answer(page, "allow")).message, "the page itself still works"


async def test_a_consent_form_is_good_once(house: House) -> None:
    async with house.reader("mia") as mia:
        page = await mia.through_provider(await mia.ask(Flow(CONSENT)))
        assert "code" in (await mia.answer(page, "allow")).message
        assert (await mia.answer(page, "allow")).status == 400


async def test_a_consent_form_of_somebody_else(house: House) -> None:
    async with house.reader("nia") as nia, house.reader("mallory") as mallory:
        theirs = await mallory.through_provider(await mallory.ask(Flow(CONSENT)))
        await nia.through_provider(await nia.ask(Flow(CONSENT)))
        assert (await nia.answer(theirs, "allow")).status == 400
        nia.first_party |= {name: v for name, v in mallory.first_party.items() if "login" in name}
        assert (await nia.answer(theirs, "allow")).status == 403, "the page is bound to its session"


async def test_one_address_cannot_fill_redis_with_transactions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        monkeypatch.setattr(transactions, "TRANSACTIONS", 0)
        got = await ada.ask(Flow(TRUSTED))
        assert (got.status, got.one("Retry-After")) == (429, "60")
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200, "who is in a book goes on"


async def test_go_is_no_consent(house: House) -> None:
    async with house.reader("olaf") as olaf:
        page = await olaf.through_provider(await olaf.ask(Flow(CONSENT)))
        got = await olaf.answer(page, "go")
        assert got.status == 403


# --- policy


async def test_a_denied_origin(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.ask(Flow(DENIED))
        assert got.status == 403
        assert DENIED in got.text
        assert "blocked-books@example.edu" in got.text, "whom to ask: the group's own contact"
        for method, path in (
            ("GET", ITEM),
            ("POST", "/auth/token"),
            ("GET", "/auth/session"),
            ("POST", ITEM),
        ):
            got = await ada.fetch(DENIED, method, path, "a=b" if method == "POST" else None)
            refused(got, 403, "origin_refused")
            no_cors(got)
        headers = {"Access_Control_Request_Method": "PUT"}
        got = await ada.fetch(DENIED, "OPTIONS", ITEM, **headers)
        assert (got.status, got.text) == (403, "")
        no_cors(got)
        assert not house.storage.received


async def test_an_origin_that_is_removed_loses_its_sessions_at_once(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200
        try:
            house.set_origins(ORIGINS.replace(f"- {TRUSTED}\n", "- https://other.example.edu\n"))
            refused(await ada.fetch(TRUSTED, "GET", ITEM), 403, "consent_required")
            house.set_origins(
                ORIGINS.replace(f"[{DENIED}]", f"[{DENIED}, {TRUSTED}]").replace(f"- {TRUSTED}\n", "")
            )
            refused(await ada.fetch(TRUSTED, "GET", ITEM), 403, "origin_refused")
        finally:
            house.set_origins(ORIGINS)
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200


async def test_a_bad_file_changes_nothing(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        generation = house.origins.current.generation
        try:
            house.set_origins(ORIGINS + "\nno: sense: at all")
            assert house.origins.current.generation == generation
            assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200
        finally:
            house.set_origins(ORIGINS)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1"])
async def test_a_host_that_is_not_ours(house: House, host: str) -> None:
    async with house.reader() as ada:
        got, _ = await ada.raw("GET", "/auth/session", {"Host": host, "Origin": TRUSTED})
        refused(got, 421, "misdirected")


async def test_state_is_bound_to_the_request_that_the_provider_got(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.ask(Flow(TRUSTED))
        query = parse_qs(urlsplit(got.one("Location") or "").query)
        assert query["code_challenge_method"] == ["S256"]
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", query["state"][0])
        assert query["nonce"][0] != query["state"][0]
        assert query["redirect_uri"] == [f"{house.url}/auth/callback/campus"]


@pytest.mark.parametrize("mode", ["fragment", "web_message"])
async def test_nobody_is_sent_on_to_a_book_that_nobody_vouches_for(house: House, mode: str) -> None:
    """RFC 9700 section 4.11.2: a wrong request must not make our address lead to any page there is."""
    async with house.reader() as ada:
        for origin in (CONSENT, "https://phisher.example.com"):
            flow = Flow(origin, mode)
            got = await ada.ask(flow, response_type="token")
            assert (got.status, got.one("Location")) == (400, None), origin
            assert origin not in got.text
        got = await ada.ask(Flow(TRUSTED, mode), response_type="token")
        assert got.message["error"] == "unsupported_response_type"
