"""Two people on one connection, and a site whose rules change: what was found out for one request is believed
of no other for which it is not true, though all their bytes but the cookie are the same.
"""

from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import pytest

from gateway.cookies import book_name
from tests.data_path.talk import LIMIT, Client
from tests.system.house import DENIED, ORIGINS, TRUSTED, House, open_house, subject
from tests.system.reader import Flow, Reader
from tests.system.recording_backend import Received

ENTRY = f"      - {TRUSTED}\n"
UNLISTED = "unlisted: consent\nunlisted_policy: guest-book"
CHANGES = {
    "denied": (ORIGINS.replace(ENTRY, "").replace(f"[{DENIED}]", f"[{DENIED}, {TRUSTED}]"), 403),
    "not listed": (ORIGINS.replace(ENTRY, "").replace(UNLISTED, "unlisted: denied"), 403),
    "another service": (ORIGINS.replace("[storage, analytics, grades]", "[analytics, grades]"), 403),
    "only reads": (ORIGINS.replace("trust: trusted,", "trust: trusted, read_only: true,"), 403),
    "nobody": (ORIGINS.replace("trust: trusted,", "trust: trusted, credentials: false,"), 401),
    "another book": (ORIGINS.replace(ENTRY, f"      - {{origin: {TRUSTED}, book: another}}\n"), 200),
}


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), redis_url, data_path="fast") as running:
        yield running
        running.storage.assert_sound()


@dataclass
class Edge:
    """One connection for everybody."""

    house: House
    client: Client
    asked: int = 0

    @classmethod
    async def connect(cls, house: House) -> "Edge":
        return cls(house, await Client.connect(urlsplit(house.url).port or 0))

    async def ask(self, cookie: str) -> int:
        """The status."""
        said = f"Origin: {TRUSTED}\r\nCookie: {book_name(TRUSTED)}={cookie}\r\nSec-Fetch-Site: cross-site\r\n"
        host = urlsplit(self.house.url).netloc
        self.client.say(f"POST /storage/x HTTP/1.1\r\nHost: {host}\r\n{said}\r\n".encode())
        self.asked += 1
        methods = ["POST"] * self.asked
        assert await self.client.answered(methods, self.asked, LIMIT)
        return self.client.heard(methods).answers[-1].status


async def cookie_of(reader: Reader) -> str:
    """Of a book session that has just begun."""
    assert (await reader.sign_in(Flow(TRUSTED))).status == 200
    return reader.partitions["example.edu"][book_name(TRUSTED)]


def book(received: Received) -> object:
    """Which book a service was told that a request is from."""
    (line,) = received.values("X-Bookgate-Assertion")
    payload = line.split(".")[1]
    return msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["book"]


async def test_two_people_on_one_connection(house: House) -> None:
    house.storage.clear()
    async with house.reader("ada") as ada, house.reader("ben") as ben:
        first, second = await cookie_of(ada), await cookie_of(ben)
        edge = await Edge.connect(house)
        for cookie in (first, second, first, second, second, first):
            assert await edge.ask(cookie) == 200
        told = [subject(received) for received in house.storage.received]
        a, b = told[:2]
        assert a != b
        assert told == [a, b, a, b, b, a]
        assert (await ben.fetch(TRUSTED, "POST", "/auth/logout")).status == 200
        assert [await edge.ask(cookie) for cookie in (first, second, first)] == [200, 401, 200]
        assert [subject(received) for received in house.storage.received[6:]] == [a, a]
        edge.client.transport.abort()


@pytest.mark.parametrize("change", CHANGES)
async def test_rules_that_change_under_a_connection(house: House, change: str) -> None:
    """From the very next request on; and back."""
    text, status = CHANGES[change]
    assert text != ORIGINS
    house.storage.clear()
    async with house.reader() as ada:
        cookie = await cookie_of(ada)
        edge = await Edge.connect(house)
        assert [await edge.ask(cookie) for _ in range(3)] == [200] * 3
        try:
            house.set_origins(text)
            assert [await edge.ask(cookie) for _ in range(2)] == [status] * 2
        finally:
            house.set_origins(ORIGINS)
        assert await edge.ask(cookie) in {200, 401}  # 401: what was denied meanwhile has to be begun anew
        edge.client.transport.abort()
    named = [book(received) for received in house.storage.received]
    mine, other = named[0], "another" if status == 200 else None
    assert named[:3] == [mine] * 3
    assert named[3:5] == [other] * 2 if status == 200 else len(named) <= 4
    assert set(named[5:]) <= {mine}
