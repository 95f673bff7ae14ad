"""The keys that say what an origin may do: every wrong value, and which level wins."""

import pytest

from gateway.cors import METHODS
from gateway.origins import Trust
from tests.origins_example import faults_of, listing, parse, places, replaced


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            replaced("{trust: consent, max_age: 2h}", "{trust: consent, maxage: 2h}"),
            [(4, "unknown-key")],
            id="misspelt policy key",
        ),
        pytest.param(replaced("per_person", "per_reader"), [(6, "unknown-key")], id="misspelt limit"),
        pytest.param(replaced("read_only: true", "read_only: yes"), [(30, "not-a-boolean")], id="yes"),
        pytest.param(replaced("read_only: true", "read_only: no"), [(30, "not-a-boolean")], id="no"),
        pytest.param(
            replaced("read_only: true", 'read_only: "true"'), [(30, "not-a-boolean")], id="quoted true"
        ),
        pytest.param(
            replaced("trust: denied", "trust: deny"),
            [(39, "unknown-trust")],
            id="trust typo",
        ),
        pytest.param(
            replaced("    backends: [grades]", "    backends: []"), [(29, "no-backends")], id="empty backends"
        ),
        pytest.param(
            replaced("    backends: [grades]", "    backends: [grade]"),
            [(29, "unknown-backend")],
            id="unknown backend",
        ),
        pytest.param(
            replaced("    backends: [grades]", "    backends: grades"),
            [(29, "not-a-list")],
            id="backends a string",
        ),
        *(
            pytest.param(
                replaced("    max_age: 10m", f"    max_age: {age}"), [(33, code)], id=f"max_age {age}"
            )
            for age, code in {
                "-1s": "bad-duration",
                "900h": "duration-out-of-range",
                "1.5h": "bad-duration",
                "1:30": "bad-duration",
                "600": "bad-duration",
                ".inf": "bad-duration",
            }.items()
        ),
        *(
            pytest.param(
                replaced("    read_only: true", f"    methods: {methods}"),
                [(30, code)],
                id=f"methods {methods}",
            )
            for methods, code in {
                "['*']": "method-star",
                "[patch]": "bad-method",
                "[TRACE]": "forbidden-method",
                "[OPTIONS]": "forbidden-method",
                "[connect]": "forbidden-method",
                "['GET POST']": "bad-method",
                "[~]": "empty",
                "QUERY": "not-a-list",
            }.items()
        ),
        pytest.param(
            replaced("    read_only: true", "    read_only: true\n    methods: [QUERY]"),
            [(31, "read-only-methods")],
            id="read_only and methods",
        ),
        *(
            pytest.param(replaced("[X-Partner]", f"[{header}]"), [(31, code)], id=f"request header {header}")
            for header, code in {
                "'*'": "header-star",
                "cookie": "forbidden-header",
                "Sec-Fetch-Site": "forbidden-header",
                "proxy-authorization": "forbidden-header",
                "x-forwarded-for": "forbidden-header",
                "x-bookgate-assertion": "forbidden-header",
                "x partner": "bad-header",
                "'x-partner:'": "bad-header",
                "x_partner": "bad-header",
                "~": "empty",
            }.items()
        ),
        *(
            pytest.param(replaced("[x-total]", f"[{header}]"), [(32, code)], id=f"exposed header {header}")
            for header, code in {
                "'*'": "header-star",
                "set-cookie": "forbidden-header",
                "access-control-allow-origin": "forbidden-header",
            }.items()
        ),
        *(
            pytest.param(
                replaced("https://lms.partner.example/after-sign-in", url), [(34, code)], id=f"redirect {url}"
            )
            for url, code in {
                "https://other.example/x": "redirect-elsewhere",
                "https://lms.partner.example:8443/x": "redirect-elsewhere",
                "http://lms.partner.example/x": "bad-redirect",
                "https://lms.partner.example": "bad-redirect",
                "https://lms.partner.example/x#y": "bad-redirect",
                "https://u@lms.partner.example/x": "bad-redirect",
                "/after-sign-in": "bad-redirect",
                "": "empty",
            }.items()
        ),
        pytest.param(replaced("[campus, lti]", "[]"), [(35, "no-sign-in")], id="no way in"),
        pytest.param(replaced("[campus, lti]", "[Campus!]"), [(35, "bad-sign-in")], id="odd way in"),
        pytest.param(replaced("200/s", "200"), [(36, "bad-rate")], id="limit without a time"),
        pytest.param(replaced("1GB/d", "1/d"), [(36, "bad-rate")], id="bytes without a unit"),
    ],
)
def test_refused_keys(text: str, expected: list[tuple[int, str]]) -> None:
    assert places(faults_of(text)) == expected


def test_nearest_wins() -> None:
    text = """\
version: 1
defaults: {trust: consent, max_age: 30m, backends: [grades]}
policies: {book: {trust: trusted, max_age: 20m, methods: [QUERY]}}
groups:
  books:
    policy: book
    max_age: 10m
    origins:
      - {origin: "https://a.example.edu", max_age: 0s, credentials: false, methods: [REPORT, GET]}
      - https://b.example.edu
"""
    table = parse(text).table
    entry, group = table.exact["https://a.example.edu"], table.exact["https://b.example.edu"]
    assert (entry.max_age, entry.credentials, entry.methods) == (0, False, (*METHODS, "REPORT"))
    assert (group.max_age, group.credentials, group.methods) == (600, True, (*METHODS, "QUERY"))
    assert (group.trust, group.backends) == (Trust.TRUSTED, frozenset({"grades"}))


def test_redirects_stay_on_their_own_origin() -> None:
    group = (
        "      - https://b.example.edu\n"
        "    redirects: ['https://a.example.edu/back', 'https://b.example.edu/back']\n"
    )
    table = parse(listing("https://a.example.edu", group)).table
    assert table.exact["https://a.example.edu"].redirects == {"https://a.example.edu/back"}
    assert table.exact["https://b.example.edu"].redirects == {"https://b.example.edu/back"}
