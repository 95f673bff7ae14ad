"""gateway/config/origins_since.py: origins that are taken away and given back, by tables that files make."""

import sys
import time
from datetime import date
from itertools import pairwise

import pytest

from gateway.config.origins_diff import entries
from gateway.config.origins_since import REMEMBERED, carry, kept_of, later_of, table_of
from gateway.origins import PolicyTable, parse_origin
from tests.origins_example import EXAMPLE, parse

TODAY = date(2027, 1, 10)
BOOK = "https://a.example.edu"
OTHER = "https://b.example.edu"
LOCAL = "http://localhost:8000"

TRUSTED = f"\n  one: {{backends: [storage], trust: trusted, origins: ['{BOOK}']}}"
CONSENT = f"\n  one: {{backends: [storage], trust: consent, origins: ['{BOOK}']}}"
DENIED = f"\n  one: {{trust: denied, origins: ['{BOOK}']}}"
NO_CREDENTIALS = f"\n  one: {{backends: [storage], trust: trusted, credentials: false, origins: ['{BOOK}']}}"
NOBODY = f"\n  one: {{backends: [storage], origins: ['{OTHER}']}}"
WILD = "\n  wild: {backends: [storage], trust: trusted, origins: ['https://*.example.edu']}"
WILD_DENIED = "\n  wild: {trust: denied, origins: ['https://*.example.edu']}"
ANY_PORT = "\n  mine: {backends: [storage], trust: trusted, origins: ['http://localhost:*']}"
PORT_DENIED = f"\n  port: {{trust: denied, origins: ['{LOCAL}']}}"
UNLISTED = "unlisted: consent\nunlisted_policy: p\npolicies: {p: {backends: [storage]}}\n"


def until(day: str) -> str:
    return TRUSTED.replace(f"'{BOOK}'", f"{{origin: '{BOOK}', expires: {day}}}")


def table(groups: str, top: str = "") -> PolicyTable:
    return parse(f"version: 1\n{top}groups:{groups or ' {}'}\n").table


def since(known: PolicyTable, origin: str = BOOK, today: date = TODAY) -> tuple[int, int] | None:
    """None: it is not granted."""
    parsed = parse_origin(origin)
    assert parsed is not None
    policy = known.find(parsed, today)
    return None if policy is None else (policy.since, policy.trusted_since)


def through(*tables: PolicyTable) -> PolicyTable:
    """One after the other, at 100, 200, ..."""
    known = tables[0]
    for number, (_, new) in enumerate(pairwise(tables), 1):
        known = carry(known, new, TODAY, number * 100)
    return known


def by_way_of_the_directory(*tables: PolicyTable) -> PolicyTable:
    """The same, by gateways that are stopped and started in between."""
    known = tables[0]
    for number, (_, new) in enumerate(pairwise(tables), 1):
        known = carry(table_of(kept_of(known), new), new, TODAY, number * 100)
    return known


WAYS = [
    pytest.param([TRUSTED, TRUSTED], (0, 0), id="nothing changes"),
    pytest.param([TRUSTED, NOBODY, TRUSTED], (200, 200), id="removed and given back"),
    pytest.param([TRUSTED, DENIED, TRUSTED], (200, 200), id="denied and given back"),
    pytest.param([TRUSTED, DENIED, DENIED, TRUSTED, TRUSTED], (300, 300), id="only the giving counts"),
    pytest.param([TRUSTED, DENIED, TRUSTED, DENIED, TRUSTED], (400, 400), id="twice: the last time"),
    pytest.param([TRUSTED, NO_CREDENTIALS, TRUSTED], (200, 200), id="without sessions for a while"),
    pytest.param([TRUSTED, CONSENT], (0, 0), id="from now on by consent: what is approved goes on"),
    pytest.param([TRUSTED, CONSENT, TRUSTED], (0, 200), id="trusted, consent, trusted"),
    pytest.param([CONSENT, TRUSTED], (0, 100), id="trusted from now on"),
    pytest.param([CONSENT, DENIED, TRUSTED, TRUSTED], (200, 200), id="denied, then trusted"),
    pytest.param([NOBODY, TRUSTED], (100, 100), id="new"),
    pytest.param([DENIED, NOBODY, NOBODY, TRUSTED], (300, 300), id="denied, forgotten, granted"),
    # wildcards
    pytest.param([WILD, WILD], (0, 0), id="below a wildcard"),
    pytest.param([WILD, WILD + TRUSTED], (0, 0), id="listed besides: nothing was taken away"),
    pytest.param([WILD + TRUSTED, WILD], (0, 0), id="no longer listed besides"),
    pytest.param([WILD, TRUSTED], (0, 0), id="its own entry instead of the wildcard"),
    pytest.param([TRUSTED, WILD], (0, 0), id="the wildcard instead of its own entry"),
    pytest.param([TRUSTED, WILD, WILD], (0, 0), id="and that is not forgotten"),
    pytest.param([TRUSTED, WILD, TRUSTED], (0, 0), id="and back"),
    pytest.param([WILD, WILD + DENIED, WILD], (200, 200), id="one name denied for a while"),
    pytest.param([WILD, WILD + DENIED, WILD, WILD], (200, 200), id="one name denied long ago"),
    pytest.param([WILD, WILD + DENIED, WILD, WILD + TRUSTED], (200, 200), id="and listed later"),
    pytest.param([WILD, WILD + DENIED, WILD, NOBODY, WILD], (400, 400), id="then all of them"),
    pytest.param([WILD, WILD + CONSENT, WILD], (0, 200), id="one name by consent for a while"),
    pytest.param([WILD, WILD_DENIED, WILD], (200, 200), id="a wildcard denied for a while"),
    pytest.param([WILD + TRUSTED, WILD_DENIED + TRUSTED, WILD + TRUSTED], (0, 0), id="but not this name"),
    # dates
    pytest.param([until("2027-01-10"), until("2027-06-01")], (0, 0), id="extended on its last day"),
    pytest.param([until("2027-01-09"), until("2027-06-01")], (100, 100), id="extended when it was over"),
    pytest.param([until("2027-01-09"), TRUSTED], (100, 100), id="without a date when it was over"),
    pytest.param([TRUSTED, until("2027-01-09"), TRUSTED], (200, 200), id="a date that is over, corrected"),
    pytest.param([WILD + until("2027-01-09"), WILD], (100, 100), id="over, and then the wildcard's"),
]


