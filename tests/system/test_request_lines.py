"""The one line a request, by both data paths: what it says, and what it never says."""

import re

import aiohttp

from gateway.directory.ids import pairwise, person_id, pseudonym
from tests.lying_provider import SECRET
from tests.system.house import TRUSTED, House
from tests.system.reader import Flow, Got, Reader

ITEM = "/storage/v1/items/lines?secret=of-the-query"


async def line(house: House, got: Got) -> dict[str, object]:
    request_id = got.one("X-Request-Id")
    return (await house.requests(request_id))[request_id]


def milliseconds(found: dict[str, object], name: str) -> float:
    value = found[name]
    assert isinstance(value, float)
    return value


async def test_a_line_says_what_became_of_a_request(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("ada") as other, house.reader("bob") as bob:
        for reader in (ada, other, bob):
            await reader.sign_in(Flow(TRUSTED))
        found = await line(house, await ada.fetch(TRUSTED, "PUT", ITEM, b"x" * 1500))
        asked = {name: found[name] for name in ("method", "route", "origin", "status", "reason", "url")}
        assert asked == {
            "method": "PUT", "route": "storage", "origin": TRUSTED, "status": 200, "reason": None, "url": 0,
        }  # fmt: skip
        assert (found["bytes_in"], found["bytes_out"]) == (1500, 2)
        times = [milliseconds(found, name) for name in ("backend_ms", "first_byte_ms", "ms")]
        assert 0 <= times[0] <= times[1] <= times[2]
        (trace,) = house.storage.received[-1].values("traceparent")
        assert found["trace"] == trace.split("-")[1]
        assert re.fullmatch(r"[A-Za-z0-9_-]{16}", str(found["person"]))
        told = [(await line(house, await one.fetch(TRUSTED, "GET", ITEM)))["person"] for one in (other, bob)]
        assert told[0] == found["person"] != told[1]


async def test_a_refusal_s_line_says_why(house: House) -> None:
    async with house.reader("ada") as ada:
        found = await line(house, await ada.fetch(TRUSTED, "GET", "/analytics/v1/events"))
        assert (found["status"], found["reason"]) == (401, "login_required")
        assert (found["person"], found["backend_ms"], found["url"]) == (None, None, None)


async def held(ada: Reader, phone: Reader) -> list[str]:
    """What only the two browsers and the gateway may know."""
    by_token = await phone.sign_in(Flow(TRUSTED), cookies=False)
    tokens = [str(by_token.json[name]) for name in ("access_token", "refresh_token")]
    jars = [ada.first_party, *ada.partitions.values(), phone.first_party]
    return tokens + [part for jar in jars for value in jar.values() for part in value.split(".")]


async def test_no_line_holds_a_secret_or_says_who_somebody_is(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("ada") as phone:
        await ada.sign_in(Flow(TRUSTED))
        secrets = [value for value in await held(ada, phone) if len(value) > 15]
        assert len(secrets) >= 5
        for path in ("/storage/v1/items/a", "/analytics/v1/events", "/storage/%2e%2e/x", "/auth/session"):
            await ada.fetch(TRUSTED, "GET", path)
        await ada.fetch(TRUSTED, "GET", ITEM, Authorization=f"DPoP {secrets[0]}", DPoP="x")
        last = await ada.fetch(TRUSTED, "GET", ITEM)
        await line(house, last)
        keys, own = house.settings.keys, house.liar.issuer
        who = person_id(keys.people, own, "ada")
        secrets += [who, pairwise(keys.people, who, TRUSTED), SECRET, keys.root.decode(), "of-the-query"]
        secrets += [pseudonym(keys.research, who, book) for book in ("books", "books.example.edu")]
        secrets += [value for got in house.storage.received for value in got.values("X-Bookgate-Assertion")]
        requests = (text for text in house.log.getvalue().splitlines() if '"event":"request"' in text)
        lines = "\n".join(requests)
        async with aiohttp.ClientSession() as client, client.get(f"{house.private}/metrics") as answer:
            assert answer.status == 200
            lines += await answer.text()
        assert "bookgate_requests_total{" in lines
        assert [secret for secret in secrets if secret in lines] == []
        assert '"ada"' not in lines
