from dataclasses import replace

import pytest
from msgspec import structs

from gateway.errors import BackendBrokenError
from gateway.proxy.answer import Answer, answer, public_location
from gateway.proxy.answer_head import Line, read_answer
from gateway.proxy.decide import Matched, decide
from gateway.proxy.head import Head
from gateway.routes import Address
from tests.test_decide import GRANTED, SITE, STORAGE

SANDBOX = ("Content-Security-Policy", "sandbox")
PRIVATE = ("Cache-Control", "private, no-cache")


def matched(path: str = "/storage/x", **changed: object) -> Matched:
    one = decide(Head("GET", path, None, (), None, chunked=False), GRANTED, SITE).matched
    return structs.replace(one, backend=replace(STORAGE, **changed))  # type: ignore[arg-type]  # names of its fields


def made(
    *lines: str, path: str = "/public/x", status: int = 200, minor: int = 1, **changed: object
) -> Answer:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.{minor} {status} Word", *lines, ""))
    return answer(matched(path, **changed), SITE, read_answer(head.encode("latin-1")))


def test_an_answer_as_it_goes_on() -> None:
    found = made("X-Kept:  1 ", "Content-Length: 5")
    assert found == Answer(200, (Line.of("X-Kept", "1"),), (SANDBOX,), 5, is_event_stream=False)
    assert found.headers == (("X-Kept", "1"), SANDBOX)


def test_pages_of_an_application_are_pages() -> None:
    """On its host of its own nothing puts them into a sandbox."""
    assert made(html=True).ours == ()
    assert made(path="/storage/x", html=True).ours == (PRIVATE,)


STRIPPED = [
    "Access-Control-Allow-Origin: *",
    "access-control-expose-headers: x",
    "Timing-Allow-Origin: *",
    "Set-Cookie: a=b",
    "Clear-Site-Data: *",
    "Server: x",
    "X-Powered-By: x",
    "Alt-Svc: x",
    "Strict-Transport-Security: x",
    "Service-Worker-Allowed: /",
    "Cross-Origin-Resource-Policy: cross-origin",
    "X-Content-Type-Options: x",
    "X-Bookgate-Assertion: x",
    "X-Request-Id: x",
    "Keep-Alive: x",
    "Trailer: x",
    "Upgrade: x",
    "Via: x",
    "Report-To: x",
    "NEL: x",
]


@pytest.mark.parametrize("line", STRIPPED)
def test_what_only_the_gateway_says(line: str) -> None:
    assert made(line).headers == (SANDBOX,)


def test_what_connection_names() -> None:
    assert made("Connection: close, X-Inner", "X-Inner: 1", "X-Outer: 2").headers == (
        ("X-Outer", "2"),
        SANDBOX,
    )


def test_named_cookies_pass() -> None:
    headers = made("Set-Cookie: a = 1; Path=/", "Set-Cookie: b=2", response_cookies=frozenset({"a"})).headers
    assert headers == (("Set-Cookie", "a = 1; Path=/"), SANDBOX)


@pytest.mark.parametrize(
    ("said", "told"), [("/base/v1/x", "/storage/v1/x"), ("http://10.0.0.5:8001/elsewhere", None)]
)
def test_its_own_addresses_are_told_in_public_terms(said: str, told: str | None) -> None:
    headers = made(f"Location: {said}", path="/storage/x", rewrite_location=True).headers
    assert dict(headers).get("Location") == told


def test_a_backend_s_own_policy_stays_beside_ours() -> None:
    assert made("Content-Security-Policy: default-src 'none'").headers == (
        ("Content-Security-Policy", "default-src 'none'"),
        SANDBOX,
    )


