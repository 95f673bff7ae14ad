from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.grant_rules import challenge_ok, client_origin, redirect_uri_ok, verify_challenge
from gateway.origins import Origin
from tests.policies import POLICY
from tests.proofs import base64url

# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_rfcs_example() -> None:
    assert verify_challenge(VERIFIER, CHALLENGE)
    assert challenge_ok(CHALLENGE)


@pytest.mark.parametrize(
    "verifier",
    [
        pytest.param("", id="empty"),
        pytest.param(VERIFIER[:-1], id="short"),
        pytest.param(VERIFIER + "x", id="another"),
        pytest.param("x" * 129, id="long"),
        pytest.param(VERIFIER + "\n", id="line break"),
        pytest.param(CHALLENGE, id="the challenge itself"),
        pytest.param("ä" * 43, id="not ASCII"),
    ],
)
def test_wrong_verifiers(verifier: str) -> None:
    assert not verify_challenge(verifier, CHALLENGE)


def test_the_longest_verifier_and_a_challenge_that_is_none() -> None:
    longest = "x" * 128
    assert verify_challenge(longest, base64url(sha256(longest.encode()).digest()))
    assert not verify_challenge(VERIFIER, "ä")


@pytest.mark.parametrize("challenge", ["", "x" * 42, "x" * 44, "=" * 43, "x" * 43 + "\n"])
def test_wrong_challenges(challenge: str) -> None:
    assert not challenge_ok(challenge)


@pytest.mark.parametrize(
    ("client_id", "origin"),
    [
        ("https://book.example", Origin("https", "book.example", 443)),
        ("https://book.example:8443", Origin("https", "book.example", 8443)),
        ("http://localhost:8000", Origin("http", "localhost", 8000)),
        ("http://book.localhost", Origin("http", "book.localhost", 80)),
        ("http://127.0.0.1:8000", Origin("http", "127.0.0.1", 8000)),
        ("http://127.9.9.9", Origin("http", "127.9.9.9", 80)),
        ("http://[::1]:8000", Origin("http", "[::1]", 8000)),
        ("http://book.example", None),
        ("http://10.0.0.1", None),
        ("http://127.0.0.1.evil.test", None),
        ("http://localhost.evil.test", None),
        ("http://notlocalhost", None),
        ("http://[::2]", None),
        ("https://book.example/", None),
        ("https://book.example/path", None),
        ("https://user@book.example", None),
        ("HTTPS://book.example", None),
        ("https://book.example:443", None),
        ("ftp://book.example", None),
        ("null", None),
        ("", None),
    ],
)
def test_client_id(client_id: str, origin: Origin | None) -> None:
    assert client_origin(client_id) == origin


BOOK = Origin("https", "book.example", 443)
LISTED = replace(
    POLICY,
    redirects=frozenset({"https://book.example/after?x=1", "https://elsewhere.example/bookgate-return.html"}),
)


@pytest.mark.parametrize(
    "path",
    [
        "/bookgate-return.html",
        "/deep/er/bookgate-return.html",
        "/~ada/cs_1-2.0/bookgate-return.html",
        "/after?x=1",
    ],
)
def test_return_pages(path: str) -> None:
    assert redirect_uri_ok(f"https://book.example{path}", BOOK, LISTED)


def test_an_origin_that_lists_its_return_page_has_no_other() -> None:
    mine = "https://book.example/a/bookgate-return.html"
    named = replace(POLICY, redirects=frozenset({mine, "https://other.example/bookgate-return.html"}))
    assert redirect_uri_ok(mine, BOOK, named)
    assert not redirect_uri_ok("https://book.example/go/evil.example/bookgate-return.html", BOOK, named)
    elsewhere = replace(POLICY, redirects=frozenset({"https://other.example/bookgate-return.html"}))
    assert redirect_uri_ok(mine, BOOK, elsewhere), "another origin's page says nothing of this one"


def test_an_application_lists_every_page() -> None:
    mine = "https://app.example/callback"
    application = replace(POLICY, application=True, redirects=frozenset({mine}))
    assert redirect_uri_ok(mine, BOOK, application)
    assert not redirect_uri_ok("https://book.example/bookgate-return.html", BOOK, application)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        pytest.param("", id="empty"),
        pytest.param("https://book.example", id="no path"),
        pytest.param("https://book.example/", id="root"),
        pytest.param("https://book.example/other.html", id="another page"),
        pytest.param("https://book.example/bookgate-return.html/", id="a slash behind"),
        pytest.param("https://book.example/bookgate-return.html?x", id="query"),
        pytest.param("https://book.example/?/bookgate-return.html", id="query before"),
        pytest.param("https://book.example/bookgate-return.html#x", id="fragment"),
        pytest.param("https://book.example/#/bookgate-return.html", id="fragment before"),
        pytest.param("https://book.example/xbookgate-return.html", id="suffix without a slash"),
        pytest.param("https://book.example//bookgate-return.html", id="two slashes"),
        pytest.param("https://book.example//evil.test/bookgate-return.html", id="network path"),
        pytest.param("https://book.example/go//evil.test/bookgate-return.html", id="two slashes inside"),
        pytest.param("https://book.example/./bookgate-return.html", id="dot"),
        pytest.param("https://book.example/a/../bookgate-return.html", id="dots"),
        pytest.param("https://book.example/%2e%2e/bookgate-return.html", id="encoded"),
        pytest.param("https://book.example/\\evil.test/bookgate-return.html", id="backslash"),
        pytest.param("https://book.example/a;b/bookgate-return.html", id="semicolon"),
        pytest.param("https://book.example/\tx/bookgate-return.html", id="tab"),
        pytest.param("https://book.example/ä/bookgate-return.html", id="not ASCII"),
        pytest.param("https://book.example/bookgate-return.html\n", id="line break"),
        pytest.param("https://book.example:443/bookgate-return.html", id="default port"),
        pytest.param("https://book.example:8443/bookgate-return.html", id="another port"),
        pytest.param("https://book.example.evil.test/bookgate-return.html", id="longer host"),
        pytest.param("https://book.example@evil.test/bookgate-return.html", id="user"),
        pytest.param("http://book.example/bookgate-return.html", id="another scheme"),
        pytest.param("HTTPS://book.example/bookgate-return.html", id="upper case"),
        pytest.param("//book.example/bookgate-return.html", id="no scheme"),
        pytest.param("/bookgate-return.html", id="relative"),
        pytest.param("javascript:alert(1)/bookgate-return.html", id="script"),
        pytest.param("https://elsewhere.example/bookgate-return.html", id="listed, but of another origin"),
        pytest.param("https://book.example/after?x=2", id="nearly listed"),
        pytest.param(f"https://book.example/{'x' * 2048}/bookgate-return.html", id="long"),
    ],
)
def test_no_other_place_is_answered(redirect_uri: str) -> None:
    assert not redirect_uri_ok(redirect_uri, BOOK, LISTED)
