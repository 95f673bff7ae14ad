"""config/origins.yaml as a whole: faults all at once, what an accepted file means, folders of files."""

import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.faults import ConfigError
from gateway.config.origin_pattern import OriginPattern, read_pattern
from gateway.config.origins_file import Parsed, parse_origins
from gateway.cors import EXPOSE_HEADERS, REQUEST_HEADERS
from gateway.origins import Limits, Origin, Policy, Rate, Trust, parse_origin
from tests.origins_example import BACKENDS, EXAMPLE, TODAY, faults_of, find, listing, parse, places, replaced

SHIPPED = Path(__file__).parent.parent / "config" / "origins.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(replaced("defaults:", "default:"), [(4, "unknown-key")], id="misspelt top key"),
        pytest.param(
            replaced("    contact: books-help@example.edu", "    owner: x"),
            [(12, "duplicate-key")],
            id="duplicate key",
        ),
        pytest.param(replaced("  blocked:", "  our-books:"), [(38, "duplicate-key")], id="duplicate group"),
        pytest.param(replaced("  blocked:", "  Blocked!:"), [(38, "bad-name")], id="odd group name"),
        pytest.param(
            replaced("unlisted: consent", "unlisted: trusted"),
            [(2, "unlisted-trusted")],
            id="unlisted trusted",
        ),
        pytest.param(
            replaced("unlisted: consent", "unlisted: maybe"), [(2, "unknown-trust")], id="unlisted typo"
        ),
        pytest.param(
            replaced("unlisted_policy: guest-book\n", "\n"),
            [(2, "unlisted-policy-missing")],
            id="unlisted_policy missing",
        ),
        pytest.param(
            replaced("unlisted_policy: guest-book", "unlisted_policy: gest-book"),
            [(3, "unknown-policy")],
            id="unlisted_policy unknown",
        ),
        pytest.param(
            replaced("unlisted: consent", "unlisted: denied"),
            [(3, "unlisted-policy-denied")],
            id="unlisted_policy beside denied",
        ),
        pytest.param(
            replaced("unlisted: consent\n", "\n"), [(3, "unlisted-policy-denied")], id="unlisted_policy alone"
        ),
        pytest.param(
            replaced("unlisted_policy: guest-book", "unlisted_policy: book"),
            [(3, "unlisted-trusted")],
            id="unlisted_policy that trusts",
        ),
        pytest.param(
            replaced("  guest-book: {backends: [storage], ", "  guest-book: {"),
            [(3, "no-backends")],
            id="unlisted_policy without backends",
        ),
        pytest.param(
            replaced("https://scraper.example.net, ", "https://books.example.edu, "),
            [(40, "origin-twice")],
            id="trusted and denied",
        ),
        pytest.param(
            replaced("https://scraper.example.net, ", "https://old.books.example.edu, "),
            [(40, "origin-twice")],
            id="twice in one group",
        ),
        pytest.param(
            replaced("        book: atlas\n", "        book: logic\n").replace(
                "/logic/: ada-logic", "/logic/: logic"
            ),
            [(21, "book-twice")],
            id="one book twice",
        ),
        pytest.param(
            replaced(", shares_book: true", ""), [(23, "book-twice")], id="a mirror that does not say so"
        ),
        pytest.param(
            replaced("        book: atlas\n", "        book: books.example.edu\n"),
            [(17, "book-twice")],
            id="the default id of another",
        ),
        pytest.param(
            replaced("        book: atlas\n", "        book: other.example\n"),
            [(17, "book-names-a-host")],
            id="the id of an unlisted host",
        ),
        pytest.param(
            replaced("        book: atlas\n", "        book: localhost-8000\n"),
            [(17, "book-names-a-host")],
            id="the id of localhost",
        ),
        pytest.param(
            replaced(
                "      - https://*.books.example.edu        # any depth",
                "      - {origin: https://*.books.example.edu, book: all}",
            ),
            [(16, "book-of-many")],
            id="one book for a wildcard",
        ),
        pytest.param(replaced("version: 1\n", "\n"), [(1, "no-version")], id="no version"),
        pytest.param(replaced("version: 1", "version: 2"), [(1, "wrong-version")], id="wrong version"),
        pytest.param(replaced("version: 1", "version: '1'"), [(1, "wrong-version")], id="version as text"),
        pytest.param(replaced("version: 1", "version: 1.0"), [(1, "wrong-version")], id="version 1.0"),
        pytest.param(
            replaced("    policy: book\n    trust: consent", "\tpolicy: book\n    trust: consent"),
            [(25, "tab")],
            id="tab",
        ),
        pytest.param(replaced("defaults: {", "defaults: &d {"), [(4, "anchor")], id="anchor"),
        pytest.param(
            replaced("    owner: web-team@example.edu", "    <<: {owner: x}"),
            [(11, "merge-key")],
            id="merge key",
        ),
        pytest.param(replaced("    owner: web", "    owner: !!str web"), [(11, "tag")], id="tag"),
        pytest.param(EXAMPLE + "---\nversion: 1\n", [(41, "second-document")], id="two documents"),
        pytest.param("", [(0, "empty-file")], id="empty"),
        pytest.param("# all gone\n", [(0, "empty-file")], id="comments only"),
        pytest.param("- https://books.example.edu\n", [(1, "not-a-mapping")], id="list at the top"),
        pytest.param("https://books.example.edu\n", [(1, "not-a-mapping")], id="scalar at the top"),
        pytest.param("version: 1\ngroups: [a]\n", [(2, "not-a-mapping")], id="groups a list"),
        pytest.param("version: 1\ndefaults: x\n", [(2, "not-a-mapping")], id="defaults a scalar"),
        pytest.param(
            replaced("owner: web-team@example.edu", "owner: 'web-team"),
            [(41, "yaml-syntax")],
            id="unclosed quote",
        ),
        pytest.param(EXAMPLE + "<<<<<<< HEAD\n", [(41, "conflict-marker")], id="conflict marker"),
        pytest.param(EXAMPLE + "\0", [(41, "control-character")], id="zero byte"),
        pytest.param(
            EXAMPLE.replace("web-team", "b\u00fccher").encode("latin-1"), [(11, "not-utf-8")], id="Latin-1"
        ),
        pytest.param("[" * 4000, [(1, "too-deep")], id="4000 brackets"),
        pytest.param(EXAMPLE + "#" * 1024 * 1024, [(0, "too-large")], id="over 1 MiB"),
    ],
)
def test_refused_files(text: str | bytes, expected: list[tuple[int, str]]) -> None:
    assert places(faults_of(text)) == expected


