from dataclasses import replace

import pytest
from msgspec import structs

from gateway.cors import Standing, Verdict
from gateway.errors import (
    ConsentRequiredError,
    CrossSiteRefusedError,
    ForbiddenError,
    GatewayError,
    InvalidRequestError,
    LoginRequiredError,
    MethodNotAllowedError,
    NotFoundError,
    OriginRefusedError,
    PayloadTooLargeError,
    PersonChangedError,
    SignInRequiredError,
)
from gateway.identity import Caller
from gateway.origins import Policy, Trust
from gateway.proxy.decide import (
    Forward,
    Matched,
    NeedSession,
    Site,
    decide,
    identify,
    outgoing,
    target,
)
from gateway.proxy.head import Head
from gateway.routes import AssertionRule, RouteTable
from tests.system.data_path import ROUTES, TRUSTED, backend

BOOK = "https://books.example.edu"
STORAGE = backend("http://10.0.0.5:8001/base/")
OTHER = replace(
    backend("http://10.0.0.6:8002/", "other"),
    assertion=AssertionRule("Authorization", "Bearer"),
    headers={"X-User": "campus.username"},
)
SITE = Site.of("https://gw.test", RouteTable(ROUTES, {"storage": STORAGE, "other": OTHER}))
GRANTED = Verdict(Standing.GRANTED, BOOK, TRUSTED)
NONE = Verdict(Standing.NONE)
NOW = 1_000_000
ADA = Caller("s.k", "ada", "Ada", "campus", BOOK, 1)


def head(
    path: str = "/storage/x", *lines: tuple[str, str], method: str = "GET", length: int | None = None
) -> Head:
    return Head(method, path, None, lines, length, chunked=False)


def matched(*lines: tuple[str, str], path: str = "/storage/x", verdict: Verdict = GRANTED) -> Matched:
    return decide(head(path, *lines), verdict, SITE).matched


def subject(person: str, origin: str) -> str:
    return f"{person}@{origin}"


def clock() -> float:
    return NOW


def test_a_site_knows_every_identity_header() -> None:
    assert SITE.reserved == {"x-bookgate-assertion", "x-bookgate-provider-token", "authorization", "x-user"}
    assert (SITE.scheme, SITE.authority) == ("https", "gw.test")
    assert SITE.hosts == {"gw.test", "gw.test:443"}


def test_a_route_that_needs_a_session_asks_for_it() -> None:
    step = decide(head(), GRANTED, SITE)
    assert isinstance(step, NeedSession)
    assert (step.matched.backend, step.matched.policy, step.matched.book) == (
        STORAGE,
        TRUSTED,
        "books.example.edu",
    )
    assert identify(step, ADA, subject, clock) == Forward(step.matched, ADA)


def test_a_public_route_asks_for_nobody() -> None:
    step = decide(head("/public/x"), NONE, SITE)
    assert isinstance(step, Forward)
    assert (step.caller, step.matched.origin, step.matched.book) == (None, None, None)


@pytest.mark.parametrize(
    ("asked", "verdict", "refusal"),
    [
        pytest.param(head(), Verdict(Standing.REFUSED, reason="x"), OriginRefusedError, id="refused origin"),
        pytest.param(
            head("/public/x", ("sec-fetch-site", "cross-site"), method="POST"),
            NONE,
            CrossSiteRefusedError,
            id="another site without an origin",
        ),
        pytest.param(head("/nothing"), GRANTED, NotFoundError, id="no route"),
        pytest.param(head("/storage/internal/x"), GRANTED, NotFoundError, id="internal"),
        pytest.param(head("/storage/x/InterNal"), GRANTED, NotFoundError, id="internal in any case"),
        pytest.param(head("/other/x"), GRANTED, ForbiddenError, id="a backend that is not granted"),
        pytest.param(
            head("/storage/few/x", method="POST"), GRANTED, MethodNotAllowedError, id="route's methods"
        ),
        pytest.param(head(method="OPTIONS"), GRANTED, MethodNotAllowedError, id="policy's methods"),
        pytest.param(
            head("/public/w.js", ("service-worker", "script")), NONE, ForbiddenError, id="service worker"
        ),
        pytest.param(
            head("/public/x", method="POST", length=100_001), NONE, PayloadTooLargeError, id="too long"
        ),
    ],
)
def test_refusals_without_a_session(asked: Head, verdict: Verdict, refusal: type[GatewayError]) -> None:
    with pytest.raises(refusal):
        decide(asked, verdict, SITE)


def test_the_allowed_methods_are_told() -> None:
    with pytest.raises(MethodNotAllowedError) as refusal:
        decide(head("/storage/few/x", method="POST"), GRANTED, SITE)
    assert refusal.value.allow == ("GET",)
    assert isinstance(decide(head("/public/x", method="OPTIONS"), NONE, SITE), Forward)


