"""gateway/cors.py: each rule of cross-origin requests, as a table."""

import time
from dataclasses import replace
from datetime import date

import pytest

from gateway.cors import (
    EXPOSE_HEADERS,
    METHODS,
    REQUEST_HEADERS,
    Preflight,
    Standing,
    Surface,
    Verdict,
    actual_headers,
    admit,
    is_preflight,
    judge,
    preflight,
)
from gateway.errors import CrossSiteRefusedError, GatewayError, OriginRefusedError
from gateway.origins import PolicyTable, Trust
from tests import policies

TODAY = date(2027, 1, 10)
OWN = "https://gw.example.edu"
BOOK = "https://books.example.edu"
POLICY = replace(
    policies.POLICY,
    methods=METHODS,
    request_headers=REQUEST_HEADERS | {"x-partner"},
    expose_headers=EXPOSE_HEADERS,
    max_age=600,
)
OPEN = replace(POLICY, credentials=False)
READER = replace(POLICY, methods=("GET", "HEAD"))
UNLISTED = replace(POLICY, group="unlisted", line=0, trust=Trust.CONSENT)
TABLE = PolicyTable(
    exact={
        BOOK: POLICY,
        "https://denied.example": replace(POLICY, trust=Trust.DENIED),
        "https://over.example": replace(POLICY, expires=date(2027, 1, 9)),
    },
    wildcards={},
    any_port={},
    unlisted=None,
    generation="g",
)
CONSENTING = replace(TABLE, unlisted=UNLISTED)
WITH_NULL = replace(TABLE, exact={**TABLE.exact, "null": OPEN})

NONE = Verdict(Standing.NONE)
OURS = Verdict(Standing.OWN, OWN)
GRANTED = Verdict(Standing.GRANTED, BOOK, POLICY)
REFUSED = Verdict(Standing.REFUSED, "https://denied.example", reason="origin-denied")

NOSNIFF = ("X-Content-Type-Options", "nosniff")
SAME = ("Cross-Origin-Resource-Policy", "same-origin")
CROSS = ("Cross-Origin-Resource-Policy", "cross-origin")
VARY = ("Vary", "Origin")
VARY_PREFLIGHT = ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
ALLOW = ("Access-Control-Allow-Origin", BOOK)
CREDENTIALS = ("Access-Control-Allow-Credentials", "true")
EXPOSE = ("Access-Control-Expose-Headers", ", ".join(EXPOSE_HEADERS))


@pytest.mark.parametrize(
    ("lines", "table", "expected"),
    [
        pytest.param([], TABLE, NONE, id="no Origin"),
        pytest.param([OWN], TABLE, OURS, id="ours"),
        pytest.param([BOOK], TABLE, GRANTED, id="granted"),
        pytest.param([BOOK, BOOK], TABLE, Verdict(Standing.REFUSED, reason="origin-twice"), id="two lines"),
        pytest.param([BOOK.upper()], TABLE, Verdict(Standing.REFUSED, reason="origin-malformed"), id="case"),
        pytest.param([""], TABLE, Verdict(Standing.REFUSED, reason="origin-malformed"), id="empty"),
        pytest.param(
            [f"{BOOK}, {BOOK}"], TABLE, Verdict(Standing.REFUSED, reason="origin-malformed"), id="list"
        ),
        pytest.param(
            ["https://\udcff"], TABLE, Verdict(Standing.REFUSED, reason="origin-malformed"), id="raw byte"
        ),
        pytest.param(
            ["x" * 100_000], TABLE, Verdict(Standing.REFUSED, reason="origin-malformed"), id="very long"
        ),
        pytest.param(["https://denied.example"], TABLE, REFUSED, id="denied"),
        pytest.param(
            ["https://over.example"],
            CONSENTING,
            Verdict(Standing.REFUSED, "https://over.example", reason="origin-expired"),
            id="expired, not unlisted",
        ),
        pytest.param(
            ["https://x.example"],
            TABLE,
            Verdict(Standing.REFUSED, "https://x.example", reason="origin-unlisted"),
            id="unlisted denied",
        ),
        pytest.param(
            ["https://x.example"],
            CONSENTING,
            Verdict(Standing.GRANTED, "https://x.example", UNLISTED),
            id="unlisted consent",
        ),
        pytest.param(
            ["http://x.example"],
            CONSENTING,
            Verdict(Standing.REFUSED, "http://x.example", reason="origin-not-for-unlisted"),
            id="unlisted without TLS",
        ),
        pytest.param(
            ["null"], CONSENTING, Verdict(Standing.REFUSED, "null", reason="origin-null"), id="null"
        ),
        pytest.param(["null"], WITH_NULL, Verdict(Standing.GRANTED, "null", OPEN), id="null listed"),
    ],
)
def test_judge(lines: list[str], table: PolicyTable, expected: Verdict) -> None:
    assert judge(lines, table, OWN, TODAY) == expected


