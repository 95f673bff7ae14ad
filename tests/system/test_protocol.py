"""The protocol for books, end to end on real parts, and what the backends received."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.proofs import ProofKey
from tests.system.house import CONSENT, LOOPBACK, MIRROR, ORIGINS, TRUSTED, House, subject
from tests.system.reader import Flow, Got, Reader

ITEM = "/storage/v1/items/a"
WAYS = f"""
  partner:
    policy: book
    sign_in: [guest]
    origins: [{MIRROR}]
"""


def readable(got: Got, origin: str) -> None:
    assert got.one("Access-Control-Allow-Origin") == origin
    assert got.one("Access-Control-Allow-Credentials") == "true"
    assert "Origin" in (got.one("Vary") or "")


async def user_of(reader: Reader, origin: str) -> dict[str, object] | None:
    got = await reader.fetch(origin, "GET", "/auth/session")
    assert got.status == 200, got.text
    readable(got, origin)
    found = got.json["user"]
    assert found is None or isinstance(found, dict)
    return found


async def with_token(reader: Reader, flow: Flow, token: str, method: str, path: str, **headers: str) -> Got:
    assert flow.key is not None
    proof = flow.key.proof(method, reader.gateway + path.partition("?")[0], int(time.time()), token)
    return await reader.fetch(flow.origin, method, path, Authorization=f"DPoP {token}", DPoP=proof, **headers)


async def test_cookie_mode_by_popup(house: House) -> None:
    async with house.reader("ada") as ada:
        confirmed = await ada.sign_in(Flow(TRUSTED))
        assert confirmed.status == 200, confirmed.text
        assert (confirmed.json["mode"], confirmed.json["keep"]) == ("cookie", False)
        assert "token" not in confirmed.text, "no token ever reaches JavaScript"
        readable(confirmed, TRUSTED)
        got = await ada.fetch(TRUSTED, "PUT", ITEM, b"{}", Content_Type="application/json")
        assert got.status == 200, got.text
        readable(got, TRUSTED)
        assert (house.storage.last.target, house.storage.last.body) == ("/v1/items/a", b"{}")
        person = subject(house.storage.last)
        house.storage.assert_identity(person)
        user = await user_of(ada, TRUSTED)
        assert user is not None
        assert (user["name"], user["guest"]) == ("Ada", False)
        assert user["sub"] != person, "a book never learns the person's own id"


async def test_token_mode_when_no_cookie_comes_back(house: House) -> None:
    async with house.reader("bob") as bob:
        flow = Flow(TRUSTED)
        confirmed = await bob.sign_in(flow, cookies=False)
        assert (confirmed.json["mode"], confirmed.json["keep"]) == ("dpop", False)
        got = await with_token(bob, flow, str(confirmed.json["access_token"]), "GET", ITEM + "?a=1")
        assert got.status == 200, got.text
        house.storage.assert_identity(subject(house.storage.last))
        assert not house.storage.last.values("Authorization")
        assert not house.storage.last.values("DPoP")
        fields = {"grant_type": "refresh_token", "client_id": TRUSTED}
        fields["refresh_token"] = str(confirmed.json["refresh_token"])
        refreshed = await bob.post(flow, "/auth/token", fields)
        assert refreshed.status == 200, refreshed.text
        assert refreshed.json["refresh_token"] == confirmed.json["refresh_token"], "not rotated"
        again = await with_token(bob, flow, str(refreshed.json["access_token"]), "POST", ITEM)
        assert again.status == 200, again.text


async def test_the_same_person_by_both_modes_and_on_every_device(house: House) -> None:
    seen = set()
    for cookies in (True, False):
        async with house.reader("carla") as carla:
            flow = Flow(TRUSTED)
            confirmed = await carla.sign_in(flow, cookies=cookies)
            if cookies:
                await carla.fetch(TRUSTED, "GET", ITEM)
            else:
                await with_token(carla, flow, str(confirmed.json["access_token"]), "GET", ITEM)
            seen.add(subject(house.storage.last))
    assert len(seen) == 1


async def test_a_full_page_redirect_delivers_in_the_fragment(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED, mode="fragment")
        await ada.code(Flow(TRUSTED), own_device="1")
        got = await ada.ask(flow)
        assert got.status == 303, got.text
        target = urlsplit(got.one("Location") or "")
        assert f"{target.scheme}://{target.netloc}{target.path}" == flow.redirect_uri
        assert not target.query, "a code in a query would stand in logs"
        message = {name: values[0] for name, values in parse_qs(target.fragment).items()}
        assert (message["state"], message["iss"]) == (flow.state, house.url)
        got = await ada.post(flow, "/auth/token", flow.exchange(message["code"], delivery="cookie"))
        assert got.status == 200, got.text


async def test_a_standard_client_with_dpop(house: House) -> None:
    """No `delivery`: the plain answer of RFC 6749 and RFC 9449, and no cookie."""
    async with house.reader() as ada:
        flow = Flow(TRUSTED, mode="fragment")
        code = await ada.code(flow)
        got = await ada.post(flow, "/auth/token", flow.exchange(code))
        assert got.status == 200, got.text
        assert got.json["token_type"] == "DPoP"
        assert not got.every("Set-Cookie")
        assert got.one("Cache-Control") == "no-store"
        got = await with_token(ada, flow, str(got.json["access_token"]), "GET", ITEM)
        assert got.status == 200, got.text


async def test_a_second_book_takes_one_click_and_knows_the_person_by_another_id(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        first = await user_of(ada, TRUSTED)
        got = await ada.ask(Flow(MIRROR))
        assert "code" in got.message, "on one's own device nothing is asked"
        await ada.sign_in(Flow(MIRROR))
        second = await user_of(ada, MIRROR)
        assert first is not None
        assert second is not None
        assert first["sub"] != second["sub"]
        for origin in (TRUSTED, MIRROR):
            await ada.fetch(origin, "GET", ITEM)
        assert subject(house.storage.received[-1]) == subject(house.storage.received[-2])


async def test_analytics_knows_a_pseudonym_alone(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        await ada.sign_in(Flow(MIRROR))
        for origin in (TRUSTED, MIRROR):
            await ada.fetch(origin, "GET", ITEM)
            await ada.fetch(origin, "POST", "/analytics/v1/events", b"[]")
        told = {subject(received) for received in house.analytics.received}
        assert len(told) == 2, "a pseudonym for each book"
        assert subject(house.storage.last) not in told


async def test_a_consent_book_asks_once_and_remembers(house: House) -> None:
    async with house.reader("dora") as dora:
        got = await dora.through_provider(await dora.ask(Flow(CONSENT)))
        assert CONSENT in got.text
        assert "Dora" in got.text
        got = await dora.answer(got, "allow", own_device="1")
        assert "code" in got.message
        assert "code" in (await dora.ask(Flow(CONSENT))).message
    async with house.reader("dora") as elsewhere:
        got = await elsewhere.through_provider(await elsewhere.ask(Flow(CONSENT)))
        assert 'value="go"' in got.text, "approved on another device: only who it is is said"


async def test_a_person_who_says_no(house: House) -> None:
    async with house.reader("emil") as emil:
        flow = Flow(CONSENT)
        got = await emil.through_provider(await emil.ask(flow))
        message = (await emil.answer(got, "deny")).message
        assert (message["error"], message["state"]) == ("access_denied", flow.state)
        assert "code" not in message


async def test_loopback_books_are_asked_every_time(house: House) -> None:
    async with house.reader("finn") as finn:
        await finn.sign_in(Flow(LOOPBACK), own_device="1")
        got = await finn.ask(Flow(LOOPBACK))
        assert 'value="allow"' in got.text


@pytest.mark.parametrize("origin", [TRUSTED, CONSENT])
async def test_prompt_none_shows_nothing(house: House, origin: str) -> None:
    async with house.reader(f"gus {origin}") as gus:
        silent = await gus.ask(Flow(origin), prompt="none")
        if origin == TRUSTED:
            assert silent.message["error"] == "login_required"
        else:
            assert silent.status == 403
            assert origin not in silent.text
        await gus.sign_in(Flow(origin))
        shared = await gus.ask(Flow(origin), prompt="none")
        assert shared.message["error"] == "interaction_required", "not on a shared device"
        await gus.answer(await gus.ask(Flow(origin)), "go", own_device="1")
        assert "code" in (await gus.ask(Flow(origin), prompt="none")).message


async def test_five_silent_codes_a_minute(house: House) -> None:
    async with house.reader("hana") as hana:
        await hana.sign_in(Flow(TRUSTED), own_device="1")
        for _ in range(5):
            assert "code" in (await hana.ask(Flow(TRUSTED), prompt="none")).message
        got = await hana.ask(Flow(TRUSTED), prompt="none")
        assert (got.status, got.one("Retry-After")) == (429, "60")


async def test_sign_out_of_a_trusted_book_ends_the_browser(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        await ada.sign_in(Flow(MIRROR))
        got = await ada.post(Flow(TRUSTED, key=None), "/auth/logout", {})
        assert (got.json["signed_out"], got.json["next"]) == ("browser", None)
        assert await user_of(ada, TRUSTED) is None
        assert await user_of(ada, MIRROR) is None
        house.storage.clear()
        assert (await ada.fetch(MIRROR, "GET", ITEM)).status == 401
        assert not house.storage.received
        got = await ada.ask(Flow(TRUSTED))
        query = parse_qs(urlsplit(got.one("Location") or "").query)
        assert query["prompt"] == ["select_account"], "after a sign-out no provider is entered unasked"


async def test_sign_out_of_one_book_leaves_the_others(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        await ada.sign_in(Flow(MIRROR))
        got = await ada.post(Flow(TRUSTED, key=None), "/auth/logout", {"scope": "book"})
        assert got.json["signed_out"] == "book"
        assert await user_of(ada, TRUSTED) is None
        assert await user_of(ada, MIRROR) is not None


async def test_a_consent_book_signs_out_itself_and_offers_our_page(house: House) -> None:
    async with house.reader("ivy") as ivy:
        await ivy.sign_in(Flow(CONSENT), own_device="1")
        await ivy.sign_in(Flow(TRUSTED))
        got = await ivy.post(Flow(CONSENT, key=None), "/auth/logout", {})
        assert got.json["signed_out"] == "book"
        assert got.json["sign_out_page"] == f"{house.url}/auth/logout"
        assert await user_of(ivy, TRUSTED) is not None


async def test_no_session_says_how_to_get_one(house: House) -> None:
    """401 and 403 are the same for whoever is signed in to the gateway and whoever is not."""
    async with house.reader() as known, house.reader() as unknown:
        await known.code(Flow(TRUSTED))
        for origin, status, code in ((TRUSTED, 401, "login_required"), (CONSENT, 403, "consent_required")):
            answers = [await reader.fetch(origin, "GET", ITEM) for reader in (known, unknown)]
            for got in answers:
                assert (got.status, got.error) == (status, code)
                readable(got, origin)
            first, second = ({**got.json, "request_id": ""} for got in answers)
            assert first == second
        assert not house.storage.received


async def test_an_account_switched_in_another_tab_saves_nothing_as_somebody_else(house: House) -> None:
    async with house.reader("jon") as jon:
        await jon.sign_in(Flow(TRUSTED))
        believed = await user_of(jon, TRUSTED)
        assert believed is not None
        jon.at_provider = lambda url: house.at_provider(url, "kim")
        got = await jon.ask(Flow(TRUSTED))
        got = await jon.navigate(f"/auth/login?transaction={got.transaction}&not_you=1", site="same-origin")
        await jon.answer(await jon.through_provider(got), "go")
        await jon.sign_in(Flow(TRUSTED))
        house.storage.clear()
        got = await jon.fetch(TRUSTED, "PUT", ITEM, b"{}", X_Bookgate_Person=str(believed["sub"]))
        assert (got.status, got.error) == (409, "person_changed")
        assert not house.storage.received
        user = await user_of(jon, TRUSTED)
        assert user is not None
        assert user["name"] == "Kim"


async def test_a_websocket_ticket_names_the_person(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        confirmed = await ada.sign_in(flow, cookies=False)
        token = str(confirmed.json["access_token"])
        assert flow.key is not None
        proof = flow.key.proof("POST", house.url + "/auth/ws-ticket", int(time.time()), token)
        got = await ada.fetch(
            TRUSTED,
            "POST",
            "/auth/ws-ticket",
            "path=/storage/live",
            Authorization=f"DPoP {token}",
            DPoP=proof,
            Content_Type="application/x-www-form-urlencoded",
        )
        assert got.status == 200, got.text
        assert got.json["expires_in"] == 30


async def test_a_wrong_clock_gets_a_nonce_and_goes_on(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        key = flow.key
        assert isinstance(key, ProofKey)
        wrong = int(time.time()) - 4000
        url = house.url + "/auth/token"
        fields = flow.exchange(code, delivery="cookie")
        got = await ada.post(flow, "/auth/token", fields, DPoP=key.proof("POST", url, wrong))
        assert (got.status, got.error) == (400, "use_dpop_nonce")
        nonce = got.one("DPoP-Nonce")
        assert nonce is not None
        proof = key.proof("POST", url, wrong, nonce=nonce)
        got = await ada.post(flow, "/auth/token", fields, DPoP=proof)
        assert got.status == 200, got.text


async def test_a_book_that_names_its_ways_in(house: House) -> None:
    """Signed in by another way: asked again by one that the book takes, and no session serves it."""
    entry = f"      - {{origin: {MIRROR}, book: mirror}}\n"
    async with house.reader() as ada:
        await ada.sign_in(Flow(MIRROR), own_device="1")
        try:
            house.set_origins(ORIGINS.replace(entry, "") + WAYS)
            got = await ada.fetch(MIRROR, "GET", ITEM)
            assert (got.status, got.error) == (401, "login_required")
            page = await ada.ask(Flow(MIRROR))
            assert "The book offers no way to sign in" in page.text
        finally:
            house.set_origins(ORIGINS)
