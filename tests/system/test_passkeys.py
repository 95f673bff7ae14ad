"""Passkeys through the front door: offered once, made, used, and refused; the device is a program here."""

import json
import re
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from html import unescape
from urllib.parse import urlsplit

import pytest

from gateway.cookies import SIGN_IN
from tests.authenticator import PRESENT, Authenticator
from tests.system.house import CONSENT, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader

NEW = "/auth/passkey/new"
USE = "/auth/passkey"


@pytest.fixture(scope="module")
async def keyed(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    """At a name, which passkeys need."""
    folder = tmp_path_factory.mktemp("keyed")
    async with open_house(folder, redis_url, host="localhost", guests="true, passkeys: true") as running:
        yield running


def device(house: House) -> Authenticator:
    return Authenticator(house.url, "localhost")


def options(page: Got) -> dict[str, object]:
    found = re.search(r"const asked = (\{.*\});", page.text)
    assert found is not None, page.text
    asked = json.loads(found[1])
    assert isinstance(asked, dict)
    return asked


async def made(reader: Reader, page: Got, phone: Authenticator) -> Got:
    said = phone.create(options(page))
    return await reader.navigate(NEW, form={"transaction": page.transaction, "response": said})


async def used(reader: Reader, page: Got, phone: Authenticator) -> Got:
    said = phone.get(options(page))
    return await reader.navigate(USE, form={"transaction": page.transaction, "response": said})


async def somebody_new(house: House, reader: Reader, phone: Authenticator) -> None:
    """Signed in on their own device, with a passkey from now on."""
    page = await reader.navigate("/auth/account", site="none")
    offer = await reader.through_provider(await reader.choose(page, "campus", own_device="1"))
    assert "Next time with one touch?" in offer.text
    got = await made(reader, offer, phone)
    assert (got.status, got.one("Location")) == (303, "/auth/account"), got.text


async def test_offered_made_and_used(keyed: House) -> None:
    phone = device(keyed)
    async with keyed.reader("ada") as ada:
        await somebody_new(keyed, ada, phone)
        assert "not used yet" in (await ada.navigate("/auth/account", site="none")).text
    async with keyed.reader("nobody") as returning:
        page = await returning.navigate(USE, site="same-origin")
        got = await used(returning, page, phone)
        assert (got.status, got.one("Location")) == (303, "/auth/account"), got.text
        account = await returning.navigate("/auth/account", site="none")
        assert "Ada" in account.text
        assert "not used yet" not in account.text
        # a key of this very device: signed in for longer than the browser is open
        (cookie,) = [line for line in got.every("Set-Cookie") if "bookgate=" in line]
        assert "Max-Age" in cookie


async def test_it_is_offered_once(keyed: House) -> None:
    async with keyed.reader("once") as reader:
        for asked in (True, False):
            page = await reader.navigate("/auth/account", site="none")
            got = await reader.through_provider(await reader.choose(page, "campus", own_device="1"))
            assert ("Next time with one touch?" in got.text) is asked
            if asked:
                left = await reader.navigate(NEW, form={"transaction": got.transaction, "act": "later"})
                assert left.one("Location") == "/auth/account"
            reader.first_party.clear()


async def test_it_is_not_offered_to_whom_a_provider_still_knew(keyed: House) -> None:
    keyed.liar.claims = {"auth_time": int(time.time()) - 3600}
    async with keyed.reader("old") as old:
        page = await old.navigate("/auth/account", site="none")
        got = await old.through_provider(await old.choose(page, "campus", own_device="1"))
        assert "Next time with one touch?" not in got.text
    keyed.liar.claims = {}


async def offered_unproved(keyed: House, reader: Reader, page: Got) -> Got:
    """By a provider that says nothing of when: whoever sat here before may be known there still."""
    keyed.liar.claims = {"auth_time": None}
    try:
        return await reader.through_provider(await reader.choose(page, "campus", own_device="1"))
    finally:
        keyed.liar.claims = {}


async def proved(keyed: House, reader: Reader, page: Got) -> Got:
    """From the offer to the provider once more, which asks now, and back."""
    onward = await reader.navigate(NEW, form={"transaction": page.transaction, "act": "prove"})
    found = re.search(r'<a href="([^"]+)"', onward.text)
    assert found is not None, onward.text
    assert "max_age=0" in found[1]
    keyed.liar.claims = {"auth_time": int(time.time())}
    try:
        away = replace(onward, status=303, lines=[("Location", unescape(found[1]))])
        return await reader.through_provider(away)
    finally:
        keyed.liar.claims = {}


async def test_who_proved_nothing_proves_it_first_and_comes_to_the_book(keyed: House) -> None:
    async with keyed.reader("prover") as reader:
        flow = Flow(TRUSTED)
        page = await offered_unproved(keyed, reader, await reader.ask(flow))
        assert "Next time with one touch?" in page.text
        assert "const asked" not in page.text, "nothing that a device could answer"
        got = await made(reader, await proved(keyed, reader, page), device(keyed))
        assert got.message["state"] == flow.state
        assert got.message["code"]


async def test_who_proved_nothing_proves_it_first_without_a_book_too(keyed: House) -> None:
    async with keyed.reader("alone") as reader:
        page = await offered_unproved(keyed, reader, await reader.navigate("/auth/account", site="none"))
        back = await proved(keyed, reader, page)
        assert back.one("Location") == NEW
        got = await made(reader, await reader.navigate(NEW, site="same-origin"), device(keyed))
        assert got.one("Location") == "/auth/account"


async def test_who_proved_nothing_may_go_on_without(keyed: House) -> None:
    async with keyed.reader("later") as reader:
        flow = Flow(TRUSTED)
        page = await offered_unproved(keyed, reader, await reader.ask(flow))
        got = await reader.navigate(NEW, form={"transaction": page.transaction, "act": "later"})
        assert got.message["code"]


async def test_it_is_not_offered_on_a_shared_device(keyed: House) -> None:
    async with keyed.reader("shared") as reader:
        page = await reader.navigate("/auth/account", site="none")
        got = await reader.through_provider(await reader.choose(page, "campus"))
        assert got.one("Location") == "/auth/account"


async def test_the_offer_leads_on_to_the_book(keyed: House) -> None:
    async with keyed.reader("bea") as bea:
        flow = Flow(TRUSTED)
        page = await bea.ask(flow)
        offer = await bea.through_provider(await bea.choose(page, "campus", own_device="1"))
        got = await made(bea, offer, device(keyed))
        assert got.message["state"] == flow.state
        assert got.message["code"]


async def test_who_has_one_here_is_asked_for_it_at_once_and_delivers_by_one_touch(keyed: House) -> None:
    phone = device(keyed)
    async with keyed.reader("cleo") as cleo:
        await somebody_new(keyed, cleo, phone)
        del cleo.first_party["__Host-Http-bookgate"]
        flow = Flow(TRUSTED)
        got = await cleo.ask(flow)
        assert got.status == 303
        assert urlsplit(got.one("Location") or "").path == USE
        page = await cleo.navigate(got.one("Location") or "", site="same-origin")
        delivered = await used(cleo, page, phone)
        assert delivered.message["state"] == flow.state
        confirmed = await cleo.post(
            flow, "/auth/token", flow.exchange(delivered.message["code"], delivery="cookie")
        )
        assert confirmed.status == 200


async def test_another_way_from_there_shows_the_others(keyed: House) -> None:
    phone = device(keyed)
    async with keyed.reader("dan") as dan:
        await somebody_new(keyed, dan, phone)
        await used(dan, await dan.navigate(USE, site="same-origin"), phone)
        del dan.first_party["__Host-Http-bookgate"]
        got = await dan.ask(Flow(TRUSTED))
        page = await dan.navigate(got.one("Location") or "", site="same-origin")
        other = re.search(r'href="(/auth/login\?[^"]+)"', page.text)
        assert other is not None
        shown = await dan.navigate(other[1].replace("&amp;", "&"), site="same-origin")
        assert "provider=campus" in shown.text


async def test_a_book_that_is_asked_to_be_trusted_still_asks(keyed: House) -> None:
    phone = device(keyed)
    async with keyed.reader("eli") as eli:
        await somebody_new(keyed, eli, phone)
        eli.first_party.clear()
        flow = Flow(CONSENT)
        page = await eli.ask(flow)
        link = re.search(r'href="(/auth/passkey\?[^"]+)"', page.text)
        assert link is not None
        asked = await used(eli, await eli.navigate(link[1].replace("&amp;", "&"), site="same-origin"), phone)
        assert 'value="allow"' in asked.text


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"origin": "https://evil.example.net"}, id="another site"),
        pytest.param({"flags": PRESENT}, id="not unlocked"),
        pytest.param({"handle": "c29tZWJvZHk"}, id="somebody else's handle"),
        pytest.param({"credential": b"unknown credential"}, id="unknown"),
        pytest.param({"challenge": "eA"}, id="another challenge"),
    ],
)
async def test_a_lie_signs_nobody_in(keyed: House, lie: dict[str, object]) -> None:
    phone = device(keyed)
    async with keyed.reader("fay") as fay:
        page = await fay.navigate("/auth/account", site="none")
        await fay.through_provider(await fay.choose(page, "campus"))
        making = await fay.navigate(NEW, site="same-origin")
        assert (await made(fay, making, phone)).status == 303
    async with keyed.reader("nobody") as mallory:
        page = await mallory.navigate(USE, site="same-origin")
        got = await used(mallory, page, replace(phone, **lie))  # type: ignore[arg-type]  # by name
        assert (got.status, "Nobody was signed in" in got.text) == (400, True)
        assert "__Host-Http-bookgate" not in mallory.first_party
        again = await used(mallory, got, phone)  # the page asks anew
        assert again.status == 303


