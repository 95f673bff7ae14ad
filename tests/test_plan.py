"""What is remembered of a decision says of others of its kind what the decision would say."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cookies import book_name, guest_name
from gateway.cors import Verdict
from gateway.errors import GatewayError
from gateway.known import Known, caller_of
from gateway.origins import Policy, PolicyTable
from gateway.proxy.decide import Forward, NeedSession, Site, decide, request_head
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head, parse
from gateway.proxy.plan import MOST, Plan, Plans
from gateway.routes import Address, Backend, RouteTable, SignInNeed
from gateway.verdicts import Verdicts
from tests.system.data_path import BOOK, PUBLIC, TABLE, TWO_BOOKS, backend, live, route

ADDRESS = Address.of("http://10.0.0.5:8001/base/")
NOW = 1_800_000_000.0
TODAY = date(2027, 1, 15)
TRACE = f"00-{'a' * 32}-{'b' * 16}-00"
_LINES = Lines()


def site(kept: Backend) -> Site:
    whole = route("/whole/", SignInNeed.OPTIONAL, strip=False)
    routes = (route("/storage/"), route("/public/", SignInNeed.NONE), whole)
    return Site.of(PUBLIC, RouteTable(routes, {kept.name: kept}))


SITE = site(replace(backend("http://10.0.0.5:8001/base/"), max_body=100))
SENDS = site(replace(backend("http://10.0.0.5:8001/base/"), origin="send", host="grades.internal"))

_ORIGINS = [BOOK, TWO_BOOKS, "https://evil.example.net", PUBLIC, "null", "x"]
_SAID = st.lists(
    st.one_of(
        st.tuples(st.just("Origin"), st.sampled_from(_ORIGINS)),
        st.tuples(st.just("Sec-Fetch-Site"), st.sampled_from(["cross-site", "same-origin", "none"])),
        st.tuples(st.just("X-Bookgate-Book"), st.sampled_from(["cs1", "cs2", "x"])),
        st.tuples(st.just("Connection"), st.sampled_from(["close", "keep-alive", "accept", "upgrade"])),
        st.tuples(
            st.sampled_from(["Accept", "Content-Type", "X-Partner", "Cookie", "X-Forwarded-For", "X-User"]),
            st.sampled_from(["a", "b; c=d"]),
        ),
        st.sampled_from(
            [
                ("Upgrade", "websocket"),
                ("Expect", "100-continue"),
                ("Service-Worker", "script"),
                ("Authorization", "DPoP x"),
                ("traceparent", TRACE),
                ("traceparent", "x"),
                ("tracestate", "a=b"),
                ("Content-Length", "3"),
                ("Content-Length", "0"),
                ("Content-Length", "200"),
                ("Transfer-Encoding", "chunked"),
            ]
        ),
    ),
    max_size=5,
)
_ASKED = st.tuples(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
    st.sampled_from(
        [
            "/storage/a",
            "/storage/a?q=%zz",
            "/storage",
            "/whole/a?",
            "/public/a",
            "/nowhere",
            "/storage/internal/a",
            "/storage/Internal",
            "/storage/%41",
            "/auth/token",
        ]
    ),
    _SAID,
)
Asked = tuple[str, str, list[tuple[str, str]]]


def read(asked: Asked) -> Head | None:
    method, target, lines = asked
    pairs = [(name.encode(), value.encode()) for name, value in (("Host", "gw.test"), *lines)]
    try:
        return parse(method, target, (1, 1), pairs, _LINES, hosts=SITE.hosts, max_bytes=10_000)
    except GatewayError:
        return None


def verdict(head: Head, table: PolicyTable = TABLE.current) -> Verdict:
    return Verdicts(PUBLIC).of(head.lines("origin"), table, TODAY)


def decided(head: Head, rules: Site) -> Forward | NeedSession | None:
    try:
        return decide(head, verdict(head), rules)
    except GatewayError:
        return None


def kept(plans: Plans, head: Head, rules: Site = SITE) -> None:
    plans.find(head, TABLE.current, NOW)
    step = decided(head, rules)
    assert step is not None
    plans.keep(step, verdict(head), TABLE.current)


@given(_ASKED, _ASKED, st.sampled_from([SITE, SENDS]))
def test_as_it_would_be_decided(first: Asked, second: Asked, rules: Site) -> None:
    plans, heads = Plans(rules), (read(first), read(second))
    for head in heads:
        if head is None:
            continue
        plan, step = plans.find(head, TABLE.current, NOW), decided(head, rules)
        if plan is not None and (head.length or 0) <= plan.backend.max_body:
            same(plan, head, step, rules)
        if step is not None:
            plans.keep(step, verdict(head), TABLE.current)
            own = plans.find(head, TABLE.current, NOW)
            if own is not None:
                same(own, head, step, rules)


def same(plan: Plan, head: Head, step: Forward | NeedSession | None, rules: Site) -> None:
    assert step is not None
    assert plan.matched(head) == step.matched
    assert plan.needs_session == isinstance(step, NeedSession)
    assert plan.verdict == verdict(head)
    identity = (("X-Bookgate-Assertion", "x.y.z"),)
    expected = request_head(
        step.matched,
        rules,
        ADDRESS,
        client="::1",
        request_id="r",
        trace=TRACE,
        identity=identity,
    )
    text = "X-Bookgate-Assertion: x.y.z\r\n"
    assert plan.request_head(head, ADDRESS.authority, "::1", "r", TRACE, text) == expected


def head_of(*lines: tuple[str, str], method: str = "GET", target: str = "/storage/a") -> Head:
    found = read((method, target, [("Origin", BOOK), *lines]))
    assert found is not None
    return found


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("lines", [(), (("Content-Length", "3"),), (("Accept", "a"), ("X-User", "b"))])
@pytest.mark.parametrize("target", ["/storage/a", "/storage", "/whole/x?y", "/public/"])
def test_nearly_all_are_remembered(method: str, lines: tuple[tuple[str, str], ...], target: str) -> None:
    plans, head = Plans(SITE), head_of(*lines, method=method, target=target)
    kept(plans, head)
    plan = plans.find(head, TABLE.current, NOW)
    assert plan is not None
    same(plan, head, decided(head, SITE), SITE)


def test_who_is_not_told_of_the_client() -> None:
    plans, head = Plans(SITE), head_of()
    kept(plans, head)
    plan, step = plans.find(head, TABLE.current, NOW), decided(head, SITE)
    assert plan is not None
    assert step is not None
    expected = request_head(
        step.matched, SITE, ADDRESS, client=None, request_id="r", trace=TRACE, identity=()
    )
    assert plan.request_head(head, ADDRESS.authority, None, "r", TRACE, "") == expected


@pytest.mark.parametrize("change", ["origin", "book", "method", "route", "order"])
def test_of_another_kind_nothing_is_known(change: str) -> None:
    plans = Plans(SITE)
    kept(plans, head_of(("Accept", "a"), ("Sec-Fetch-Site", "cross-site")))
    others = {
        "origin": read(("GET", "/storage/a", [("Origin", TWO_BOOKS), ("Accept", "a")])),
        "book": head_of(("Accept", "a"), ("X-Bookgate-Book", "cs2")),
        "method": head_of(("Accept", "a"), ("Sec-Fetch-Site", "cross-site"), method="DELETE"),
        "route": head_of(("Accept", "a"), ("Sec-Fetch-Site", "cross-site"), target="/public/a"),
        "order": head_of(("Sec-Fetch-Site", "same-origin"), ("Accept", "a")),
    }
    other = others[change]
    assert other is not None
    assert plans.find(other, TABLE.current, NOW) is None


@pytest.mark.parametrize("target", ["/storage/internal", "/storage/%C3%A9", "/auth/token", "/nowhere"])
def test_a_path_is_asked_of_each(target: str) -> None:
    plans = Plans(SITE)
    kept(plans, head_of())
    assert plans.find(head_of(target=target), TABLE.current, NOW) is None


def test_another_policy_and_another_day_begin_anew() -> None:
    plans, head = Plans(SITE), head_of()
    kept(plans, head)
    assert plans.find(head, TABLE.current, NOW) is not None
    assert plans.find(head, replace(TABLE.current), NOW) is None
    kept(plans, head)
    assert plans.find(head, TABLE.current, NOW + 86400) is None
    kept(plans, head)
    assert plans.find(head, TABLE.current, NOW - 86400) is None


def test_only_so_many_are_kept() -> None:
    plans, first = Plans(SITE), head_of()
    kept(plans, first)
    for number in range(MOST):
        lines = (
            [("Accept", "a")] * (number % 200),
            [("Sec-Fetch-Site", "cross-site")],
            [("Accept", "a")] * (number // 200),
        )
        head = read(("GET", "/storage/a", [("Origin", BOOK), *lines[0], *lines[1], *lines[2]]))
        assert head is not None
        kept(plans, head)
    assert plans.find(first, TABLE.current, NOW) is None


@pytest.mark.parametrize(
    "other", [{"request_cookies": frozenset({"a"})}, {"provider_token": "campus"}], ids=["cookies", "token"]
)
def test_what_each_has_of_its_own_is_not_remembered(other: dict[str, object]) -> None:
    rules = site(replace(backend("http://10.0.0.5:8001/base/"), **other))  # type: ignore[arg-type]
    plans, head = Plans(rules), head_of()
    kept(plans, head, rules)
    assert plans.find(head, TABLE.current, NOW) is None


def test_a_head_that_was_put_together_has_no_kind() -> None:
    plans, made = Plans(SITE), Head("GET", "/storage/a", None, (("origin", BOOK),), None, chunked=False)
    kept(plans, made)
    assert plans.find(made, TABLE.current, NOW) is None


# --- whose session


def the_plan() -> Plan:
    """Of what the book asks of its storage."""
    plans, head = Plans(SITE), head_of()
    kept(plans, head)
    found = plans.find(head, TABLE.current, NOW)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (("NAME=a",), "a"),
        (("x=y; NAME=a",), "a"),
        (("x=y", "NAME=a"), "a"),
        ((), None),
        (("x=y",), None),
        (("GUEST=b",), "b"),
        (("NAME=a; GUEST=b",), None),
        (("NAME=a", "GUEST=b"), None),
    ],
)
def test_the_one_cookie_that_names_a_session(lines: tuple[str, ...], value: str | None) -> None:
    own, guest = book_name(BOOK), guest_name(BOOK)
    said = [("Cookie", line.replace("NAME", own).replace("GUEST", guest)) for line in lines]
    assert the_plan().cookie_value(head_of(*said)) == value


def served(policy: Policy | None = None, origin: str = BOOK, *, guest: bool = False) -> Known:
    found = live("ada", origin)
    known = Known(found, replace(caller_of(found), is_guest=guest), "hash")
    known.admitted = policy
    return known


def test_whom_it_fits() -> None:
    plan = the_plan()
    ends = served().ends
    assert plan.fits(served(plan.policy), ends - 1)
    assert not plan.fits(served(plan.policy), ends)
    assert not plan.fits(served(), ends - 1)
    assert not plan.fits(served(plan.policy, TWO_BOOKS), ends - 1)
    assert not plan.fits(served(plan.policy, guest=True), ends - 1)
