"""What a hostile book, frame, neighbour or network tries; nothing of it reaches a backend."""

import time

import pytest

from gateway.cookies import SIGN_IN, book_name
from tests.proofs import ProofKey
from tests.system.house import MIRROR, TRUSTED, House
from tests.system.reader import Flow, Got, no_cors, refused

ITEM = "/storage/v1/items/a"
FORM = "application/x-www-form-urlencoded"


# --- codes and tickets


async def test_a_code_used_twice_ends_the_session_it_made(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        got = await ada.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        await ada.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200
        again = await ada.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        refused(again, 400, "invalid_grant")
        house.storage.clear()
        refused(await ada.fetch(TRUSTED, "GET", ITEM), 401, "login_required")
        assert not house.storage.received


async def test_a_code_used_twice_ends_a_token_session_too(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        tokens = await ada.post(flow, "/auth/token", flow.exchange(code))
        refused(await ada.post(flow, "/auth/token", flow.exchange(code)), 400, "invalid_grant")
        fields = {"grant_type": "refresh_token", "client_id": TRUSTED}
        fields["refresh_token"] = str(tokens.json["refresh_token"])
        refused(await ada.post(flow, "/auth/token", fields), 400, "invalid_grant")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"code_verifier": "x" * 43}, id="another verifier"),
        pytest.param({"code_verifier": ""}, id="no verifier"),
        pytest.param({"redirect_uri": f"{TRUSTED}/other/bookgate-return.html"}, id="another return page"),
        pytest.param({"code": "made-up"}, id="no code of ours"),
    ],
)
async def test_codes_that_do_not_fit(house: House, change: dict[str, str]) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        fields = {**flow.exchange(await ada.code(flow), delivery="cookie"), **change}
        got = await ada.post(flow, "/auth/token", fields)
        refused(got, 400, "invalid_grant")
        assert not got.every("Set-Cookie")