@pytest.mark.parametrize("way", [through, by_way_of_the_directory], ids=["running", "restarted"])
@pytest.mark.parametrize(("files", "expected"), WAYS)
def test_since_when(way: object, files: list[str], expected: tuple[int, int]) -> None:
    assert callable(way)
    assert since(way(*map(table, files))) == expected


@pytest.mark.parametrize("way", [through, by_way_of_the_directory], ids=["running", "restarted"])
def test_others_below_the_wildcard_are_not_concerned(way: object) -> None:
    assert callable(way)
    known = way(*map(table, [WILD, WILD + DENIED, WILD]))
    assert since(known, OTHER) == (0, 0)
    assert since(way(*map(table, [TRUSTED, WILD])), OTHER) == (100, 100)


@pytest.mark.parametrize("way", [through, by_way_of_the_directory], ids=["running", "restarted"])
def test_one_port_denied_for_a_while(way: object) -> None:
    assert callable(way)
    known = way(*map(table, [ANY_PORT, ANY_PORT + PORT_DENIED, ANY_PORT]))
    assert since(known, LOCAL) == (200, 200)
    assert since(known, "http://localhost:8001") == (0, 0)
    assert since(way(*map(table, [ANY_PORT, NOBODY, ANY_PORT])), LOCAL) == (200, 200)


@pytest.mark.parametrize("way", [through, by_way_of_the_directory], ids=["running", "restarted"])
def test_unlisted_origins(way: object) -> None:
    assert callable(way)
    listed = way(table(NOBODY, UNLISTED), table(NOBODY + DENIED.replace("one", "two"), UNLISTED))
    known = way(listed, table(NOBODY, UNLISTED))
    assert since(known) == (100, 100)
    assert since(known, "https://c.example.edu") == (0, 0)
    closed = way(table(NOBODY, UNLISTED), table(NOBODY), table(NOBODY, UNLISTED))
    assert since(closed, "https://c.example.edu") == (200, 200)
    assert since(closed, OTHER) == (0, 0)


def test_a_former_entry_is_none_of_the_file() -> None:
    """It only says since when: who reads the table sees the file."""
    known = through(*map(table, [WILD, WILD + DENIED, WILD]))
    origin = parse_origin(BOOK)
    assert origin is not None
    assert list(entries(known)) == ["https://*.example.edu"]
    assert known.listed(origin) == known.wildcards["https", "example.edu", 443]
    found = known.find(origin, TODAY)
    assert found is not None
    assert found.group == "wild"


def test_a_former_entry_is_forgotten_when_no_session_is_that_old() -> None:
    known = through(*map(table, [WILD, WILD + DENIED, WILD]))
    assert carry(known, table(WILD), TODAY, 200 + REMEMBERED - 1).with_former is not None
    assert carry(known, table(WILD), TODAY, 200 + REMEMBERED).with_former is None


def test_the_later_time_counts_where_two_know_something() -> None:
    granted = table(WILD + TRUSTED)
    one = carry(table(WILD + DENIED), granted, TODAY, 100)
    other = carry(table(WILD_DENIED), granted, TODAY, 200)
    both = later_of(one, other, TODAY, 300)
    assert (since(both), since(both, OTHER)) == ((200, 200), (200, 200))
    assert (since(one), since(one, OTHER)) == ((100, 100), (0, 0)), "neither of them was changed"
    former = through(*map(table, [WILD, WILD + DENIED, WILD]))
    assert since(later_of(table(WILD), former, TODAY, 300)) == (200, 200)
    assert since(later_of(former, table(WILD), TODAY, 300)) == (200, 200)
    assert since(later_of(table(TRUSTED), table(DENIED), TODAY, 300)) == (0, 0), "whose file is newer?"


def test_what_is_kept_comes_back() -> None:
    known = carry(parse("version: 1\ngroups: {}\n").table, parse(EXAMPLE).table, TODAY, 500)
    again = table_of(kept_of(known), known)
    assert sorted(map(repr, kept_of(again))) == sorted(map(repr, kept_of(known)))


def test_ten_thousand_entries() -> None:
    many = "".join(f"\n      - https://book{number}.example.edu" for number in range(10_000))
    big = table(f"\n  many:\n    backends: [storage]\n    trust: trusted\n    origins:{many}")
    best = min(_seconds(big) for _ in range(3))
    sys.stdout.write(f"10,000 entries compared in {best * 1000:.0f} ms, by way of what was kept\n")
    assert best < 0.5


def _seconds(big: PolicyTable) -> float:
    kept = kept_of(big)
    began = time.perf_counter()
    known = carry(table_of(kept, big), big, TODAY, 100)
    assert since(known, "https://book77.example.edu") == (0, 0)
    return time.perf_counter() - began
