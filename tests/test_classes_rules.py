"""Who makes classes, what they may be called, where their book is."""

from dataclasses import replace
from datetime import date
from secrets import token_bytes

import pytest

from gateway.classes_rules import (
    BookPlace,
    books_of,
    make_code,
    may_create,
    parse_address,
    parse_code,
    parse_name,
    place_in,
)
from gateway.origins import Policy, PolicyTable, Trust, parse_origin
from tests.policies import POLICY

TODAY = date(2027, 1, 10)


@pytest.mark.parametrize(
    ("create", "roles", "may"),
    [
        pytest.param(("teacher",), ("teacher",), True, id="a teacher"),
        pytest.param(("teacher",), ("operator",), False, id="another role"),
        pytest.param(("teacher",), (), False, id="no role"),
        pytest.param(("anyone",), (), True, id="anyone"),
        pytest.param((), ("teacher",), False, id="nobody"),
    ],
)
def test_who_may_make_a_class(create: tuple[str, ...], roles: tuple[str, ...], *, may: bool) -> None:
    assert may_create(create, roles) is may


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("  7b \t Computing ", "7b Computing", id="blanks made single"),
        pytest.param("Jose\u0301", "José", id="composed"),
        pytest.param("x" * 60, "x" * 60, id="as long as may be"),
        pytest.param("x" * 61, None, id="too long"),
        pytest.param(" ", None, id="empty"),
        pytest.param("7b\u202e gnitupmoC", None, id="turned around"),
        pytest.param("7b\x00", None, id="a control character"),
    ],
)
def test_a_name(text: str, name: str | None) -> None:
    assert parse_name(text) == name


def test_a_code_is_read_as_people_type_it() -> None:
    code = make_code(token_bytes)
    assert parse_code(code) == code
    assert parse_code(f" {code.lower().replace('-', ' ')} ") == code
    assert parse_code(code.replace("-", "")) == code


def test_codes_differ() -> None:
    assert len({make_code(token_bytes) for _ in range(100)}) == 100


@pytest.mark.parametrize("text", ["", "K7MP", "K7MP-4XW1", "K7MP-4XWTT", "K7MP_4XWT"])
def test_what_is_no_code(text: str) -> None:
    assert parse_code(text) is None


@pytest.mark.parametrize(
    ("text", "origin", "path"),
    [
        pytest.param("https://b.example/cs1/?q=1#top", "https://b.example", "/cs1/", id="query and fragment"),
        pytest.param(" B.example ", "https://b.example", "/", id="as people say it"),
        pytest.param("http://localhost:8000/x", "http://localhost:8000", "/x", id="loopback with a port"),
        pytest.param("https://b.example:443/", "https://b.example", "/", id="the scheme's own port"),
        pytest.param("http://[::1]:8000/", "http://[::1]:8000", "/", id="IPv6"),
    ],
)
def test_an_address(text: str, origin: str, path: str) -> None:
    found = parse_address(text)
    assert found is not None
    assert (str(found[0]), found[1]) == (origin, path)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("our book", id="words"),
        pytest.param("ftp://b.example/", id="another scheme"),
        pytest.param("javascript://b.example/%0aalert(1)", id="script"),
        pytest.param("https://user@b.example/", id="a user"),
        pytest.param("https://b.example:x/", id="a port that is none"),
        pytest.param('https://b.example/"', id="a quote"),
        pytest.param("https:///x", id="no host"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert parse_address(text) is None


def place(policy: Policy, path: str) -> BookPlace | None:
    origin = parse_origin("https://b.example")
    assert origin is not None
    return place_in(policy, origin, path)


def test_the_book_at_a_path() -> None:
    several = replace(POLICY, books={"/": "shelf", "/cs1/": "ada-cs1", "/cs1/more/": "ada-more"})
    origin = parse_origin("https://b.example")
    assert origin is not None
    assert place(POLICY, "/any") == BookPlace("b.example", "https://b.example/any", origin)
    for path, book in {
        "/cs1": "ada-cs1",
        "/cs1/a": "ada-cs1",
        "/cs1/more/x": "ada-more",
        "/cs": "shelf",
    }.items():
        assert place(several, path) == BookPlace(book, f"https://b.example{path}", origin)
    assert place(replace(POLICY, books={"/cs1/": "ada-cs1"}), "/logic/") is None


def test_the_books_that_are_proposed() -> None:
    table = PolicyTable(
        exact={
            "https://b.example": replace(POLICY, books={"/cs1/": "x", "/ai/": "y"}),
            "https://a.example": POLICY,
            "https://denied.example": replace(POLICY, trust=Trust.DENIED),
            "https://public.example": replace(POLICY, credentials=False),
            "https://over.example": replace(POLICY, expires=date(2027, 1, 9)),
            "null": POLICY,
        },
        wildcards={},
        any_port={},
        unlisted=None,
        generation="",
    )
    assert books_of(table, TODAY) == ("https://a.example/", "https://b.example/ai/", "https://b.example/cs1/")
