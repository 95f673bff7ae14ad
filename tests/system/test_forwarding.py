"""What a backend receives of a request, byte by byte."""

import re
from dataclasses import replace

import pytest

from gateway.routes import AssertionRule, Subject
from tests.system.data_path import (
    BOOK,
    DataPath,
    backend,
    data_path,
)
from tests.system.recording_backend import RecordingBackend, saying


async def test_a_book_s_request_arrives_as_its_person_and_as_nobody_else(
    path: DataPath, recorder: RecordingBackend
) -> None:
    answer = await path.ask("/storage/v1/items/1?kind=answer&x[]=%zz")
    assert (answer.status, answer.body) == (200, b"{}")
    assert recorder.last.line == "GET /v1/items/1?kind=answer&x[]=%zz HTTP/1.1"
    recorder.assert_identity("ada")
    names = {name.lower() for name, _ in recorder.last.pairs}
    assert names == {
        "host",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-request-id",
        "traceparent",
        "x-bookgate-assertion",
    }


SPOOFED = [
    "X-Bookgate-Assertion: forged",
    "x-bookgate-assertion: forged",
    "X-Bookgate-Roles: teacher",
    "X-Forwarded-User: ben",
    "X-Forwarded-Email: ben@example.edu",
    "Remote-User: ben",
    "X-Remote-User: ben",
    "X-Real-IP: 10.0.0.1",
    "Forwarded: for=10.0.0.1",
    "X-Original-URL: /v1/internal/export",
    "X-Forwarded-Uri: /public/x",
    "X-Forwarded-Method: BREW",
    "X-Forwarded-Host: localhost",
    "X-HTTP-Method-Override: DELETE",
    "Proxy-Authorization: Basic YmVu",
    "Access-Control-Request-Headers: x-anything",
    "TE: trailers",
    "Keep-Alive: timeout=5",
    "Via: 1.1 me",
]


@pytest.mark.parametrize("line", SPOOFED)
async def test_no_header_of_a_client_tells_a_backend_who_asks(
    path: DataPath, recorder: RecordingBackend, line: str
) -> None:
    answer = await path.ask("/storage/v1/items/1", line)
    assert answer.status == 200
    recorder.assert_identity("ada")
    value = line.partition(": ")[2].encode()
    assert value not in recorder.last.head


@pytest.mark.parametrize(
    "name",
    ["X_Bookgate_Assertion", "X-Bookgate_Assertion", "X.Bookgate.Assertion", "X-Forwarded_User", "X!Y", "Ä"],
)
async def test_an_alias_of_a_name_is_refused(path: DataPath, recorder: RecordingBackend, name: str) -> None:
    answer = await path.ask("/storage/v1/items/1", f"{name}: ben")
    assert answer.status == 400
    assert recorder.received == []


async def test_connection_cannot_name_the_identity_away(path: DataPath, recorder: RecordingBackend) -> None:
    named = "Connection: X-Bookgate-Assertion, X-Request-Id, Accept, X-Forwarded-For"
    answer = await path.ask("/storage/v1/items/1", named, "Accept: text/csv")
    assert answer.status == 200
    recorder.assert_identity("ada")
    assert recorder.last.values("Accept") == []
    assert recorder.last.values("X-Forwarded-For") == ["127.0.0.1"]
    assert recorder.last.values("Connection") == []


async def test_a_policy_that_lets_identity_headers_through_does_not(
    path: DataPath, recorder: RecordingBackend
) -> None:
    await path.ask("/public/v1/x", "Authorization: DPoP ben", "DPoP: x", "X-Bookgate-Person: x")
    recorder.assert_identity(None)
    assert recorder.last.values("DPoP") == []


async def test_what_a_policy_lists_and_what_browsers_say_goes_through(
    path: DataPath, recorder: RecordingBackend
) -> None:
    said = (
        "X-Partner: 7",
        'If-None-Match: "e"',
        "Range: bytes=0-1",
        "Accept-Encoding: zstd",
        "User-Agent: ü",
    )
    await path.ask("/storage/v1/items/1", *said)
    for line in said:
        name, _, value = line.partition(": ")
        assert recorder.last.values(name) == [value]