@pytest.mark.parametrize(
    ("path", "lines", "headers"),
    [
        pytest.param(
            "/public/x", ("Cache-Control: max-age=9",), (("Cache-Control", "max-age=9"), SANDBOX), id="public"
        ),
        pytest.param(
            "/storage/x", ("Cache-Control: max-age=9", "Expires: x"), (SANDBOX, PRIVATE), id="a person's"
        ),
        pytest.param("/maybe/x", (), (SANDBOX, PRIVATE), id="nobody's, where it might be somebody's"),
        pytest.param(
            "/storage/x",
            ("Cache-Control: public, No-Store",),
            (SANDBOX, ("Cache-Control", "no-store")),
            id="no-store",
        ),
    ],
)
def test_caching(path: str, lines: tuple[str, ...], headers: tuple[tuple[str, str], ...]) -> None:
    assert made(*lines, path=path).headers == headers


@pytest.mark.parametrize("status", [100, 101, 199, 600, 0])
def test_statuses(status: int) -> None:
    with pytest.raises(BackendBrokenError):
        made(status=status)


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 5",),
        ("Content-Length: -5",),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("X Y: 1",),
        ("X: a\x00b",),
        ("X: a\nb",),
    ],
)
def test_what_is_no_sound_answer(lines: tuple[str, ...]) -> None:
    with pytest.raises(BackendBrokenError):
        made(*lines)


def test_chunked_needs_1_1() -> None:
    assert made("Transfer-Encoding: Chunked").length is None
    with pytest.raises(BackendBrokenError):
        made("Transfer-Encoding: chunked", minor=0)


def test_other_bytes_are_replaced() -> None:
    assert made("X: \xff").headers[0] == ("X", "\ufffd")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Content-Type: text/event-stream; charset=utf-8", True),
        ("Content-Type: Text/Event-Stream", True),
        ("Content-Type: text/html", False),
    ],
)
def test_event_streams(line: str, *, found: bool) -> None:
    assert made(line).is_event_stream is found


OWN = "http://10.0.0.5:8001/base"


SOCKET = {"addresses": (Address.of("unix:/run/s"),)}
AT_ROOT = {"addresses": (Address.of("http://10.0.0.5:8001/"),)}


@pytest.mark.parametrize(
    ("said", "path", "changed", "public"),
    [
        (f"{OWN}/v1/x?q#f", "/storage/x", {}, "https://gw.test/storage/v1/x?q#f"),
        (f"{OWN}/whole/x", "/whole/x", {}, "https://gw.test/whole/x"),
        ("HTTP://10.0.0.5:8001/base/v1", "/storage/x", {}, "https://gw.test/storage/v1"),
        ("//10.0.0.5:8001/base/v1", "/storage/x", {}, "https://gw.test/storage/v1"),
        (f"{OWN}/", "/storage/x", {}, "https://gw.test/storage/"),
        ("http://10.0.0.5:8001", "/storage/x", AT_ROOT, "https://gw.test/storage/"),
        ("http://10.0.0.5:8001/elsewhere", "/storage/x", {}, None),
        ("http://10.0.0.5:99999/x", "/storage/x", {}, None),
        ("http://named:81/base/x", "/storage/x", {"host": "named:81"}, "https://gw.test/storage/x"),
        ("http://named/base/x", "/storage/x", {"host": "public"}, "http://named/base/x"),
        ("http://localhost/x", "/storage/x", SOCKET, "https://gw.test/storage/x"),
        ("/base/v1/x", "/storage/x", {}, "/storage/v1/x"),
        ("/storage/x", "/storage/x", AT_ROOT, "/storage/x"),
        ("/elsewhere", "/storage/x", {}, "/elsewhere"),
        ("next?x", "/storage/x", {}, "next?x"),
        ("//other.edu/x", "/storage/x", {}, "//other.edu/x"),
        ("https://other.edu/x", "/storage/x", {}, "https://other.edu/x"),
        ("mailto:x@y.edu", "/storage/x", {}, "mailto:x@y.edu"),
    ],
)
def test_locations(said: str, path: str, changed: dict[str, object], public: str | None) -> None:
    assert public_location(said, matched(path, **changed), SITE) == public


def test_a_location_that_cannot_be_reached_is_dropped_and_another_may_stay() -> None:
    assert made("Location: http://10.0.0.5:8001/elsewhere").headers == (SANDBOX,)
    kept = made(f"Location: {OWN}/x", rewrite_location=False).headers
    assert kept == (("Location", f"{OWN}/x"), SANDBOX)
