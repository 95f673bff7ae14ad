"""gateway/origins.py: what an Origin header is, and which policy answers for it."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.origins import Origin, Policy, PolicyTable, Trust, parse_origin
from tests.policies import POLICY

TODAY = date(2027, 1, 10)


def policy(group: str, trust: Trust = Trust.TRUSTED, expires: date | None = None) -> Policy:
    return replace(POLICY, group=group, trust=trust, expires=expires)


TABLE = PolicyTable(
    exact={
        "https://books.example.edu": policy("exact"),
        "https://old.books.example.edu": policy("denied", Trust.DENIED),
        "https://over.books.example.edu": policy("over", expires=date(2027, 1, 9)),
        "https://last.books.example.edu": policy("last", expires=TODAY),
        "http://localhost:8000": policy("exact port"),
    },
    wildcards={
        ("https", "books.example.edu", 443): policy("wide"),
        ("https", "deep.books.example.edu", 443): policy("deep"),
    },
    any_port={("http", "localhost"): policy("any port"), ("http", "[::1]"): policy("six")},
    unlisted=policy("unlisted", Trust.CONSENT),
    generation="g",
    shared_hosts=frozenset({"sites.google.com"}),
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("https://a.edu", Origin("https", "a.edu", 443), id="https"),
        pytest.param("http://a.edu", Origin("http", "a.edu", 80), id="http"),
        pytest.param("https://a.edu:8443", Origin("https", "a.edu", 8443), id="port"),
        pytest.param("http://a.edu:443", Origin("http", "a.edu", 443), id="the other's port"),
        pytest.param("http://[::1]:8000", Origin("http", "[::1]", 8000), id="IPv6"),
        pytest.param("http://127.0.0.1:1", Origin("http", "127.0.0.1", 1), id="IPv4"),
        pytest.param("https://my_book.a.edu", Origin("https", "my_book.a.edu", 443), id="underscore"),
        pytest.param("https://a.edu:65535", Origin("https", "a.edu", 65535), id="last port"),
        pytest.param("null", None, id="null"),
        pytest.param("", None, id="empty"),
        pytest.param("*", None, id="star"),
        pytest.param("https://a.edu:443", None, id="default port"),
        pytest.param("http://a.edu:80", None, id="default port of http"),
        pytest.param("https://a.edu:0", None, id="port 0"),
        pytest.param("https://a.edu:08443", None, id="leading zero"),
        pytest.param("https://a.edu:65536", None, id="port too large"),
        pytest.param("https://a.edu:", None, id="empty port"),
        pytest.param("https://A.edu", None, id="capital host"),
        pytest.param("HTTPS://a.edu", None, id="capital scheme"),
        pytest.param("https://a.edu/", None, id="slash"),
        pytest.param("https://a.edu\n", None, id="newline"),
        pytest.param("https://a.edu https://b.edu", None, id="two"),
        pytest.param("https://a.edu, https://b.edu", None, id="list"),
        pytest.param("https://a.edu\x00", None, id="zero byte"),
        pytest.param("https://\u0430.edu", None, id="look-alike"),
        pytest.param("https://u@a.edu", None, id="user"),
        pytest.param("https://a.edu.", None, id="trailing dot"),
        pytest.param("https://a..edu", None, id="empty label"),
        pytest.param("https://-a.edu", None, id="leading hyphen"),
        pytest.param("file://a.edu", None, id="file"),
        pytest.param("chrome-extension://abcdef", None, id="extension"),
        pytest.param("https://" + "a" * 64 + ".edu", None, id="label of 64"),
        pytest.param("https://" + "a" * 60 + ".a" * 97, None, id="host of 254"),
        pytest.param("https://" + "a." * 160 + "edu", None, id="over 326"),
    ],
)
def test_parse_origin(header: str, expected: Origin | None) -> None:
    assert parse_origin(header) == expected
    if expected is not None:
        assert str(expected) == header


@pytest.mark.parametrize(
    ("header", "group"),
    [
        pytest.param("https://books.example.edu", "exact", id="exact"),
        pytest.param("https://a.books.example.edu", "wide", id="one label"),
        pytest.param("https://a.b.books.example.edu", "wide", id="two labels"),
        pytest.param("https://deep.books.example.edu", "wide", id="base of the longer one"),
        pytest.param("https://a.deep.books.example.edu", "deep", id="longest wildcard"),
        pytest.param("https://old.books.example.edu", None, id="exact denied beats wildcard"),
        pytest.param("https://over.books.example.edu", None, id="expired"),
        pytest.param("https://last.books.example.edu", "last", id="last day"),
        pytest.param("http://localhost:8000", "exact port", id="exact beats any port"),
        pytest.param("http://localhost:8001", "any port", id="any port"),
        pytest.param("http://localhost", "any port", id="any port is the default too"),
        pytest.param("http://[::1]:9", "six", id="any port of IPv6"),
        pytest.param("https://evilbooks.example.edu", "unlisted", id="suffix without a dot"),
        pytest.param("https://books.example.edu.evil.example", "unlisted", id="prefix"),
        pytest.param("https://books.example.edu:8443", "unlisted", id="another port"),
        pytest.param("https://a.books.example.edu:8443", "unlisted", id="another port below"),
        pytest.param("http://a.books.example.edu", None, id="another scheme: unlisted is https only"),
        pytest.param("http://127.0.0.1:8000", "unlisted", id="loopback may be http"),
        pytest.param("http://book.localhost:8000", "unlisted", id="below localhost"),
        pytest.param("https://192.0.2.1", None, id="unlisted address"),
        pytest.param("https://[2001:db8::1]", None, id="unlisted IPv6 address"),
        pytest.param("https://intranet", None, id="unlisted single label"),
        pytest.param("https://sites.google.com", None, id="unlisted shared host"),
    ],
)
def test_find(header: str, group: str | None) -> None:
    origin = parse_origin(header)
    assert origin is not None
    found = TABLE.find(origin, TODAY)
    assert (found and found.group) == group


def test_unlisted_denied() -> None:
    table = replace(TABLE, unlisted=None)
    assert table.find(Origin("https", "other.example", 443), TODAY) is None


def test_unlisted_without_credentials_may_be_plain() -> None:
    table = replace(TABLE, unlisted=replace(policy("unlisted"), credentials=False))
    found = table.find(Origin("http", "other.example", 80), TODAY)
    assert found is not None
    assert found.group == "unlisted"


@pytest.mark.parametrize(
    ("entry", "group"),
    [
        pytest.param(None, None, id="not listed: unlisted is no answer"),
        pytest.param(policy("null"), "null", id="listed"),
        pytest.param(policy("null", Trust.DENIED), None, id="denied"),
    ],
)
def test_null(entry: Policy | None, group: str | None) -> None:
    table = replace(TABLE, exact={} if entry is None else {"null": entry})
    found = table.find_null(TODAY)
    assert (found and found.group) == group


@pytest.mark.parametrize(
    ("origin", "book"),
    [
        pytest.param(Origin("https", "a.edu", 443), "a.edu", id="default port"),
        pytest.param(Origin("http", "localhost", 8000), "localhost-8000", id="other port"),
    ],
)
def test_default_book(origin: Origin, book: str) -> None:
    assert origin.default_book == book


@pytest.mark.parametrize(
    ("host", "loopback", "address"),
    [
        pytest.param("localhost", True, False, id="localhost"),
        pytest.param("book.localhost", True, False, id="below localhost"),
        pytest.param("notlocalhost", False, False, id="not localhost"),
        pytest.param("127.0.0.1", True, True, id="127.0.0.1"),
        pytest.param("127.0.77.1", True, True, id="127/8"),
        pytest.param("[::1]", True, True, id="IPv6"),
        pytest.param("[fe80::1]", False, True, id="link-local"),
        pytest.param("10.0.0.1", False, True, id="private"),
        pytest.param("127.0.0.1.evil.example", False, False, id="name that begins so"),
    ],
)
def test_kind_of_host(host: str, *, loopback: bool, address: bool) -> None:
    origin = Origin("http", host, 80)
    assert (origin.is_loopback, origin.is_ip_literal) == (loopback, address)


def test_the_books_of_an_origin() -> None:
    origin = Origin("https", "books.example.edu", 443)
    assert POLICY.book_ids(origin) == ("books.example.edu",)
    several = replace(POLICY, books={"/cs1/": "ada-cs1", "/": "rest"})
    assert several.book_ids(origin) == ("ada-cs1", "rest")