@pytest.mark.parametrize(
    ("method", "origins", "asked", "expected"),
    [
        pytest.param("OPTIONS", [BOOK], ["GET"], True, id="preflight"),
        pytest.param("OPTIONS", [BOOK], [""], True, id="empty method"),
        pytest.param("OPTIONS", [], ["GET"], False, id="no Origin"),
        pytest.param("OPTIONS", [BOOK], [], False, id="no method"),
        pytest.param("GET", [BOOK], ["GET"], False, id="not OPTIONS"),
        pytest.param("options", [BOOK], ["GET"], False, id="case"),
    ],
)
def test_is_preflight(method: str, origins: list[str], asked: list[str], *, expected: bool) -> None:
    assert is_preflight(method, origins, asked) is expected


@pytest.mark.parametrize(
    ("verdict", "surface", "expected"),
    [
        pytest.param(
            GRANTED, Surface.PROXIED, (ALLOW, CREDENTIALS, EXPOSE, VARY, NOSNIFF, SAME), id="granted"
        ),
        pytest.param(
            Verdict(Standing.GRANTED, BOOK, replace(OPEN, expose_headers=())),
            Surface.PROXIED,
            (ALLOW, VARY, NOSNIFF, SAME),
            id="without credentials",
        ),
        pytest.param(
            Verdict(Standing.GRANTED, "null", POLICY),
            Surface.PROXIED,
            (("Access-Control-Allow-Origin", "null"), EXPOSE, VARY, NOSNIFF, SAME),
            id="null never with credentials",
        ),
        pytest.param(REFUSED, Surface.PROXIED, (VARY, NOSNIFF, SAME), id="refused"),
        pytest.param(NONE, Surface.PROXIED, (VARY, NOSNIFF, SAME), id="no Origin"),
        pytest.param(OURS, Surface.PROXIED, (VARY, NOSNIFF, SAME), id="ours"),
        pytest.param(
            GRANTED, Surface.PROTOCOL, (ALLOW, CREDENTIALS, EXPOSE, VARY, NOSNIFF, SAME), id="protocol"
        ),
        pytest.param(REFUSED, Surface.PROTOCOL, (VARY, NOSNIFF, SAME), id="protocol refused"),
        pytest.param(GRANTED, Surface.PAGE, (VARY, NOSNIFF, SAME), id="page"),
        pytest.param(GRANTED, Surface.CALLBACK, (VARY, NOSNIFF, SAME), id="callback"),
        pytest.param(GRANTED, Surface.SERVER, (VARY, NOSNIFF, SAME), id="for a provider's server"),
        *(
            pytest.param(
                verdict,
                Surface.PUBLIC,
                (
                    ("Access-Control-Allow-Origin", "*"),
                    ("Access-Control-Expose-Headers", "etag, x-request-id"),
                    VARY,
                    NOSNIFF,
                    CROSS,
                ),
                id=f"public document, {verdict.standing.value}",
            )
            for verdict in (GRANTED, REFUSED, NONE, OURS)
        ),
    ],
)
def test_actual_headers(verdict: Verdict, surface: Surface, expected: tuple[tuple[str, str], ...]) -> None:
    assert actual_headers(verdict, surface, ()) == expected


def test_embedded_route() -> None:
    assert actual_headers(NONE, Surface.PROXIED, (), embed=True) == (VARY, NOSNIFF, CROSS)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], "Origin", id="none"),
        pytest.param(["Accept-Encoding"], "Accept-Encoding, Origin", id="one"),
        pytest.param(["Accept, Cookie", "accept", " Range "], "Accept, Cookie, Range, Origin", id="several"),
        pytest.param(["origin"], "origin", id="already there"),
        pytest.param(["*"], "*, Origin", id="star"),
        pytest.param(["", ",,", "a b", "x\r\ny"], "Origin", id="not names"),
    ],
)
def test_vary_is_merged(lines: list[str], expected: str) -> None:
    assert dict(actual_headers(NONE, Surface.PROXIED, lines))["Vary"] == expected


