"""How often one may sign in and ask for tokens: a school may, one who hammers may not."""

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from redis.asyncio import Redis

from gateway import code_exchange, limits
from gateway.errors import InvalidGrantError
from gateway.origins import Rate
from gateway.pages import flow, transactions
from gateway.protocol import session, token
from gateway.records import Form
from tests.sessions_parts import Parts
from tests.system.house import CONSENT, MIRROR, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Headers, Reader, refused
from tests.system.test_faults import SECOND

LOOPBACK = "[127.0.0.1/32]"
ONE, TWO = Rate(1, 60), Rate(2, 60)


class FromAddress(Reader):
    """A browser behind an edge that says its address."""

    address = "192.0.2.1"

    async def raw(
        self, method: str, url: str, headers: Headers, data: str | bytes | None = None
    ) -> tuple[Got, list[str]]:
        return await super().raw(method, url, {**headers, "X-Forwarded-For": self.address}, data)


def browser(house: House, address: str, subject: str) -> FromAddress:
    reader = FromAddress(house.url, lambda url: house.at_provider(url, subject))
    reader.address = address
    return reader


def too_many(got: Got) -> None:
    refused(got, 429, "too_many_requests")
    assert got.one("Retry-After") == "60"


def too_many_page(got: Got) -> None:
    assert (got.status, got.one("Retry-After")) == (429, "60"), got.text
    assert "text/html" in (got.one("Content-Type") or "")


async def test_a_school_of_600_is_not_refused_by_the_counters(parts: Parts) -> None:
    """What 600 sign-ins count, by the limits that a site has unless it says otherwise."""
    allowed, school = limits.SignInLimits(), "192.0.2.1"
    pages = Rate(allowed.per_address.amount * limits.TRANSACTIONS, allowed.per_address.window)

    async def sign_in(person: str) -> None:
        for _ in range(limits.TRANSACTIONS):
            await parts.grants.limit("pages", school, pages)
        await parts.grants.limit("sign-ins", school, allowed.per_address)
        await parts.grants.limit("person", person, allowed.per_person)
        await parts.grants.limit("codes", f"{person} {TRUSTED}", limits.CODES)
        await parts.grants.limit("exchanges", person, limits.EXCHANGES)

    await asyncio.gather(*(sign_in(f"pupil-{number}") for number in range(600)))


async def test_counting_is_one_step(parts: Parts) -> None:
    answers = await asyncio.gather(*(parts.grants.count("x", "y", 7, 60) for _ in range(50)))
    assert sorted(answers) == [False] * 43 + [True] * 7


async def test_one_address_begins_so_many_sign_ins_and_others_go_on(tmp_path: Path, redis_url: str) -> None:
    limit = "{per_address: 2/min}"
    async with (
        open_house(tmp_path, redis_url, sign_in_limits=limit, trusted_proxies=LOOPBACK) as house,
        browser(house, "192.0.2.1", "ada") as ada,
        browser(house, "192.0.2.2", "ben") as ben,
    ):
        assert (await ada.ask(Flow(TRUSTED))).status == 303
        assert (await ada.ask(Flow(TRUSTED))).status == 303
        too_many_page(await ada.ask(Flow(TRUSTED)))
        assert (await ben.sign_in(Flow(TRUSTED))).status == 200


async def test_a_subscriber_of_ipv6_counts_as_one(tmp_path: Path, redis_url: str) -> None:
    limit = "{per_address: 2/min}"
    async with open_house(tmp_path, redis_url, sign_in_limits=limit, trusted_proxies=LOOPBACK) as house:
        addresses = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:2:3:4:5:6", "2001:db8:1:3::1"]
        statuses = []
        for address in addresses:
            async with browser(house, address, "ada") as ada:
                statuses.append((await ada.ask(Flow(TRUSTED))).status)
        assert statuses == [303, 303, 429, 303]


async def test_one_person_who_signs_in_again_and_again_is_stopped_and_others_go_on(
    tmp_path: Path, redis_url: str
) -> None:
    async with (
        open_house(tmp_path, redis_url, sign_in_limits="{per_person: 2/min}") as house,
        house.reader("ben") as ben,
    ):
        for _ in range(2):
            async with house.reader("ada") as ada:
                assert (await ada.sign_in(Flow(TRUSTED))).status == 200
        async with house.reader("ada") as ada:
            got = await ada.through_provider(await ada.ask(Flow(TRUSTED)))
            too_many_page(got)
            assert not [name for name in ada.first_party if "bookgate" in name], "no session was begun"
        assert (await ben.sign_in(Flow(TRUSTED))).status == 200


