"""What was decided of a request is remembered for its like: asked again and again, beside others that differ
in one thing, it is decided as it was the first time, and as it is where nothing is remembered.
"""

from itertools import permutations

import pytest

from tests.data_path.both_ways import BothWays
from tests.data_path.cases import LAST, SOUND
from tests.data_path.talk import Talk
from tests.system.data_path import BOOK, CONSENT, READER, STRANGER, TWO_BOOKS, head

PEOPLE = {BOOK: "ada", TWO_BOOKS: "cleo", CONSENT: "dan", READER: "eve"}
ENDS = (b"Connection: close", b"Upgrade", b"HTTP/1.0")


def usual(target: str = "/storage/x", *lines: str, origin: str | None = BOOK, method: str = "GET") -> bytes:
    return head(target, *lines, method=method, origin=origin, person=PEOPLE.get(origin or "", "ada"))


@pytest.mark.parametrize("name", [name for name in SOUND if not any(end in SOUND[name] for end in ENDS)])
async def test_the_third_time_is_as_the_first(both: BothWays, name: str) -> None:
    seen = await both.same(Talk((SOUND[name],) * 3 + (LAST,)))
    finals = [(one.first, one.body) for one in seen.heard.answers if one.status >= 200]
    assert len(set(finals[:3])) == 1
    assert len(set(seen.received[:-1])) <= 1


TWINS = {
    "person": (usual(), head("/storage/x", person="ben"), head("/storage/x", person=None)),
    "believed": (usual(), usual("/storage/x", "X-Bookgate-Person: someone-else")),
    "origin": tuple(usual(origin=one) for one in (BOOK, CONSENT, READER, STRANGER)),
    "no origin": (usual("/public/x"), usual("/public/x", origin=None), usual("/public/x", origin="null")),
    "method": (
        usual(origin=READER),
        usual(origin=READER, method="DELETE"),
        usual(origin=READER, method="HEAD"),
    ),
    "route": (usual(), usual("/other/x"), usual("/whole/x"), usual("/maybe/x"), usual("/nothing")),
    "narrower route": (
        usual("/storage/few/x"),
        usual("/storage/few/x", method="POST"),
        usual("/storage/few"),
    ),
    "book": tuple(
        usual("/storage/x", f"X-Bookgate-Book: {book}", origin=TWO_BOOKS)
        for book in ("ada-cs1", "ada-logic", "another")
    ),
    "internal": (usual("/storage/x"), usual("/storage/Internal/x"), usual("/storage/%69nternal/x")),
    "connection": (usual("/storage/x", "Accept: a"), usual("/storage/x", "Accept: a", "Connection: accept")),
    "worker": (usual(), usual("/storage/x", "Service-Worker: script")),
    "credential": (
        usual(),
        usual("/storage/x", "Authorization: DPoP ben"),
        usual("/storage/x", "Authorization: x"),
    ),
    "expect": (usual(), usual("/storage/x", "Expect: 100-continue"), usual("/storage/x", "Expect: 200-ok")),
    "allowed": (usual("/storage/x", "X-Partner: a"), usual("/storage/x", "X-Partner: a", origin=None)),
    "too long": (
        usual("/storage/x", "Content-Length: 4", method="PUT") + b"work",
        usual("/storage/x", "Content-Length: 100001", method="PUT"),
    ),
    "framing": (
        usual("/storage/x", "Content-Length: 4", method="PUT") + b"work",
        usual("/storage/x", "Transfer-Encoding: chunked", method="PUT") + b"4\r\nwork\r\n0\r\n\r\n",
        usual("/storage/x", method="PUT"),
    ),
    "fetched by": (
        usual("/public/x", "Sec-Fetch-Site: same-origin", origin=None, method="POST"),
        usual("/public/x", "Sec-Fetch-Site: cross-site", origin=None, method="POST"),
    ),
}


@pytest.mark.parametrize("difference", TWINS)
async def test_twins_are_not_mixed_up(both: BothWays, difference: str) -> None:
    """In every order, each twice: what is kept of one is nothing to the other."""
    alone = [await both.same(Talk((one, LAST))) for one in TWINS[difference]]
    for order in list(permutations(range(len(alone))))[:6]:
        for place in (*order, *order):
            again = await both.same(Talk((TWINS[difference][place], LAST)))
            assert again == alone[place]