async def test_the_client_s_address_is_what_a_trusted_proxy_says(
    path: DataPath, recorder: RecordingBackend
) -> None:
    await path.ask("/public/x", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-Proto: gopher")
    assert recorder.last.values("X-Forwarded-For") == ["203.0.113.9"]
    assert recorder.last.values("X-Forwarded-Proto") == ["http"]
    assert recorder.last.values("X-Forwarded-Host") == ["gw.test"]


async def test_ids_and_traces(path: DataPath, recorder: RecordingBackend) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await path.ask(
        "/public/x", "X-Request-Id: abcdefgh1", f"traceparent: {trace}", "tracestate: a=1"
    )
    assert recorder.last.values("X-Request-Id") == ["abcdefgh1"] == answer.values("X-Request-Id")
    assert recorder.last.values("traceparent") == [trace]
    assert recorder.last.values("tracestate") == ["a=1"]
    made = set()
    for said in ((), ("traceparent: zz", "tracestate: a=1"), (f"traceparent: ff{trace[2:]}",)):
        await path.ask("/public/x", *said)
        (line,) = recorder.last.values("traceparent")
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", line)
        assert recorder.last.values("tracestate") == []
        made.add(line)
    assert len(made) == 3


CONFUSING = [
    "/storage/%2e%2e/v1",
    "/storage/..%2fv1",
    "/storage/../public/x",
    "/storage/./x",
    "/storage/.%2E/x",
    "/storage//x",
    "//storage/x",
    "/storage/x%2fy",
    "/storage/x%5Cy",
    "/storage/x%00",
    "/storage/x%252e",
    "/storage/x%3by",
    "/storage/x;y",
    "/storage/x\\y",
    "/storage/x#y",
    "/storage/%c0%ae%c0%ae/x",
    "/storage/%EF%BC%8E%EF%BC%8E/x",
    "/storage/a%EF%BC%8Fb",
    "/%73torage/x",
    "/storage/%66ew/x",
    "/storage/x%0d%0aX-Role:%20staff",
    "/storage/x%",
    "/storage/x%4",
    "/storage/é",
    "http://gw.test/storage/x",
    "http://evil.test/storage/x",
    "*",
    "storage/x",
]


@pytest.mark.parametrize("target", CONFUSING)
async def test_a_path_that_two_readers_read_differently_is_refused(
    path: DataPath, recorder: RecordingBackend, target: str
) -> None:
    answer = await path.ask(target)
    assert answer.status in {400, 404}  # 404: a line break that not even the router matched
    assert recorder.received == []


@pytest.mark.parametrize(
    "target",
    [
        "/storage/v1/internal/export",
        "/storage/v1/Internal",
        "/storage/internal/",
        "/public/%E2%84%90nternal/x",
    ],
)
async def test_internal_paths_do_not_exist(path: DataPath, recorder: RecordingBackend, target: str) -> None:
    answer = await path.ask(target)
    assert answer.status == 404
    assert recorder.received == []


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        pytest.param("/storage/a/b", "/a/b", id="strip"),
        pytest.param("/storage/", "/", id="the prefix itself"),
        pytest.param("/storage", "/", id="without its slash"),
        pytest.param("/storage/storage/x", "/storage/x", id="once"),
        pytest.param("/whole/a/b", "/whole/a/b", id="no strip"),
        pytest.param("/storage/a%20b/%C3%A9@,=!", "/a%20b/%C3%A9@,=!", id="the same bytes"),
        pytest.param("/storage/a?b=%2e%2e/..//&c=d;e", "/a?b=%2e%2e/..//&c=d;e", id="a query is free"),
    ],
)
async def test_exactly_the_prefix_is_removed(
    path: DataPath, recorder: RecordingBackend, sent: str, got: str
) -> None:
    assert (await path.ask(sent)).status == 200
    assert recorder.last.target == got
    recorder.assert_identity("ada")


async def test_no_route_is_404(path: DataPath, recorder: RecordingBackend) -> None:
    assert (await path.ask("/storages/x")).status == 404
    assert (await path.ask("/nothing")).status == 404
    assert recorder.received == []


@pytest.mark.parametrize("host", ["evil.test", "gw.test.evil.test", "gw.test@evil.test", "GW.TEST:81", ""])
async def test_another_host_is_misdirected(path: DataPath, recorder: RecordingBackend, host: str) -> None:
    answer = await path.ask(host=host)
    assert answer.status in {400, 421}
    assert answer.values("Connection") == ["close"]
    assert recorder.received == []


async def test_two_hosts_or_none_are_refused(path: DataPath, recorder: RecordingBackend) -> None:
    assert (await path.ask("/storage/x", "Host: gw.test")).status == 400
    assert recorder.received == []


# -- per backend


async def test_an_existing_service_gets_its_own_headers(recorder: RecordingBackend) -> None:
    recorder.clear()
    grades = replace(
        backend(recorder.url + "api/"),
        assertion=AssertionRule("Authorization", "Bearer", "grades"),
        headers={"X-Forwarded-User": "campus.username", "X-Staff": "campus.staff"},
        subject=Subject.PAIRWISE,
        origin="send",
        host="public",
        request_cookies=frozenset({"csrftoken"}),
    )
    async with data_path(grades) as path:
        parent = path.sign_in("ada").parent
        assert parent is not None
        claims = parent.claims
        claims["staff"] = "Zoë"
        said = ("Cookie: csrftoken=t; sessionid=s", "X-Staff: me")
        assert (await path.ask("/storage/x", *said)).status == 200
        assert recorder.last.target == "/api/x"
        assert recorder.last.values("Host") == ["gw.test"]
        assert recorder.last.values("Origin") == [BOOK]
        assert recorder.last.values("Cookie") == ["csrftoken=t"]
        assert recorder.last.values("X-Forwarded-User") == ["ada"]
        assert recorder.last.values("X-Staff") == ["Zo%C3%AB"]
        (authorization,) = recorder.last.values("Authorization")
        assert authorization.startswith("Bearer ey")
        claims.pop("staff")
        assert (await path.ask("/storage/x")).status == 403
        recorder.clear()
        await path.ask("/public/x", "X-Staff: me", "X-Forwarded-User: me")
        recorder.assert_identity(None)
        assert b"me\r\n" not in recorder.last.head