async def test_what_a_device_said_counts_once_and_in_its_own_browser(keyed: House) -> None:
    phone = device(keyed)
    async with keyed.reader("gil") as gil, keyed.reader("nobody") as mallory:
        await somebody_new(keyed, gil, phone)
        page = await gil.navigate(USE, site="same-origin")
        form = {"transaction": page.transaction, "response": phone.get(options(page))}
        assert (await mallory.navigate(USE, form=form)).status == 400
        cookies = dict(gil.first_party)
        assert (await gil.navigate(USE, form=form)).status == 303
        gil.first_party |= cookies
        assert (await gil.navigate(USE, form=form)).status == 400
        elsewhere = {"Origin": "https://evil.example.net"}
        assert (await gil.navigate(USE, form=form, headers=elsewhere)).status == 403


async def test_a_counter_that_goes_back_is_refused(keyed: House) -> None:
    phone = replace(device(keyed), counter=5)
    async with keyed.reader("hal") as hal:
        await somebody_new(keyed, hal, phone)
        phone.counter = 9
        assert (await used(hal, await hal.navigate(USE, site="same-origin"), phone)).status == 303
        phone.counter = 7
        assert (await used(hal, await hal.navigate(USE, site="same-origin"), phone)).status == 400


async def test_one_that_was_removed_signs_nobody_in(keyed: House) -> None:
    phone = device(keyed)
    async with keyed.reader("ida") as ida:
        await somebody_new(keyed, ida, phone)
        page = await ida.navigate("/auth/account", site="none")
        (act,) = re.findall(r'value="(passkey-remove:[^"]+)"', page.text)
        form = {"transaction": page.transaction, "act": act}
        assert "signs nobody in any more" in (await ida.navigate("/auth/account", form=form)).text
        assert (await used(ida, await ida.navigate(USE, site="same-origin"), phone)).status == 400