SHAKE = (("connection", "upgrade"), ("upgrade", "websocket"))
WHOLE = (*SHAKE, ("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))


def test_websockets() -> None:
    assert matched(*WHOLE).is_websocket
    with pytest.raises(InvalidRequestError):
        matched(*SHAKE)
    dumb = replace(STORAGE, websocket=False)
    site = Site.of("https://gw.test", RouteTable(ROUTES, {"storage": dumb}))
    with pytest.raises(ForbiddenError):
        decide(head("/storage/x", *WHOLE), GRANTED, site)


def test_an_origin_that_may_only_read_opens_no_websocket() -> None:
    reading = replace(GRANTED, policy=replace(TRUSTED, methods=("GET", "HEAD")))
    assert isinstance(decide(head("/storage/x"), reading, SITE), NeedSession)
    with pytest.raises(ForbiddenError):
        decide(head("/storage/x", *WHOLE), reading, SITE)


BOOKS = replace(TRUSTED, books={"/cs1/": "ada-cs1", "/logic/": "ada-logic"})


@pytest.mark.parametrize(
    ("policy", "origin", "named", "book"),
    [
        pytest.param(TRUSTED, BOOK, None, "books.example.edu", id="the host"),
        pytest.param(TRUSTED, "https://b.edu:8443", None, "b.edu-8443", id="and its port"),
        pytest.param(TRUSTED, BOOK, "books.example.edu", "books.example.edu", id="named"),
        pytest.param(BOOKS, BOOK, None, "ada-cs1", id="the first"),
        pytest.param(BOOKS, BOOK, "ada-logic", "ada-logic", id="one of several"),
        pytest.param(TRUSTED, "null", None, None, id="null has none"),
    ],
)
def test_the_book(policy: Policy, origin: str, named: str | None, book: str | None) -> None:
    lines = () if named is None else (("x-bookgate-book", named),)
    assert matched(*lines, verdict=Verdict(Standing.GRANTED, origin, policy)).book == book


@pytest.mark.parametrize(("policy", "origin"), [(TRUSTED, BOOK), (BOOKS, BOOK), (TRUSTED, "null")])
def test_no_book_of_this_origin(policy: Policy, origin: str) -> None:
    with pytest.raises(InvalidRequestError):
        matched(("x-bookgate-book", "other"), verdict=Verdict(Standing.GRANTED, origin, policy))


def offering(*protocols: str) -> tuple[tuple[str, str], ...]:
    return (*WHOLE, ("sec-websocket-protocol", ", ".join(protocols)))


@pytest.mark.parametrize(
    ("lines", "book"),
    [
        pytest.param(offering("v2.page", "bookgate"), "ada-cs1", id="the first"),
        pytest.param(offering("v2.page", "bookgate.book.ada-logic"), "ada-logic", id="in a subprotocol"),
        pytest.param((*offering("x"), ("x-bookgate-book", "ada-logic")), "ada-logic", id="in the header"),
    ],
)
def test_the_book_of_a_websocket(lines: tuple[tuple[str, str], ...], book: str) -> None:
    assert matched(*lines, verdict=Verdict(Standing.GRANTED, BOOK, BOOKS)).book == book


def test_a_subprotocol_names_a_book_once_and_on_websockets_only() -> None:
    verdict = Verdict(Standing.GRANTED, BOOK, BOOKS)
    with pytest.raises(InvalidRequestError):
        matched(*offering("bookgate.book.ada-logic", "bookgate.book.ada-cs1"), verdict=verdict)
    with pytest.raises(InvalidRequestError):
        matched(*offering("bookgate.book.other"), verdict=verdict)
    plain = ("sec-websocket-protocol", "bookgate.book.ada-logic")
    assert matched(plain, verdict=verdict).book == "ada-cs1"


def test_a_websocket_of_somebody_else_is_refused() -> None:
    with pytest.raises(PersonChangedError):
        identify(NeedSession(matched(*offering("bookgate.person.somebody-else"))), ADA, subject, clock)


CONSENTING = Verdict(Standing.GRANTED, BOOK, replace(TRUSTED, trust=Trust.CONSENT))


@pytest.mark.parametrize(
    ("path", "verdict", "lines", "refusal"),
    [
        pytest.param("/storage/x", GRANTED, (), LoginRequiredError, id="trusted"),
        pytest.param("/storage/x", CONSENTING, (), ConsentRequiredError, id="consent"),
        pytest.param("/storage/x", NONE, (), LoginRequiredError, id="no origin"),
        pytest.param("/maybe/x", GRANTED, (("x-bookgate-person", "p"),), LoginRequiredError, id="believed"),
        pytest.param(
            "/maybe/x", CONSENTING, (("x-bookgate-person", "p"),), ConsentRequiredError, id="believed too"
        ),
    ],
)
def test_nobody_is_refused(
    path: str, verdict: Verdict, lines: tuple[tuple[str, str], ...], refusal: type[GatewayError]
) -> None:
    with pytest.raises(refusal):
        identify(NeedSession(matched(*lines, path=path, verdict=verdict)), None, subject, clock)


def test_an_optional_route_serves_nobody() -> None:
    need = NeedSession(matched(path="/maybe/x"))
    assert identify(need, None, subject, clock) == Forward(need.matched, None)


def test_a_session_of_another_origin_is_nobody_s() -> None:
    with pytest.raises(LoginRequiredError):
        identify(NeedSession(matched()), replace(ADA, origin="https://x.edu"), subject, clock)


def test_the_person_that_the_page_believes_in() -> None:
    right = NeedSession(matched(("x-bookgate-person", f"ada@{BOOK}")))
    assert identify(right, ADA, subject, clock).caller == ADA
    with pytest.raises(PersonChangedError):
        identify(right, replace(ADA, person="ben"), subject, clock)


GUEST = replace(ADA, is_guest=True, name=None, provider="guest")
WELCOMING = replace(SITE, routes=replace(SITE.routes, backends={"storage": replace(STORAGE, guests=True)}))


def test_a_guest_at_a_backend_that_takes_them() -> None:
    need = decide(head(), GRANTED, WELCOMING)
    assert isinstance(need, NeedSession)
    assert identify(need, GUEST, subject, clock) == Forward(need.matched, GUEST)


def test_a_guest_at_a_backend_that_takes_none() -> None:
    with pytest.raises(SignInRequiredError):
        identify(NeedSession(matched()), GUEST, subject, clock)


def test_a_guest_where_nobody_has_to_sign_in_is_nobody() -> None:
    need = NeedSession(matched(path="/maybe/x"))
    assert identify(need, GUEST, subject, clock) == Forward(need.matched, None)


def test_a_guest_whom_the_page_believes_in_is_not_taken_for_nobody() -> None:
    with pytest.raises(SignInRequiredError):
        identify(
            NeedSession(matched(("x-bookgate-person", f"ada@{BOOK}"), path="/maybe/x")), GUEST, subject, clock
        )


def test_length_is_looked_at_after_the_session() -> None:
    need = decide(head(method="POST", length=100_001), GRANTED, SITE)
    assert isinstance(need, NeedSession)
    with pytest.raises(LoginRequiredError):
        identify(need, None, subject, clock)
    with pytest.raises(PayloadTooLargeError):
        identify(need, ADA, subject, clock)


@pytest.mark.parametrize(
    ("path", "query", "sent"),
    [
        ("/storage/v1/x", None, "/base/v1/x"),
        ("/storage/", None, "/base/"),
        ("/storage", None, "/base/"),
        ("/storage/storage/x", "", "/base/storage/x?"),
        ("/whole/x", "a=/storage/", "/base/whole/x?a=/storage/"),
    ],
)
def test_targets(path: str, query: str | None, sent: str) -> None:
    step = decide(structs.replace(head(path), query=query), GRANTED, SITE)
    assert target(step.matched) == sent


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
IDENTITY = (("X-Id", "ada"),)


def sent(*lines: tuple[str, str], client: str | None = "203.0.113.9", **changed: object) -> dict[str, str]:
    one = matched(*lines)
    one = structs.replace(one, backend=replace(STORAGE, **changed))  # type: ignore[arg-type]  # names of its fields
    headers = outgoing(one, SITE, client=client, request_id="r", trace=TRACE, identity=IDENTITY)
    assert headers[-1] == ("X-Id", "ada")
    return dict(headers)


ALWAYS = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "gw.test",
    "X-Request-Id": "r",
    "traceparent": TRACE,
    "X-Id": "ada",
}


def test_what_a_backend_receives() -> None:
    said = (("cookie", "a=1; b=2"), ("origin", BOOK), ("x-id", "ben"), ("accept", "x"))
    assert sent(*said) == {**ALWAYS, "accept": "x", "X-Forwarded-For": "203.0.113.9"}
    assert sent(client=None) == ALWAYS


def test_a_client_may_say_which_trace_it_is() -> None:
    one = matched(("traceparent", TRACE))
    headers = outgoing(one, SITE, client=None, request_id="r", trace=TRACE, identity=IDENTITY)
    assert [value for name, value in headers if name == "traceparent"] == [TRACE]


@pytest.mark.parametrize(
    ("field", "value", "header"),
    [
        ("host", "public", ("Host", "gw.test")),
        ("host", "grades.internal", ("Host", "grades.internal")),
        ("origin", "send", ("Origin", BOOK)),
        ("request_cookies", frozenset({"b"}), ("Cookie", "b=2")),
    ],
)
def test_what_a_backend_may_be_sent_besides(field: str, value: object, header: tuple[str, str]) -> None:
    headers = sent(("cookie", "a=1; b=2"), client=None, **{field: value})
    assert headers == {**ALWAYS, header[0]: header[1]}


def test_without_an_origin_there_is_none_to_send_and_no_policy_to_add_names() -> None:
    one = matched(("x-partner", "p"), path="/public/x", verdict=NONE)
    one = structs.replace(one, backend=replace(STORAGE, origin="send"))
    headers = outgoing(one, SITE, client=None, request_id="r", trace=TRACE, identity=())
    assert dict(headers) == {name: value for name, value in ALWAYS.items() if name != "X-Id"}