PLAIN = (VARY_PREFLIGHT, NOSNIFF, SAME)


def granted(methods: str, headers: str, max_age: str, *rest: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return (
        *rest,
        ("Access-Control-Allow-Methods", methods),
        ("Access-Control-Allow-Headers", headers),
        ("Access-Control-Max-Age", max_age),
        *PLAIN,
    )


PROXIED = granted(
    "GET, HEAD, POST, PUT, PATCH, DELETE",
    ", ".join(sorted(REQUEST_HEADERS | {"x-partner"})),
    "600",
    ALLOW,
    CREDENTIALS,
)


@pytest.mark.parametrize(
    ("method", "headers", "reason"),
    [
        pytest.param("PUT", ["content-type"], None, id="granted"),
        pytest.param("PUT", [], None, id="no headers"),
        pytest.param("PUT", [""], None, id="empty headers"),
        pytest.param("PUT", [" If-Match ,,\tX-PARTNER ,", "dpop"], None, id="lines, blanks, case"),
        pytest.param("patch", [], "method-not-granted", id="methods have case"),
        pytest.param("PROPFIND", [], "method-not-granted", id="unknown method is not echoed"),
        pytest.param("PUT", ["x-other"], "header-not-granted", id="unknown header is not echoed"),
        pytest.param("PUT", ["*"], "header-not-granted", id="star is a name"),
    ],
)
def test_preflight_lists_the_policy(method: str, headers: list[str], reason: str | None) -> None:
    assert preflight(GRANTED, Surface.PROXIED, [method], headers) == Preflight(204, PROXIED, reason)


@pytest.mark.parametrize(
    ("methods", "headers", "reason"),
    [
        pytest.param(["PUT", "PUT"], [], "asked-method-malformed", id="two methods"),
        pytest.param([""], [], "asked-method-malformed", id="empty method"),
        pytest.param(["P UT"], [], "asked-method-malformed", id="blank in the method"),
        pytest.param(["P" * 65], [], "asked-method-malformed", id="long method"),
        pytest.param(["PUT"], ["a b"], "asked-headers-malformed", id="blank"),
        pytest.param(["PUT"], ["a:b"], "asked-headers-malformed", id="colon"),
        pytest.param(["PUT"], ["\xe4"], "asked-headers-malformed", id="not ASCII"),
        pytest.param(["PUT"], ["a" * 4097], "asked-headers-malformed", id="too long"),
        pytest.param(["PUT"], ["a"] * 17, "asked-headers-malformed", id="too many lines"),
        pytest.param(["PUT"], ["," * 128], "asked-headers-malformed", id="too many names"),
    ],
)
def test_preflight_refuses_what_no_browser_sends(methods: list[str], headers: list[str], reason: str) -> None:
    assert preflight(GRANTED, Surface.PROXIED, methods, headers) == Preflight(403, PLAIN, reason)


PUBLIC_PREFLIGHT = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, HEAD"),
    ("Access-Control-Allow-Headers", "content-type, if-none-match, x-request-id"),
    ("Access-Control-Max-Age", "7200"),
    VARY_PREFLIGHT,
    NOSNIFF,
    CROSS,
)


@pytest.mark.parametrize(
    ("verdict", "surface", "expected"),
    [
        pytest.param(REFUSED, Surface.PROXIED, Preflight(403, PLAIN, "origin-denied"), id="denied"),
        pytest.param(REFUSED, Surface.PROTOCOL, Preflight(403, PLAIN, "origin-denied"), id="denied at ours"),
        pytest.param(GRANTED, Surface.PAGE, Preflight(403, PLAIN, "surface-not-for-books"), id="page"),
        pytest.param(
            GRANTED, Surface.CALLBACK, Preflight(403, PLAIN, "surface-not-for-books"), id="callback"
        ),
        pytest.param(OURS, Surface.PROXIED, Preflight(204, PLAIN), id="ours is never refused"),
        pytest.param(REFUSED, Surface.PUBLIC, Preflight(204, PUBLIC_PREFLIGHT), id="public document"),
        pytest.param(
            Verdict(Standing.GRANTED, BOOK, READER),
            Surface.PROTOCOL,
            Preflight(
                204,
                granted(
                    "GET, POST",
                    "authorization, content-type, dpop, x-bookgate-person, x-request-id",
                    "7200",
                    ALLOW,
                    CREDENTIALS,
                ),
            ),
            id="protocol: fixed for everybody",
        ),
        pytest.param(
            Verdict(
                Standing.GRANTED, BOOK, replace(READER, request_headers=frozenset({"dpop"}), max_age=9000)
            ),
            Surface.PROXIED,
            Preflight(204, granted("GET, HEAD", "dpop", "7200", ALLOW, CREDENTIALS)),
            id="max-age is capped",
        ),
    ],
)
def test_preflight_by_surface(verdict: Verdict, surface: Surface, expected: Preflight) -> None:
    assert preflight(verdict, surface, ["GET"], []) == expected


