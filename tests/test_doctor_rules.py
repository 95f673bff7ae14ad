from dataclasses import replace
from datetime import date

import pytest

from gateway.config.origins_file import parse_origins
from gateway.doctor_rules import (
    AddressFault,
    BookAddress,
    Diagnosis,
    Finding,
    UnreadableAddressError,
    diagnose,
    parse_book_address,
)
from gateway.origins import Origin, PolicyTable

TODAY = date(2026, 11, 22)
BACKENDS = frozenset({"storage", "analytics", "grades"})
HEAD = """\
version: 1
unlisted: denied
groups:
"""
LISTED = """\
  trusted: {trust: trusted, backends: [storage, grades], origins: ["https://a.example.edu"]}
  asked:
    backends: [storage]
    contact: ask@example.edu
    redirects: ["https://b.example.edu/after"]
    origins: ["https://b.example.edu", "https://*.b.example.edu", "http://localhost:*"]
  ended: {backends: [storage], origins: [{origin: "https://old.example.edu", expires: "2026-01-01"}]}
  refused: {trust: denied, contact: no@example.edu, origins: ["https://bad.example.edu"]}
  public: {credentials: false, backends: [storage], origins: ["https://open.example.edu"]}
"""


def table(text: str = HEAD + LISTED) -> PolicyTable:
    return parse_origins({"origins.yaml": text.encode()}, BACKENDS, TODAY).table


def ask(address: str, text: str = HEAD + LISTED) -> Diagnosis:
    return diagnose(parse_book_address(address), table(text), TODAY, BACKENDS)


@pytest.mark.parametrize(
    ("typed", "origin", "path"),
    [
        pytest.param("https://a.example.edu", "https://a.example.edu", "/", id="bare"),
        pytest.param("  https://A.Example.edu:443/x/ ", "https://a.example.edu", "/x/", id="generous"),
        pytest.param("a.example.edu/x?y#z", "https://a.example.edu", "/x", id="no scheme"),
        pytest.param("localhost:8000/x", "https://localhost:8000", "/x", id="no scheme but a port"),
        pytest.param("http://localhost:8000", "http://localhost:8000", "/", id="loopback"),
        pytest.param("http://[::1]:8000/", "http://[::1]:8000", "/", id="IPv6"),
    ],
)
def test_an_address_as_people_type_it(typed: str, origin: str, path: str) -> None:
    found = parse_book_address(typed)
    assert (str(found.origin), found.path) == (origin, path)


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        pytest.param("", AddressFault.MISSING, id="empty"),
        pytest.param(" \t", AddressFault.MISSING, id="blank"),
        pytest.param("https://" + "a" * 2050, AddressFault.TOO_LONG, id="long"),
        pytest.param("https://bücher.example", AddressFault.NOT_ASCII, id="other letters"),
        pytest.param("ftp://a.example.edu", AddressFault.NOT_WEB, id="ftp"),
        pytest.param("javascript:alert(1)", AddressFault.NOT_WEB, id="script"),
        pytest.param("file:///etc/passwd", AddressFault.NOT_WEB, id="file"),
        pytest.param("https://", AddressFault.MALFORMED, id="no host"),
        pytest.param("https://a b.example", AddressFault.MALFORMED, id="blank inside"),
        pytest.param("https://a.example\\@evil.example", AddressFault.MALFORMED, id="backslash"),
        pytest.param("https://me:you@a.example.edu", AddressFault.MALFORMED, id="userinfo"),
        pytest.param("https://a.example.edu:99999", AddressFault.MALFORMED, id="port"),
        pytest.param("https://a.example.edu:x", AddressFault.MALFORMED, id="port of letters"),
        pytest.param("https://a..example", AddressFault.MALFORMED, id="empty label"),
        pytest.param("https://[::1", AddressFault.MALFORMED, id="half a bracket"),
    ],
)
def test_what_is_no_address_has_a_code(typed: str, fault: AddressFault) -> None:
    with pytest.raises(UnreadableAddressError) as refused:
        parse_book_address(typed)
    assert refused.value.fault is fault


@pytest.mark.parametrize(
    ("path", "page"),
    [
        pytest.param("/", "/bookgate-return.html", id="root"),
        pytest.param("/x", "/bookgate-return.html", id="a page at the root"),
        pytest.param("/x/", "/x/bookgate-return.html", id="a folder"),
        pytest.param("/x/y.html", "/x/bookgate-return.html", id="a page in a folder"),
        pytest.param("/x/bookgate-return.html", "/x/bookgate-return.html", id="itself"),
    ],
)
def test_where_the_return_page_is_looked_for(path: str, page: str) -> None:
    assert (
        BookAddress(Origin("https", "a.example.edu", 443), path).return_page == f"https://a.example.edu{page}"
    )


