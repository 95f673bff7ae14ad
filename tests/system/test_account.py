"""The gateway's own pages without a book: account, this device, signing out here and everywhere."""

from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.cookies import SIGN_IN
from tests.system.house import CONSENT, TRUSTED, House
from tests.system.reader import Flow, Got, Reader

ITEM = "/storage/v1/items/a"


async def account(reader: Reader) -> Got:
    return await reader.navigate("/auth/account", site="none")


async def act(reader: Reader, page: Got, what: str, **more: str) -> Got:
    form = {"transaction": page.transaction, "act": what, **more}
    return await reader.navigate("/auth/account", form=form)


async def test_sign_in_without_a_book(house: House) -> None:
    async with house.reader() as ada:
        page = await account(ada)
        assert "Example University" in page.text
        got = await ada.through_provider(await ada.choose(page, "campus"))
        assert got.one("Location") == "/auth/account"
        assert "Ada" in (await account(ada)).text


async def test_nobody_is_sent_into_a_login_by_another_site(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.navigate("/auth/login?provider=campus", site="cross-site")
        assert got.status == 403
        assert got.one("Location") is None


async def test_this_device_can_be_kept_and_given_up(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await account(ada)
        assert "checked" not in page.text
        kept = await act(ada, page, "device", own_device="1")
        assert "Saved." in kept.text
        assert "checked" in kept.text
        (line,) = [line for line in kept.every("Set-Cookie") if line.startswith(SIGN_IN)]
        assert "Max-Age=" in line
        assert "code" in (await ada.ask(Flow(TRUSTED))).message, "nothing is asked on one's own device"
        given_up = await act(ada, kept, "device")
        (line,) = [line for line in given_up.every("Set-Cookie") if line.startswith(SIGN_IN)]
        assert "Max-Age=" not in line, "gone when the browser closes"
        assert 'value="go"' in (await ada.ask(Flow(TRUSTED))).text


async def test_signing_out_here(house: House) -> None:
    async with house.reader() as ada, house.reader() as elsewhere:
        for reader in (ada, elsewhere):
            await reader.sign_in(Flow(TRUSTED))
        page = await ada.navigate("/auth/logout", site="none")
        assert "Sign out?" in page.text
        got = await act(ada, page, "sign-out")
        assert "You are signed out" in got.text
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 401
        assert (await elsewhere.fetch(TRUSTED, "GET", ITEM)).status == 200
        got = await ada.ask(Flow(TRUSTED))
        assert parse_qs(urlsplit(got.one("Location") or "").query)["prompt"] == ["select_account"]
        assert "You are signed out" in (await ada.navigate("/auth/logout", site="none")).text


async def test_signing_out_everywhere(house: House) -> None:
    async with house.reader() as ada, house.reader() as elsewhere, house.reader("bob") as bob:
        for reader in (ada, elsewhere, bob):
            await reader.sign_in(Flow(TRUSTED))
        await act(ada, await account(ada), "everywhere")
        for reader in (ada, elsewhere):
            assert (await reader.fetch(TRUSTED, "GET", ITEM)).status == 401
        assert (await bob.fetch(TRUSTED, "GET", ITEM)).status == 200
        await ada.sign_in(Flow(TRUSTED))
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", TRUSTED, "null"])
async def test_no_page_but_ours_signs_anybody_out_here(house: House, origin: str) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await account(ada)
        cookie = "; ".join(f"{name}={value}" for name, value in ada.first_party.items())
        headers = {"Origin": origin, "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        got, _ = await ada.raw(
            "POST", "/auth/account", headers, f"transaction={page.transaction}&act=everywhere"
        )
        assert got.status == 403
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200


async def test_a_form_of_ours_is_good_once(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await account(ada)
        assert (await act(ada, page, "device", own_device="1")).status == 200
        assert (await act(ada, page, "sign-out")).status == 400
        assert (await act(ada, await account(ada), "nonsense")).status == 400
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200


async def test_a_provider_that_posts_its_answer(house: House) -> None:
    """form_post: a cross-site POST, with the login cookie and without the first-party one."""
    async with house.reader() as ada:
        got = await ada.ask(Flow(CONSENT))
        params = ada.at_provider(got.one("Location") or "")
        cookies = {name: value for name, value in ada.first_party.items() if "login" in name}
        headers = {
            "Origin": house.liar.issuer,
            "Sec-Fetch-Site": "cross-site",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        }
        body = "&".join(f"{name}={value}" for name, value in params.items())
        got, lines = await ada.raw("POST", "/auth/callback/campus", headers, body)
        assert got.status == 303, got.text
        for line in lines:
            name, _, value = line.partition(";")[0].partition("=")
            ada.first_party[name] = value
        got = await ada.navigate(got.one("Location") or "")
        assert CONSENT in got.text
        got, _ = await ada.raw("POST", "/auth/callback/campus", headers, body)
        assert got.status == 400, "once"
        got, _ = await ada.raw("POST", "/auth/callback/campus", headers, "a" * 70_000)
        assert got.status == 413


async def test_every_page_has_its_headers(house: House) -> None:
    async with house.reader() as ada:
        flow_page = await ada.through_provider(await ada.ask(Flow(CONSENT)))
        for page, isolated in ((flow_page, False), (await account(ada), True)):
            policy = page.one("Content-Security-Policy") or ""
            nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
            assert len(nonce) == 24
            assert policy == (
                f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; "
                "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            )
            assert page.one("Referrer-Policy") == "same-origin"
            assert page.one("Cache-Control") == "no-store"
            assert page.one("X-Content-Type-Options") == "nosniff"
            assert page.one("Cross-Origin-Opener-Policy") == ("same-origin" if isolated else None)
            assert not [name for name, _ in page.lines if name.lower().startswith("access-control-")]


async def test_public_documents_answer_everybody(house: House) -> None:
    async with house.reader() as ada:
        for origin in (TRUSTED, "https://scraper.example.net", "null", None):
            headers = {} if origin is None else {"Origin": origin}
            for path in (
                "/bookgate.js",
                "/.well-known/oauth-authorization-server",
                "/.well-known/jwks.json",
                "/.well-known/bookgate",
            ):
                got, _ = await ada.raw("GET", path, headers)
                assert got.status == 200
                assert got.one("Access-Control-Allow-Origin") == "*"
                assert got.one("Access-Control-Allow-Credentials") is None
                assert got.one("Cross-Origin-Resource-Policy") == "cross-origin"
        module, _ = await ada.raw("GET", "/bookgate.js", {"Origin": TRUSTED})
        path = module.text.partition('"')[2].partition('"')[0]
        library, _ = await ada.raw("GET", path, {"Origin": TRUSTED})
        assert "immutable" in (library.one("Cache-Control") or "")
        assert (library.one("Content-Type") or "").startswith("text/javascript")
        missing, _ = await ada.raw("GET", path.replace("bookgate.js", "secret.js"), {})
        assert missing.status == 404


@pytest.mark.parametrize(
    ("origin", "status", "book"),
    [
        (TRUSTED, "trusted", "books.example.edu"),
        (CONSENT, "consent", "ada.example.org"),
        ("https://scraper.example.net", "denied", None),
        ("https://nobody.example", "consent", "nobody.example"),
    ],
)
async def test_a_page_can_ask_what_it_is_here(
    house: House, origin: str, status: str, book: str | None
) -> None:
    async with house.reader() as ada:
        got, _ = await ada.raw("GET", "/.well-known/bookgate", {"Origin": origin})
        assert got.json["your_origin"] == origin
        assert (got.json["status"], got.json["book"]) == (status, book)
        denied = status == "denied"
        assert got.json["contact"] == ("blocked-books@example.edu" if denied else "help@example.edu")