def test_a_spoofed_header_list_costs_nothing() -> None:
    hostile = ["," * 4_000_000]
    began = time.perf_counter()
    assert preflight(GRANTED, Surface.PROXIED, ["GET"], hostile).status == 403
    assert time.perf_counter() - began < 0.5


ADMITTED = None


@pytest.mark.parametrize(
    ("verdict", "surface", "method", "site", "refusal"),
    [
        pytest.param(GRANTED, Surface.PROXIED, "POST", "cross-site", ADMITTED, id="granted"),
        pytest.param(REFUSED, Surface.PROXIED, "POST", "cross-site", OriginRefusedError, id="form post"),
        pytest.param(REFUSED, Surface.PROXIED, "GET", "cross-site", OriginRefusedError, id="refused GET"),
        pytest.param(REFUSED, Surface.PROXIED, "OPTIONS", None, OriginRefusedError, id="refused OPTIONS"),
        pytest.param(REFUSED, Surface.PROTOCOL, "POST", None, OriginRefusedError, id="refused at ours"),
        pytest.param(REFUSED, Surface.PAGE, "GET", None, OriginRefusedError, id="refused at a page"),
        pytest.param(REFUSED, Surface.PUBLIC, "GET", "cross-site", ADMITTED, id="public document"),
        pytest.param(REFUSED, Surface.CALLBACK, "POST", "cross-site", ADMITTED, id="callback"),
        pytest.param(NONE, Surface.SERVER, "POST", None, ADMITTED, id="a provider's server"),
        pytest.param(NONE, Surface.PROXIED, "GET", "cross-site", ADMITTED, id="image"),
        pytest.param(NONE, Surface.PROXIED, "POST", None, ADMITTED, id="not a browser"),
        pytest.param(NONE, Surface.PROXIED, "POST", "same-origin", ADMITTED, id="same origin"),
        pytest.param(NONE, Surface.PROXIED, "POST", "cross-site", CrossSiteRefusedError, id="lost Origin"),
        pytest.param(NONE, Surface.PROXIED, "PURGE", "same-site", CrossSiteRefusedError, id="sibling"),
        pytest.param(NONE, Surface.PROTOCOL, "POST", "cross-site", CrossSiteRefusedError, id="lost at ours"),
        pytest.param(OURS, Surface.PROXIED, "POST", "same-origin", ADMITTED, id="ours"),
        pytest.param(OURS, Surface.PAGE, "POST", "same-origin", ADMITTED, id="our form"),
        pytest.param(GRANTED, Surface.PAGE, "POST", "cross-site", OriginRefusedError, id="a book's form"),
        pytest.param(GRANTED, Surface.PAGE, "GET", "cross-site", ADMITTED, id="a book's navigation"),
        pytest.param(NONE, Surface.PAGE, "POST", None, OriginRefusedError, id="form without Origin"),
        pytest.param(NONE, Surface.PAGE, "GET", "cross-site", ADMITTED, id="a link"),
        pytest.param(
            Verdict(Standing.GRANTED, BOOK, READER),
            Surface.PROXIED,
            "POST",
            None,
            OriginRefusedError,
            id="read only",
        ),
        pytest.param(
            Verdict(Standing.GRANTED, BOOK, READER),
            Surface.PROTOCOL,
            "POST",
            None,
            ADMITTED,
            id="read only signs in",
        ),
    ],
)
def test_admit(
    verdict: Verdict, surface: Surface, method: str, site: str | None, refusal: type[GatewayError] | None
) -> None:
    if refusal is None:
        admit(verdict, surface, method, site)
        return
    with pytest.raises(refusal):
        admit(verdict, surface, method, site)


def test_the_reason_stays_in_the_log() -> None:
    with pytest.raises(OriginRefusedError) as caught:
        admit(REFUSED, Surface.PROXIED, "GET", None)
    assert caught.value.detail == "origin-denied"
    assert "denied" not in caught.value.description
