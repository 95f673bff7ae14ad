"""Groups of origins.yaml: their entries, what needs a dangerous name, and what they may not say."""

import pytest

from gateway.cors import Standing, judge
from tests.origins_example import TODAY, faults_of, listing, parse, places, replaced


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            replaced("        note:", "        nota:"), [(19, "unknown-key")], id="misspelt entry key"
        ),
        pytest.param(replaced("    owner:", "    owners:"), [(11, "unknown-key")], id="misspelt group key"),
        pytest.param(replaced("    backends: [grades]\n", "\n"), [(28, "no-backends")], id="no backends"),
        pytest.param(
            replaced("    trust: denied\n", "    trust: denied\n    methods: [QUERY]\n"),
            [(40, "denied-yet-granting")],
            id="denied yet granting",
        ),
        pytest.param(
            replaced("    trust: denied\n", "    trust: denied\n    policy: book\n"),
            [(40, "denied-yet-granting")],
            id="denied with a policy",
        ),
        pytest.param(
            replaced(
                "      - {origin: https://thinkcs.org, ",
                "      - {trust: denied, origin: https://thinkcs.org, ",
            ),
            [(23, "denied-yet-granting")] * 2,
            id="denied entry with a book",
        ),
        pytest.param(
            replaced("    policy: book\n    origins:", "    policy: boook\n    origins:"),
            [(13, "unknown-policy")],
            id="unknown policy",
        ),
        pytest.param(
            replaced("    origins: [https://lms.partner.example]\n", "\n"),
            [(28, "missing-key")],
            id="origins missing",
        ),
        pytest.param(
            replaced(
                "[https://scraper.example.net, https://old.books.example.edu]", "https://scraper.example.net"
            ),
            [(40, "not-a-list")],
            id="origins a string",
        ),
        pytest.param(
            replaced("[https://scraper.example.net, https://old.books.example.edu]", "[]"),
            [(40, "no-origins")],
            id="origins empty",
        ),
        pytest.param(
            replaced("[https://scraper.example.net, https://old.books.example.edu]", ""),
            [(40, "not-a-list")],
            id="origins null",
        ),
        pytest.param(
            replaced("        book: atlas\n", "        book: -x\n"), [(18, "bad-book")], id="odd book id"
        ),
        pytest.param(
            replaced("        note: staging, ticket OPS-412\n", "        books: {/a/: b}\n"),
            [(19, "book-and-books")],
            id="book and books",
        ),
        pytest.param(
            replaced("{/logic/: ada-logic, /cs1/: ada-cs1}", "{}"), [(22, "no-books")], id="no books"
        ),
        pytest.param(
            replaced("/logic/: ada-logic", "logic: ada-logic"),
            [(22, "bad-name")],
            id="book path without slashes",
        ),
        pytest.param(replaced('"2027-03-01"', '"2027-02-30"'), [(20, "bad-date")], id="bad date"),
        pytest.param(replaced('"2027-03-01"', "soon"), [(20, "bad-date")], id="no date"),
        pytest.param(
            replaced("    trust: denied\n", "    trust: denied\n    dangerously_allow: [everything]\n"),
            [(40, "unknown-danger"), (40, "denied-yet-granting")],
            id="unknown danger",
        ),
        pytest.param(
            "version: 1\ngroups: {a: x}\n",
            [(2, "not-a-mapping")],
            id="group a scalar",
        ),
    ],
)
def test_refused_groups(text: str, expected: list[tuple[int, str]]) -> None:
    assert places(faults_of(text)) == expected


# --- dangers


@pytest.mark.parametrize(
    ("item", "danger"),
    [
        pytest.param("http://a.example.edu", "insecure-http", id="http"),
        pytest.param("https://192.0.2.7", "ip-literal", id="IPv4"),
        pytest.param("https://[2001:db8::1]", "ip-literal", id="IPv6"),
        pytest.param("https://*.github.io", "public-suffix", id="public suffix"),
        pytest.param("https://sites.google.com", "shared-host", id="shared host"),
    ],
)
def test_a_danger_needs_its_name_or_no_credentials(item: str, danger: str) -> None:
    assert places(faults_of(listing(item))) == [(7, f"origin-{danger}")]
    other = "shared-host" if danger != "shared-host" else "ip-literal"
    assert places(faults_of(listing(item, f"    dangerously_allow: [{other}]\n"))) == [
        (7, f"origin-{danger}")
    ]
    parse(listing(item, f"    dangerously_allow: [{danger}]\n"))
    parse(listing(item, "    credentials: false\n"))


@pytest.mark.parametrize(
    "item", [pytest.param("https://*.co.uk", id="wildcard"), pytest.param("https://co.uk", id="itself")]
)
def test_a_registry_is_never_allowed(item: str) -> None:
    group = "    credentials: false\n    dangerously_allow: [public-suffix]\n"
    assert places(faults_of(listing(item, group))) == [(7, "origin-public-suffix")]


def test_null_needs_both() -> None:
    dangerous = "    dangerously_allow: [null-origin]\n"
    assert places(faults_of(listing('"null"', dangerous))) == [(7, "origin-null")]
    assert places(faults_of(listing('"null"', "    credentials: false\n"))) == [(7, "origin-null")]
    table = parse(listing('"null"', dangerous + "    credentials: false\n")).table
    verdict = judge(["null"], table, "https://gw.example.edu", TODAY)
    assert verdict.standing is Standing.GRANTED


def test_denied_origins_may_be_anything() -> None:
    text = listing('"null"').replace("policy: book", "trust: denied")
    assert parse(text).table.find_null(TODAY) is None
    parse(listing("http://a.example.edu").replace("policy: book", "trust: denied"))