async def test_nobody_makes_one_in_anothers_session(keyed: House) -> None:
    async with keyed.reader("jo") as jo:
        page = await jo.navigate("/auth/account", site="none")
        offer = await jo.through_provider(await jo.choose(page, "campus", own_device="1"))
        jo.first_party.pop("__Host-Http-bookgate")
        await jo.sign_in_here()
        assert (await made(jo, offer, device(keyed))).status == 400
        jo.first_party.pop("__Host-Http-bookgate")
        page = await jo.navigate(NEW, site="same-origin")
        assert page.one("Location") == "/auth/account"


async def test_who_proves_it_once_more_is_who_is_signed_in(keyed: House) -> None:
    """Another person's key neither does what was asked nor takes the browser over."""
    mine, theirs = device(keyed), device(keyed)
    async with keyed.reader("mia") as mia, keyed.reader("noa") as noa:
        await somebody_new(keyed, mia, mine)
        await somebody_new(keyed, noa, theirs)
        before = dict(mia.first_party)
        asked = f"{USE}?back=/auth/account/data&again=1"
        got = await used(mia, await mia.navigate(asked, site="same-origin"), theirs)
        assert (got.status, "That was somebody else" in got.text) == (403, True)
        assert mia.first_party[SIGN_IN] == before[SIGN_IN], "whoever is signed in stays it"
        got = await used(mia, await mia.navigate(asked, site="same-origin"), mine)
        assert (got.status, got.one("Location")) == (303, "/auth/account/data")


async def test_a_site_without_passkeys_has_none(house: House) -> None:
    async with house.reader("ada") as ada:
        assert (await ada.navigate(USE, site="same-origin")).status == 404
        await ada.sign_in_here(own_device="1")
        assert "asskey" not in (await ada.navigate("/auth/account", site="none")).text