# --- all at once


def test_all_faults_in_one_run() -> None:
    text = listing("https://a.example.edu/", "      - https://B.example.edu\n    polcy: x\n    max_age: 5\n")
    found = faults_of(text)
    assert (
        "\n".join(map(str, found))
        == """\
origins.yaml:7: origin-trailing-slash: `https://a.example.edu/` ends in a slash, which no origin does.
    Did you mean `https://a.example.edu`?
origins.yaml:8: origin-upper-case: `https://B.example.edu` has capital letters.
    Did you mean `https://b.example.edu`?
origins.yaml:9: unknown-key: group books has no key `polcy`.
    Did you mean `policy`?
origins.yaml:10: bad-duration: max_age cannot be `5`.
    Write a whole number with a unit: 250ms, 30s, 10m, 2h or 30d."""
    )


def test_twice_names_both_lines() -> None:
    text = replaced("https://scraper.example.net, ", "https://books.example.edu, ")
    assert "origins.yaml:15" in faults_of(text)[0].message


def test_ten_thousand_origins_cost_ten_times_a_thousand() -> None:
    assert _cost(10_000) < 30 * _cost(1000)


def _cost(count: int) -> float:
    """Processor seconds, which other programs on the machine do not change."""
    items = "".join(f"      - {{origin: https://b{n}.example.edu, book: b{n}}}\n" for n in range(count))
    text = listing("https://a.example.edu", items)
    began = time.process_time()
    assert len(parse(text).table.exact) == count + 1
    return time.process_time() - began


# --- what an accepted file means


def test_the_example() -> None:
    table = parse(EXAMPLE).table
    assert find(table, "https://lms.partner.example") == Policy(
        group="partner-service",
        line=37,
        trust=Trust.CONSENT,
        backends=frozenset({"grades"}),
        methods=("GET", "HEAD"),
        request_headers=REQUEST_HEADERS | {"x-partner"},
        expose_headers=tuple(sorted((*EXPOSE_HEADERS, "x-total"))),
        max_age=600,
        credentials=True,
        books={},
        redirects=frozenset({"https://lms.partner.example/after-sign-in"}),
        sign_in=frozenset({"campus", "lti"}),
        limits=Limits(per_origin=Rate(200, 1), bytes=Rate(10**9, 86_400)),
        expires=None,
        contact=None,
        file="origins.yaml",
    )
    assert table.unlisted is not None
    assert (table.unlisted.trust, table.unlisted.backends, table.unlisted.line) == (
        Trust.CONSENT,
        frozenset({"storage"}),
        0,
    )
    assert table.unlisted.limits == Limits(per_person=Rate(5, 1))


@pytest.mark.parametrize(
    ("header", "group", "line", "trust"),
    [
        pytest.param("https://books.example.edu", "our-books", 15, Trust.TRUSTED, id="exact"),
        pytest.param("https://x.y.books.example.edu", "our-books", 16, Trust.TRUSTED, id="wildcard"),
        pytest.param("https://atlas.example.edu:8443", "our-books", 17, Trust.TRUSTED, id="entry"),
        pytest.param("http://localhost:4711", "authors-at-home", 27, Trust.CONSENT, id="group beats policy"),
        pytest.param("http://[::1]:4711", "authors-at-home", 27, Trust.CONSENT, id="IPv6"),
        pytest.param("https://anybody.example", "unlisted", 0, Trust.CONSENT, id="unlisted"),
    ],
)
def test_who_decides(header: str, group: str, line: int, trust: Trust) -> None:
    found = find(parse(EXAMPLE).table, header)
    assert found is not None
    assert (found.group, found.line, found.trust) == (group, line, trust)