async def test_each_person_s_own_headers_whoever_asked_before(recorder: RecordingBackend) -> None:
    recorder.clear()
    grades = replace(backend(recorder.url), headers={"X-Forwarded-User": "campus.username"})
    async with data_path(grades) as path:
        for _ in range(3):
            for person in ("ada", "ben"):
                if person not in path.sessions.living:
                    path.sign_in(person)
                assert (await path.ask("/storage/x", person=person)).status == 200
                assert recorder.last.values("X-Forwarded-User") == [person]
        parent = path.sign_in("cleo").parent
        assert parent is not None
        del parent.claims["username"]
        assert (await path.ask("/storage/x", person="cleo")).status == 403
        assert (await path.ask("/storage/x", person="cleo")).status == 403
        assert len(recorder.received) == 6


async def test_a_named_host(recorder: RecordingBackend) -> None:
    async with data_path(replace(backend(recorder.url), host="grades.internal:8443")) as path:
        await path.ask("/public/x")
        assert recorder.last.values("Host") == ["grades.internal:8443"]


# -- what of an answer reaches the reader


async def test_a_backend_s_answer_is_stripped(path: DataPath, recorder: RecordingBackend) -> None:
    recorder.script = saying(
        b"HTTP/1.1 200 Very OK\r\nContent-Length: 2\r\nSet-Cookie: __Host-Http-bookgate=x\r\n"
        b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n"
        b"Timing-Allow-Origin: *\r\n"
        b'Clear-Site-Data: "cookies"\r\nServer: internal/1\r\nX-Powered-By: x\r\nAlt-Svc: h3=":1"\r\n'
        b"Strict-Transport-Security: max-age=1\r\nService-Worker-Allowed: /\r\nConnection: X-Inner\r\n"
        b'X-Inner: 10.0.0.5\r\nVary: Accept\r\nETag: "e"\r\nX-Kept: 1\r\nContent-Type: text/html\r\n'
        b"Cache-Control: public, max-age=600\r\nExpires: x\r\n\r\nhi"
    )
    answer = await path.ask()
    found = {name.lower(): value for name, value in answer.pairs if name.lower() != "date"}
    assert found == {
        "access-control-allow-origin": BOOK,
        "access-control-allow-credentials": "true",
        "cache-control": "private, no-cache",
        "content-length": "2",
        "content-security-policy": "sandbox",
        "content-type": "text/html",
        "cross-origin-resource-policy": "same-origin",
        "etag": '"e"',
        "server": "bookgate",
        "vary": "Accept, Origin",
        "x-content-type-options": "nosniff",
        "x-kept": "1",
        "x-request-id": found["x-request-id"],
    }
    assert answer.body == b"hi"


async def test_no_store_stays_and_a_public_answer_may_be_cached(
    path: DataPath, recorder: RecordingBackend
) -> None:
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: No-Store\r\n\r\n")
    assert (await path.ask()).values("Cache-Control") == ["no-store"]
    recorder.script = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: max-age=60\r\n\r\n")
    assert (await path.ask("/public/x")).values("Cache-Control") == ["max-age=60"]
    assert (await path.ask("/maybe/x", person=None)).values("Cache-Control") == ["private, no-cache"]


async def test_named_cookies_pass(recorder: RecordingBackend) -> None:
    async with data_path(replace(backend(recorder.url), response_cookies=frozenset({"csrftoken"}))) as path:
        recorder.script = saying(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
            b"Set-Cookie: csrftoken=1; Path=/\r\nSet-Cookie: other=2\r\n\r\n"
        )
        answer = await path.ask("/public/x")
        assert answer.values("Set-Cookie") == ["csrftoken=1; Path=/"]


async def test_one_person_s_cookie_is_not_kept_for_the_next(recorder: RecordingBackend) -> None:
    recorder.clear()
    async with data_path(backend(f"http://localhost:{recorder.port}/")) as path:
        recorder.script = saying(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: sessionid=ada; Path=/\r\n\r\n"
        )
        await path.ask("/public/x")
        await path.ask("/public/x")
        assert recorder.last.values("Cookie") == []


async def test_its_own_address_is_rewritten(path: DataPath, recorder: RecordingBackend) -> None:
    for location, public in (
        (f"{recorder.url}v1/x?y#z", "http://gw.test/storage/v1/x?y#z"),
        ("/v1/x", "/storage/v1/x"),
        ("https://other.example/x", "https://other.example/x"),
    ):
        recorder.script = saying(
            f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n".encode()
        )
        answer = await path.ask()
        assert (answer.status, answer.values("Location")) == (302, [public])