async def test_one_request_of_a_book_leads_to_so_many_logins(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "LOGINS", TWO)
    async with open_house(tmp_path, redis_url, more_providers=SECOND) as house, house.reader() as ada:
        page = await ada.ask(Flow(TRUSTED))
        assert [(await ada.choose(page, "campus")).status for _ in range(3)] == [303, 303, 429]
        again = await ada.ask(Flow(TRUSTED))
        assert (await ada.choose(again, "campus")).status == 303


async def test_one_transaction_is_tried_so_often_also_with_its_cookie(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "TRANSACTION_USES", TWO)
    async with house.reader("tess") as tess, house.reader("mallory") as mallory:
        page = await tess.through_provider(await tess.ask(Flow(CONSENT)))
        assert [(await mallory.answer(page, "allow")).status for _ in range(3)] == [400, 400, 429]
        too_many_page(await tess.answer(page, "allow"))


async def test_codes_are_counted_by_session_and_origin(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.reader("cora") as cora:
        await cora.sign_in_here()
        monkeypatch.setattr(flow, "CODES", TWO)
        for _ in range(2):
            assert (await cora.sign_in(Flow(TRUSTED))).status == 200
        page = await cora.ask(Flow(TRUSTED))
        too_many_page(await cora.answer(page, "go") if page.status == 200 else page)
        assert (await cora.sign_in(Flow(MIRROR))).status == 200


async def test_exchanges_are_counted_by_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token, "EXCHANGES", ONE)
    async with house.reader("ezra") as ezra, house.reader("faye") as faye:
        assert (await ezra.sign_in(Flow(TRUSTED))).status == 200
        again = Flow(MIRROR)
        code = await ezra.code(again)
        too_many(await ezra.post(again, "/auth/token", again.exchange(code, delivery="cookie")))
        assert (await faye.sign_in(Flow(TRUSTED))).status == 200


async def test_a_code_that_was_used_is_tried_so_often(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_exchange, "CODE_REUSES", ONE)
    async with house.reader("gina") as gina:
        flow_ = Flow(TRUSTED)
        form = flow_.exchange(await gina.code(flow_), delivery="cookie")
        answers = [await gina.post(flow_, "/auth/token", form) for _ in range(3)]
        assert [got.status for got in answers] == [200, 400, 429]
        too_many(answers[-1])


async def test_refreshes_and_tickets_are_counted_by_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token, "REFRESHES", TWO)
    monkeypatch.setattr(session, "TICKETS", ONE)
    async with house.reader("hugo") as hugo, house.reader("iris") as iris:
        ours, theirs = Flow(TRUSTED), Flow(TRUSTED)
        confirmed = await hugo.sign_in(ours, cookies=False)
        other = await iris.sign_in(theirs, cookies=False)

        async def refresh(reader: Reader, flow_: Flow, got: Got) -> Got:
            form = {"grant_type": "refresh_token", "client_id": TRUSTED}
            form["refresh_token"] = str(got.json["refresh_token"])
            return await reader.post(flow_, "/auth/token", form)

        statuses = [(await refresh(hugo, ours, confirmed)).status for _ in range(2)]
        assert statuses == [200, 200]
        too_many(await refresh(hugo, ours, confirmed))
        assert (await refresh(iris, theirs, other)).status == 200
        access = str(confirmed.json["access_token"])

        async def ticket() -> Got:
            assert ours.key is not None
            proof = ours.key.proof("POST", f"{house.url}/auth/ws-ticket", int(time.time()), access)
            authorization = {"Authorization": f"DPoP {access}", "DPoP": proof}
            return await hugo.post(ours, "/auth/ws-ticket", {"path": "/storage/echo"}, **authorization)

        assert (await ticket()).status == 200
        too_many(await ticket())


async def test_what_does_not_exist_leaves_nothing_in_redis(parts: Parts, prefix: str, redis_url: str) -> None:
    pages = transactions.Transactions(parts.grants, lambda: "s" * 43, Rate(10, 60))
    request = make_mocked_request("GET", "/")
    for number in range(20):
        with pytest.raises(InvalidGrantError):
            await pages.peek(Form, f"made-up-{number}", request)
    async with Redis.from_url(redis_url) as redis:
        assert [key async for key in redis.scan_iter(match=f"{prefix}*")] == []