@pytest.mark.parametrize("header", ["https://scraper.example.net", "https://old.books.example.edu"])
def test_denied(header: str) -> None:
    assert find(parse(EXAMPLE).table, header) is None


def test_books_keep_their_order() -> None:
    table = parse(EXAMPLE).table
    found = table.exact["https://ada-l.github.io"]
    assert list(found.books.items()) == [("/logic/", "ada-logic"), ("/cs1/", "ada-cs1")]
    assert dict(table.exact["https://thinkcs.org"].books) == {"/": "atlas"}


def test_unlisted_is_denied_unless_it_says_otherwise() -> None:
    assert parse(listing("https://a.example.edu")).table.unlisted is None
    assert parse("version: 1\nunlisted: denied\n").table.unlisted is None


@pytest.mark.parametrize(
    ("today", "warned"),
    [
        pytest.param(date(2027, 2, 14), [], id="in fifteen days"),
        pytest.param(date(2027, 2, 15), [(17, "ends-soon")], id="in fourteen days"),
        pytest.param(date(2027, 3, 2), [(17, "ends-soon")], id="over"),
    ],
)
def test_an_entry_that_ends_is_warned_of(today: date, warned: list[tuple[int, str]]) -> None:
    assert places(parse(EXAMPLE, today).warnings) == warned


def test_the_generation_is_the_bytes() -> None:
    first, again, other = parse(EXAMPLE), parse(EXAMPLE), parse(EXAMPLE + "# x\n")
    assert first.table.generation == again.table.generation != other.table.generation


def test_the_shipped_file() -> None:
    parsed = parse_origins({"origins.yaml": SHIPPED.read_bytes()}, ("storage", "analytics"), TODAY)
    home = parsed.table.find(Origin("http", "localhost", 8100), TODAY)
    assert home is not None
    assert (home.trust, home.backends) == (Trust.CONSENT, frozenset({"storage", "analytics"}))
    unlisted = find(parsed.table, "https://anybody.example")
    assert unlisted is not None
    assert (unlisted.trust, unlisted.backends) == (Trust.CONSENT, frozenset({"storage"}))


# --- a directory of files


def directory(**files: str) -> Parsed:
    return parse_origins({f"{name}.yaml": text.encode() for name, text in files.items()}, BACKENDS)


def test_departments_share_policies_and_defaults() -> None:
    shared = "version: 1\ndefaults: {max_age: 5m}\npolicies: {book: {trust: trusted, backends: [storage]}}\n"
    physics = "version: 1\ngroups: {physics: {policy: book, origins: ['https://phys.example.edu']}}\n"
    table = directory(shared=shared, physics=physics).table
    policy = table.exact["https://phys.example.edu"]
    assert (policy.max_age, policy.trust, policy.file, policy.line) == (300, Trust.TRUSTED, "physics.yaml", 2)


def test_files_are_checked_as_one() -> None:
    first = (
        "version: 1\nunlisted: denied\npolicies: {p: {backends: [storage]}}\n"
        "groups: {g: {policy: p, origins: ['https://a.example.edu']}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        directory(a=first, b=first, c="groups: []\n")
    assert [(fault.file, fault.line, fault.code) for fault in caught.value.faults] == [
        ("b.yaml", 2, "said-twice"),
        ("b.yaml", 3, "name-twice"),
        ("b.yaml", 4, "name-twice"),
        ("b.yaml", 4, "origin-twice"),
        ("b.yaml", 4, "book-twice"),
        ("c.yaml", 1, "no-version"),
        ("c.yaml", 1, "not-a-mapping"),
    ]
    assert "a.yaml:4" in caught.value.faults[3].message


def test_an_empty_directory_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        directory()
    assert places(caught.value.faults) == [(0, "no-files")]


# --- whatever is in the file


@given(st.binary(max_size=200) | st.text(alphabet="ab:{}[]-, \n'\"#&*!|>%@?~\t\u2028\x00").map(str.encode))
def test_any_bytes_are_a_table_or_faults(data: bytes) -> None:
    with suppress(ConfigError):  # anything else fails the test
        parse(data)


@given(st.text(alphabet="htps:/*.-[]@#?%aA0159xn\u00fc\u3002 ,", max_size=40))
def test_any_origin_is_found_again_or_refused(text: str) -> None:
    """An accepted exact entry is what a browser sends, byte for byte."""
    pattern = read_pattern(text)
    if isinstance(pattern, OriginPattern) and pattern.exact is not None:
        assert parse_origin(text) == pattern.exact
        assert str(pattern.exact) == text