@pytest.mark.parametrize(
    ("address", "finding", "listed", "signs_in", "contact"),
    [
        pytest.param("https://a.example.edu", Finding.TRUSTED, True, True, None, id="trusted"),
        pytest.param("https://b.example.edu", Finding.CONSENT, True, True, "ask@example.edu", id="consent"),
        pytest.param(
            "https://x.b.example.edu", Finding.CONSENT, True, True, "ask@example.edu", id="wildcard"
        ),
        pytest.param("http://localhost:81", Finding.CONSENT, True, True, "ask@example.edu", id="loopback"),
        pytest.param("https://old.example.edu", Finding.EXPIRED, True, False, None, id="expired"),
        pytest.param("https://bad.example.edu", Finding.DENIED, True, False, "no@example.edu", id="denied"),
        pytest.param(
            "https://open.example.edu", Finding.WITHOUT_SIGN_IN, True, False, None, id="public only"
        ),
        pytest.param("https://new.example.edu", Finding.UNLISTED, False, False, None, id="unlisted"),
        pytest.param("http://a.example.edu", Finding.INSECURE, False, False, None, id="plain http"),
    ],
)
def test_how_an_origin_stands(
    address: str,
    finding: Finding,
    listed: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
    signs_in: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
    contact: str | None,
) -> None:
    found = ask(address)
    assert (found.finding, found.listed, found.signs_in, found.contact) == (
        finding,
        listed,
        signs_in,
        contact,
    )


def test_an_unlisted_book_where_unlisted_ones_are_asked() -> None:
    text = (HEAD + LISTED).replace(
        "unlisted: denied",
        "unlisted: consent\nunlisted_policy: guest\npolicies: {guest: {backends: [storage]}}",
    )
    found = ask("https://new.example.edu", text)
    assert (found.finding, found.listed, found.signs_in) == (Finding.UNLISTED_CONSENT, False, True)
    assert found.lines is not None
    assert "trust: trusted" in found.lines


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        pytest.param("https://a.example.edu/x/", True, id="plain"),
        pytest.param("https://a.example.edu/x%20y/", False, id="an encoded blank"),
        pytest.param("https://a.example.edu//", False, id="an empty part"),
        pytest.param("https://new.example.edu/x/", True, id="unlisted: judged all the same"),
        pytest.param("https://new.example.edu/x%20y/", False, id="unlisted and encoded"),
    ],
)
def test_whether_the_return_page_would_be_taken(
    address: str,
    accepted: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
) -> None:
    assert ask(address).return_page_accepted is accepted


@pytest.mark.parametrize(
    ("address", "finding"),
    [
        pytest.param("https://new.example.edu", Finding.CONSENT, id="unlisted"),
        pytest.param("https://new.example.edu:8443/x", Finding.CONSENT, id="with a port"),
        pytest.param("http://[::1]:8000", Finding.CONSENT, id="IPv6 loopback"),
        pytest.param("http://127.0.0.1:8000", Finding.CONSENT, id="loopback"),
    ],
)
def test_the_lines_do_what_they_promise(address: str, finding: Finding) -> None:
    """Pasted under `groups:`, they are a sound file in which the origin signs people in."""
    lines = ask(address).lines
    assert lines is not None
    after = ask(address, HEAD + LISTED + lines)
    assert (after.finding, after.signs_in) == (finding, True)
    assert after.policy is not None
    assert after.policy.backends == {"storage", "analytics"}


@pytest.mark.parametrize(
    "address", ["https://b.example.edu", "https://bad.example.edu", "https://old.example.edu"]
)
def test_the_lines_in_the_place_of_an_entry_that_is_there(address: str) -> None:
    found = ask(address)
    assert found.lines is not None
    after = ask(address, HEAD + found.lines)
    assert after.finding in {Finding.TRUSTED, Finding.CONSENT}


@pytest.mark.parametrize(
    "address", ["https://a.example.edu", "http://a.example.edu", "https://open.example.edu"]
)
def test_no_lines_where_none_would_help(address: str) -> None:
    assert ask(address).lines is None


def test_a_site_without_the_standard_services() -> None:
    address = parse_book_address("https://new.example.edu")
    found = diagnose(address, replace(table(), exact={}), TODAY, {"grades", "notes"})
    assert found.lines is not None
    assert "backends: [grades, notes]" in found.lines
