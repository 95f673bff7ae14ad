"""What is good once stays used and what is bound stays bound, though all else would let it pass."""

import time

import pytest

from gateway.cookies import book_name
from tests.system.house import CONSENT, DENIED, MIRROR, ORIGINS, TRUSTED, House
from tests.system.reader import Flow, Got, Reader, refused

ITEM = "/storage/v1/items/a"
ONE = f"      - {TRUSTED}\n"
PARTNER = f"  partner: {{policy: book, sign_in: [guest], origins: [{TRUSTED}]}}\n"
ANONYMOUS = f"  partner: {{policy: book, credentials: false, origins: [{TRUSTED}]}}\n"
MOVED = ORIGINS.replace(ONE, "")


async def again(reader: Reader, page: Got, path: str, **fields: str) -> list[Got]:
    """The same form twice, by a browser that kept the transaction's cookie."""
    kept = dict(reader.first_party)
    found = []
    for _ in range(2):
        reader.first_party |= {name: value for name, value in kept.items() if "login" in name}
        found.append(await reader.navigate(path, form={"transaction": page.transaction, **fields}))
    return found


async def test_our_forms_are_good_once_whatever_the_browser_keeps(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        first, second = await again(ada, await ada.ask(Flow(TRUSTED)), "/auth/consent", decision="go")
        assert ("code" in first.message, second.status) == (True, 400)
        page = await ada.navigate("/auth/account", site="none")
        first, second = await again(ada, page, "/auth/account", act="device", own_device="1")
        assert (first.status, second.status) == (200, 400)


async def test_a_provider_s_answer_is_good_once_whatever_the_browser_keeps(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.ask(Flow(TRUSTED))
        params = ada.at_provider(got.one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        kept = dict(ada.first_party)
        first = await ada.navigate(f"/auth/callback/campus?{query}")
        ada.first_party |= kept
        assert (await ada.navigate(f"/auth/callback/campus?{query}")).status == 400
        kept = dict(ada.first_party)
        assert (await ada.navigate(first.one("Location") or "")).status == 200
        ada.first_party |= kept
        assert (await ada.navigate(first.one("Location") or "")).status == 400


async def test_a_form_is_of_the_session_that_saw_it(house: House) -> None:
    """The same browser, somebody else by now: the page that the first one left open does nothing."""
    async with house.reader("ada") as ada:
        await ada.sign_in_here()
        page = await ada.navigate("/auth/account", site="none")
        await ada.through_provider(await ada.navigate("/auth/login?provider=campus", site="none"))
        got = await ada.navigate("/auth/account", form={"transaction": page.transaction, "act": "everywhere"})
        assert got.status == 403
        assert "Your account" in (await ada.navigate("/auth/account", site="none")).text


async def test_an_answer_after_the_origin_was_denied(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.through_provider(await ada.ask(Flow(TRUSTED)))
        try:
            house.set_origins(MOVED.replace(f"[{DENIED}]", f"[{DENIED}, {TRUSTED}]"))
            got = await ada.answer(page, "go")
            assert got.status == 403
            assert 'id="answer"' not in got.text
        finally:
            house.set_origins(ORIGINS)


async def test_somebody_else_is_asked_for_and_only_by_ways_that_the_book_still_takes(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.through_provider(await ada.ask(Flow(TRUSTED)))
        other = f"/auth/login?transaction={page.transaction}"
        got = await ada.navigate(f"{other}&not_you=1", site="same-origin")
        assert "prompt=select_account" in (got.one("Location") or "")
        try:
            house.set_origins(MOVED + PARTNER)
            assert (await ada.navigate(f"{other}&provider=campus", site="same-origin")).status == 404
            house.set_origins(MOVED.replace(f"[{DENIED}]", f"[{DENIED}, {TRUSTED}]"))
            got = await ada.navigate(f"{other}&provider=campus", site="same-origin")
            assert (got.status, got.one("Location")) == (400, None)
        finally:
            house.set_origins(ORIGINS)


async def test_an_origin_without_credentials_signs_nobody_in(house: House) -> None:
    async with house.reader() as ada:
        try:
            house.set_origins(MOVED + ANONYMOUS)
            got = await ada.ask(Flow(TRUSTED))
            assert (got.status, got.one("Location")) == (403, None)
        finally:
            house.set_origins(ORIGINS)


async def test_a_code_is_of_its_key_in_cookie_mode_too(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        flow.key = None
        got = await ada.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        refused(got, 400, "invalid_grant")


@pytest.mark.parametrize("policy", [MOVED, MOVED + PARTNER])
@pytest.mark.parametrize("delivery", [{}, {"delivery": "cookie"}])
async def test_a_code_is_worth_what_policy_says_when_it_comes(
    house: House, policy: str, delivery: dict[str, str]
) -> None:
    """From trusted to consent, or to another way in: at once, or at the latest when it is confirmed."""
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        code = await ada.code(flow)
        try:
            house.set_origins(policy)
            got = await ada.post(flow, "/auth/token", flow.exchange(code, **delivery))
            if policy != MOVED and delivery:
                got = await ada.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
            refused(got, 400, "invalid_grant")
        finally:
            house.set_origins(ORIGINS)


async def test_a_proof_is_good_once(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        tokens = (await ada.sign_in(flow, cookies=False)).json
        fields = {"grant_type": "refresh_token", "refresh_token": str(tokens["refresh_token"])}
        assert flow.key is not None
        proof = flow.key.proof("POST", f"{house.url}/auth/token", int(time.time()))
        got = await ada.post(flow, "/auth/token", {**fields, "client_id": TRUSTED}, DPoP=proof)
        assert got.status == 200
        got = await ada.post(flow, "/auth/token", {**fields, "client_id": TRUSTED}, DPoP=proof)
        refused(got, 400, "invalid_dpop_proof")


async def test_a_session_in_cookie_mode_gets_no_ticket(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        await ada.sign_in(flow)
        flow.key = None
        refused(await ada.post(flow, "/auth/ws-ticket", {"path": ITEM}), 401, "login_required")


async def test_a_sign_out_says_what_it_ends_and_takes_the_cookie_away(house: House) -> None:
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        await ada.sign_in(flow)
        refused(await ada.post(flow, "/auth/logout", {"scope": "everything"}), 400, "invalid_request")
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200
        await ada.post(flow, "/auth/logout", {"scope": "book"})
        assert book_name(TRUSTED) not in ada.partitions["example.edu"]


async def test_an_old_cookie_is_not_the_one_that_was_to_come_back(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in(Flow(MIRROR))
        name, old = book_name(MIRROR), dict(ada.partitions["example.edu"])
        flow = Flow(MIRROR)
        page = await ada.ask(flow, prompt="consent")
        code = (await ada.answer(page, "allow")).message["code"]
        got = await ada.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        assert ada.partitions["example.edu"][name] != old[name]
        ada.partitions["example.edu"] = old
        got = await ada.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
        assert got.json["mode"] == "dpop"


async def test_two_seconds_that_pass_are_no_click(house: House) -> None:
    """Script in a book opens the flow and waits: what the page does by itself gets no token."""
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        for clicked, status in (("", 400), ("1", 200)):
            flow = Flow(TRUSTED)
            code = (await ada.answer(await ada.ask(flow), "go", clicked=clicked)).message["code"]
            got = await ada.post(flow, "/auth/token", flow.exchange(code))
            assert got.status == status, got.text


async def test_a_shared_device_keeps_no_cookie_of_a_book(house: House) -> None:
    async with house.reader() as ada:
        for own_device in ("0", "1"):
            flow = Flow(TRUSTED)
            code = await ada.code(flow, own_device=own_device)
            got = await ada.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
            assert ("Max-Age=" in (got.one("Set-Cookie") or "")) is (own_device == "1")


async def test_our_own_origin_is_no_book(house: House) -> None:
    async with house.reader() as ada:
        for path in ("/auth/token", "/auth/confirm", "/auth/logout", "/auth/ws-ticket"):
            got = await ada.post(
                Flow(house.url), path, {"client_id": house.url, "grant_type": "refresh_token"}
            )
            refused(got, 403, "origin_refused")


async def test_a_code_in_a_fragment_is_neither_kept_nor_referred(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in_here(own_device="1")
        got = await ada.ask(Flow(TRUSTED, mode="fragment"))
        assert got.status == 303
        assert "code" in got.message
        assert (got.one("Cache-Control"), got.one("Referrer-Policy")) == ("no-store", "no-referrer")


async def test_no_line_of_the_log_has_a_secret(house: House) -> None:
    async with house.reader("quinn") as quinn:
        secrets = set[str]()
        for origin, cookies in ((TRUSTED, True), (CONSENT, False)):
            flow = Flow(origin)
            code = await quinn.code(flow)
            got = await quinn.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
            ticket = str(got.json["ticket"])
            secrets |= {code, ticket, flow.state, flow.verifier, *quinn.first_party.values()}
            secrets |= {value for jar in quinn.partitions.values() for value in jar.values()}
            if not cookies:
                quinn.partitions.clear()
            got = await quinn.post(flow, "/auth/confirm", {"ticket": ticket})
            secrets |= {str(got.json[name]) for name in ("access_token", "refresh_token") if name in got.json}
            await quinn.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
            await quinn.fetch(origin, "GET", ITEM)
        log = house.log.getvalue()
        assert not [secret for secret in secrets if secret in log]
        assert "quinn" not in log
