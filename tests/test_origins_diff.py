"""gateway/config/origins_diff.py: what a reload changes for each origin."""

from datetime import date

import pytest

from gateway.config.origins_diff import diff, lost
from gateway.origins import PolicyTable
from tests.origins_example import EXAMPLE, TODAY, parse, replaced


def table(groups: str, top: str = "") -> PolicyTable:
    policies = "policies: {p: {backends: [storage]}, q: {backends: [storage, grades], trust: trusted}}\n"
    return parse(f"version: 1\n{top}{policies}groups:{groups or ' {}'}").table


A = "\n  a: {policy: p, origins: ['https://a.example.edu']}\n"
WILD = "\n  w: {policy: q, origins: ['https://*.example.edu']}\n"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(table(A), table(A), (), id="the same"),
        pytest.param(table(A), table("\n  b" + A[4:]), (), id="another group, the same policy"),
        pytest.param(
            table(A),
            table(A + WILD),
            ("new: https://*.example.edu: trusted (w); denied -> trusted",),
            id="new wildcard",
        ),
        pytest.param(
            table(A + WILD),
            table(WILD),
            ("gone: https://a.example.edu: trusted (w); consent -> trusted; backends +grades",),
            id="gone, and the wildcard makes it wider",
        ),
        pytest.param(
            table(A + WILD),
            table(A),
            ("gone: https://*.example.edu: denied; trusted -> denied",),
            id="gone wildcard",
        ),
        pytest.param(
            table(WILD),
            table(WILD + A.replace("policy: p", "trust: denied")),
            ("new: https://a.example.edu: denied; trusted -> denied",),
            id="newly denied",
        ),
        pytest.param(
            table(""),
            table(A.replace("policy: p", "trust: denied")),
            ("new: https://a.example.edu: denied, as before",),
            id="denied by name what was denied by default",
        ),
        pytest.param(
            table(A),
            table(A.replace("policy: p", "policy: q")),
            ("wider: https://a.example.edu: consent -> trusted; backends +grades",),
            id="wider",
        ),
        pytest.param(
            table(A),
            table(A.replace("policy: p", "policy: p, read_only: true, credentials: false")),
            (
                "narrower: https://a.example.edu: "
                + "; ".join(f"methods -{method}" for method in ("DELETE", "PATCH", "POST", "PUT"))
                + "; credentials false",
            ),
            id="narrower",
        ),
        pytest.param(
            table(A),
            table(A.replace("policy: p", "policy: p, methods: [QUERY], sign_in: [campus]")),
            ("changed: https://a.example.edu: methods +QUERY; sign_in only campus",),
            id="both ways",
        ),
        pytest.param(
            table(A.replace("policy: p", "policy: p, sign_in: [campus]")),
            table(A.replace("policy: p", "policy: p, sign_in: [campus, guest]")),
            ("wider: https://a.example.edu: sign_in +guest",),
            id="one more way in",
        ),
        pytest.param(
            table(A.replace("policy: p", "policy: p, sign_in: [campus]")),
            table(A),
            ("wider: https://a.example.edu: sign_in all",),
            id="all ways in",
        ),
        pytest.param(
            table(A),
            table(A.replace("policy: p", "policy: p, max_age: 1m, limits: {bytes: 1KB/s}")),
            ("changed: https://a.example.edu: limits none -> bytes 1000 in 1s; max_age 7200s -> 60s",),
            id="neither wider nor narrower",
        ),
        pytest.param(
            table(
                A.replace("'https://a.example.edu'", "{origin: 'https://a.example.edu', expires: 2027-03-01}")
            ),
            table(
                A.replace("'https://a.example.edu'", "{origin: 'https://a.example.edu', expires: 2027-04-01}")
            ),
            ("wider: https://a.example.edu: expires 2027-03-01 -> 2027-04-01",),
            id="longer",
        ),
        pytest.param(
            table(A),
            table(A.replace("'https://a.example.edu'", "{origin: 'https://a.example.edu', book: atlas}")),
            ("changed: https://a.example.edu: books by host -> /=atlas",),
            id="another book",
        ),
        pytest.param(
            table(""),
            table("\n  h: {policy: p, origins: ['http://localhost:*', 'https://*.b.example.edu:8443']}\n"),
            (
                "new: http://localhost:*: consent (h); denied -> consent",
                "new: https://*.b.example.edu:8443: consent (h); denied -> consent",
            ),
            id="ports",
        ),
        pytest.param(
            table(""),
            table(
                "\n  n: {policy: p, credentials: false, dangerously_allow: [null-origin], origins: ['null']}"
            ),
            ("new: null: consent (n); denied -> consent",),
            id="null",
        ),
        pytest.param(
            table(A),
            table(A, "unlisted: consent\nunlisted_policy: p\n"),
            ("wider: unlisted: denied -> consent",),
            id="unlisted",
        ),
    ],
)
def test_diff(old: PolicyTable, new: PolicyTable, expected: tuple[str, ...]) -> None:
    assert diff(old, new, TODAY) == expected


def test_an_expired_entry_is_denied_in_effect() -> None:
    until = parse(EXAMPLE).table
    without = parse(replaced('        expires: "2027-03-01"\n', "\n")).table
    assert diff(until, without, date(2027, 3, 2)) == (
        "wider: https://atlas.example.edu:8443: denied -> trusted",
    )


def test_lost_are_entries_not_policies() -> None:
    denied = table(A.replace("policy: p", "trust: denied"))
    assert lost(table(A + WILD), denied) == {"https://*.example.edu"}