async def test_a_code_of_another_key(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        flow.key = ProofKey()
        refused(await ada.post(flow, "/auth/token", flow.exchange(code)), 400, "invalid_grant")
        flow.key = None
        fields = flow.exchange(code, delivery="cookie")
        refused(await ada.post(flow, "/auth/token", fields), 400, "invalid_grant")


async def test_a_code_of_another_origin(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        theirs = Flow(MIRROR, verifier=flow.verifier, key=flow.key)
        fields = {**theirs.exchange(code, delivery="cookie"), "redirect_uri": flow.redirect_uri}
        refused(await ada.post(theirs, "/auth/token", fields), 400, "invalid_grant")


async def test_client_id_must_be_the_origin_that_asks(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        fields = flow.exchange(await ada.code(flow), delivery="cookie")
        refused(await ada.post(Flow(MIRROR), "/auth/token", fields), 403, "origin_refused")
        got, _ = await ada.raw("POST", "/auth/token", {"Content-Type": FORM}, "grant_type=authorization_code")
        refused(got, 403, "origin_refused")


async def test_neither_proof_nor_delivery(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED, key=None)
        fields = flow.exchange(await ada.code(flow))
        refused(await ada.post(flow, "/auth/token", fields), 400, "invalid_dpop_proof")


async def test_a_ticket_is_good_once_for_one_origin_and_key(house: House) -> None:
    async with house.reader() as ada:
        for wrong in ("origin", "key", "no key"):
            flow = Flow(TRUSTED)
            fields = flow.exchange(await ada.code(flow), delivery="cookie")
            ticket = {"ticket": str((await ada.post(flow, "/auth/token", fields)).json["ticket"])}
            thief = {
                "origin": Flow(MIRROR, key=flow.key),
                "key": Flow(TRUSTED),
                "no key": Flow(TRUSTED, key=None),
            }[wrong]
            refused(await ada.post(thief, "/auth/confirm", ticket), 400, "invalid_grant")
            refused(await ada.post(flow, "/auth/confirm", ticket), 400, "invalid_grant")


async def test_neither_cookie_nor_proof_at_confirm(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED, key=None)
        fields = flow.exchange(await ada.code(flow), delivery="cookie")
        ticket = {"ticket": str((await ada.post(flow, "/auth/token", fields)).json["ticket"])}
        kept = dict(ada.partitions["example.edu"])
        ada.partitions.clear()
        refused(await ada.post(flow, "/auth/confirm", ticket), 400, "cookie_required")
        ada.partitions["example.edu"] = kept
        refused(await ada.fetch(TRUSTED, "GET", ITEM), 401, "login_required")


async def test_a_session_that_was_not_confirmed_serves_nothing(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        await ada.post(flow, "/auth/token", flow.exchange(await ada.code(flow), delivery="cookie"))
        assert book_name(TRUSTED) in ada.partitions["example.edu"]
        refused(await ada.fetch(TRUSTED, "GET", ITEM), 401, "login_required")
        assert not house.storage.received


async def test_the_cookie_of_a_session_in_token_mode_is_never_accepted(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        fields = flow.exchange(await ada.code(flow), delivery="cookie")
        got = await ada.post(flow, "/auth/token", fields)
        kept = dict(ada.partitions["example.edu"])
        ada.partitions.clear()
        confirmed = await ada.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
        assert confirmed.json["mode"] == "dpop"
        ada.partitions["example.edu"] = kept
        refused(await ada.fetch(TRUSTED, "GET", ITEM), 401, "login_required")


async def test_script_in_a_book_cannot_turn_a_cookie_session_into_a_token(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        theirs = Flow(TRUSTED)
        code = (await ada.ask(theirs)).message["code"]
        refused(await ada.post(theirs, "/auth/token", theirs.exchange(code)), 400, "interaction_required")
        theirs = Flow(TRUSTED)
        code = (await ada.ask(theirs)).message["code"]
        got = await ada.post(theirs, "/auth/token", theirs.exchange(code, delivery="cookie"))
        ada.partitions.clear()
        got = await ada.post(theirs, "/auth/confirm", {"ticket": str(got.json["ticket"])})
        refused(got, 400, "interaction_required")
        clicked = Flow(TRUSTED)
        page = await ada.ask(clicked, prompt="consent")
        code = (await ada.answer(page, "allow")).message["code"]
        assert (await ada.post(clicked, "/auth/token", clicked.exchange(code))).status == 200


# --- cookies and origins


async def test_the_cookie_without_an_origin_is_nobodys(house: House) -> None:
    """What `<img>` and `<script>` send: the partition's cookie and no Origin."""
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        cookie = "; ".join(f"{name}={value}" for name, value in ada.partitions["example.edu"].items())
        got, _ = await ada.raw("GET", ITEM, {"Cookie": cookie, "Sec-Fetch-Mode": "no-cors"})
        refused(got, 401, "login_required")
        no_cors(got)
        assert not house.storage.received


async def test_a_neighbour_on_the_same_site_cannot_use_the_cookie(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        value = ada.partitions["example.edu"][book_name(TRUSTED)]
        refused(await ada.fetch(MIRROR, "GET", ITEM), 401, "login_required")
        ada.partitions["example.edu"][book_name(MIRROR)] = value
        refused(await ada.fetch(MIRROR, "GET", ITEM), 401, "login_required")
        assert not house.storage.received


async def test_two_cookies_of_our_name_are_refused(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        value = ada.partitions["example.edu"][book_name(TRUSTED)]
        name = book_name(TRUSTED)
        headers = {"Origin": TRUSTED, "Cookie": f"{name}=planted; {name}={value}"}
        got, _ = await ada.raw("GET", ITEM, headers)
        refused(got, 400, "invalid_request")
        assert not house.storage.received


async def test_a_fetch_never_reads_the_first_party_session(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        headers = {"Origin": TRUSTED, "Cookie": f"{SIGN_IN}={ada.first_party[SIGN_IN]}"}
        got, _ = await ada.raw("GET", "/auth/session", headers)
        assert got.json["user"] is None
        got, _ = await ada.raw("GET", f"/auth/authorize?{Flow(TRUSTED).query()}", headers)
        assert got.status == 403
        assert 'id="answer"' not in got.text


async def test_an_unknown_id_is_never_adopted(house: House) -> None:
    planted = f"{'A' * 43}.{'B' * 16}"
    async with house.reader() as ada:
        ada.first_party[SIGN_IN] = planted
        await ada.code(Flow(TRUSTED))
        assert ada.first_party[SIGN_IN] != planted


async def test_each_sign_in_has_a_new_id_and_the_old_one_is_dead(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        old = ada.first_party[SIGN_IN]
        page = await ada.ask(Flow(TRUSTED))
        again = await ada.navigate(
            f"/auth/login?transaction={page.transaction}&not_you=1", site="same-origin"
        )
        await ada.through_provider(again)
        assert ada.first_party[SIGN_IN] != old
        refused(await ada.fetch(TRUSTED, "GET", ITEM), 401, "login_required")
        ada.first_party[SIGN_IN] = old
        assert (await ada.ask(Flow(TRUSTED))).status == 303, "asked who, again"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Dest": "iframe"}, id="frame"),
        pytest.param({"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, id="fetch"),
        pytest.param({"Sec-Purpose": "prefetch;prerender"}, id="prerender"),
        pytest.param({"Origin": TRUSTED}, id="Origin"),
    ],
)
async def test_authorize_is_for_top_level_documents(house: House, headers: dict[str, str]) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        got = await ada.navigate(f"/auth/authorize?{Flow(TRUSTED).query()}", headers=headers)
        assert got.status == 403
        assert 'id="answer"' not in got.text


@pytest.mark.parametrize(
    "redirect_uri",
    [
        f"{TRUSTED}/login?next=https://evil.example",
        f"{TRUSTED}/bookgate-return.html?x=1",
        f"{TRUSTED}//evil.example/bookgate-return.html",
        f"{TRUSTED}@evil.example/bookgate-return.html",
        f"{TRUSTED}.evil.example/bookgate-return.html",
        f"{TRUSTED}/a/../bookgate-return.html",
        f"{TRUSTED}/%2e%2e/bookgate-return.html",
        f"{TRUSTED}\\bookgate-return.html",
        "https://evil.example/bookgate-return.html",
        f"{TRUSTED}/bookgate-return.html#x",
        "",
    ],
)
async def test_return_pages_that_would_leak_the_code(house: House, redirect_uri: str) -> None:
    async with house.reader() as ada:
        await ada.code(Flow(TRUSTED), own_device="1")
        got = await ada.ask(Flow(TRUSTED), redirect_uri=redirect_uri)
        assert got.status == 400
        assert got.one("Location") is None
        assert 'id="answer"' not in got.text


async def test_nothing_in_a_request_can_break_out_of_the_delivery_page(house: House) -> None:
    async with house.reader() as ada:
        await ada.code(Flow(TRUSTED), own_device="1")
        state = "</script><script>alert(1)</script><!--"
        got = await ada.ask(Flow(TRUSTED, state=state))
        assert got.message["state"] == state
        assert "alert(1)</script>" not in got.text
        policy = got.one("Content-Security-Policy") or ""
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy


# --- tokens


async def test_tokens_need_their_key_their_request_and_a_new_proof(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        confirmed = await ada.sign_in(flow, cookies=False)
        token = str(confirmed.json["access_token"])
        key = flow.key
        assert isinstance(key, ProofKey)
        now = int(time.time())
        url = house.url + ITEM
        good = key.proof("POST", url, now, token)

        async def send(proof: str | None, origin: str = TRUSTED) -> Got:
            headers = {"Authorization": f"DPoP {token}"} | ({} if proof is None else {"DPoP": proof})
            return await ada.fetch(origin, "POST", ITEM, **headers)

        assert (await send(good)).status == 200
        house.storage.clear()
        wrong = {
            "replayed": good,
            "none": None,
            "another key": ProofKey().proof("POST", url, now, token),
            "another method": key.proof("GET", url, now, token),
            "another address": key.proof("POST", url + "b", now, token),
            "another token": key.proof("POST", url, now, token + "x"),
            "no token": key.proof("POST", url, now),
        }
        for name, proof in wrong.items():
            got = await send(proof)
            assert (got.status, got.error) == (401, "login_required"), name
        refused(await send(key.proof("POST", url, now, token), MIRROR), 401, "login_required")
        got = await send(key.proof("POST", url, now - 900, token))
        refused(got, 401, "use_dpop_nonce")
        assert got.one("DPoP-Nonce")
        assert not house.storage.received


async def test_a_refresh_token_needs_its_key_and_its_origin(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        confirmed = await ada.sign_in(flow, cookies=False)
        fields = {"grant_type": "refresh_token", "refresh_token": str(confirmed.json["refresh_token"])}
        for theirs in (Flow(TRUSTED), Flow(MIRROR, key=flow.key)):
            got = await ada.post(theirs, "/auth/token", {**fields, "client_id": theirs.origin})
            refused(got, 400, "invalid_grant")
        flow.key = None
        got = await ada.post(flow, "/auth/token", {**fields, "client_id": TRUSTED})
        refused(got, 400, "invalid_dpop_proof")


async def test_a_malformed_form(house: House) -> None:
    async with house.reader() as ada:
        for body in ("grant_type=a&grant_type=b", "%ff=1&x", "=", "a" * 70_000):
            got = await ada.fetch(TRUSTED, "POST", "/auth/token", body, Content_Type=FORM)
            assert got.status in {400, 413}, body[:20]
            assert got.one("Access-Control-Allow-Origin") == TRUSTED
        got = await ada.fetch(TRUSTED, "POST", "/auth/token", "{}", Content_Type="application/json")
        refused(got, 400, "invalid_request")
        body = f"grant_type=password&client_id={TRUSTED}"
        got = await ada.fetch(TRUSTED, "POST", "/auth/token", body, Content_Type=FORM)
        refused(got, 400, "unsupported_grant_type")
