import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    ExpectationFailedError,
    GatewayError,
    HeadTooLargeError,
    InvalidRequestError,
    MethodNotAllowedError,
    MisdirectedError,
)
from gateway.proxy.fields import Lines
from gateway.proxy.head import (
    FORWARDED,
    METHODS,
    Head,
    check_websocket,
    parse,
    rewrite,
    served_hosts,
)
from gateway.proxy.path import segments, split_target

HOSTS = served_hosts("https://gw.test")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def parsed(
    *lines: str,
    method: str = "GET",
    target: str = "/storage/x",
    version: tuple[int, int] = (1, 1),
    host: str | None = "gw.test",
    max_bytes: int = 1000,
) -> Head:
    said = (*(() if host is None else (f"Host: {host}",)), *lines)
    pairs = [
        (name.encode(), value.encode("latin-1")) for name, _, value in (line.partition(": ") for line in said)
    ]
    return parse(method, target, version, pairs, Lines(), hosts=HOSTS, max_bytes=max_bytes)


def test_heads_that_say_the_same_are_the_same() -> None:
    heads = {parsed("Accept: a"), parsed("accept:  a"), parsed("Accept: b")}
    assert len(heads) == 2
    assert parsed("Accept: a") != "GET"


def test_a_canonical_head() -> None:
    head = parsed("Accept: a", "ACCEPT: \t b ", "Content-Length: 5", method="PUT", target="/a%20b?c=%zz")
    assert head == Head(
        "PUT",
        "/a%20b",
        "c=%zz",
        (("host", "gw.test"), ("accept", "a"), ("accept", "b"), ("content-length", "5")),
        5,
        chunked=False,
    )
    assert (head.target, head.lines("accept"), head.one("accept"), head.one("x")) == (
        "/a%20b?c=%zz",
        ("a", "b"),
        "a",
        None,
    )


@pytest.mark.parametrize(
    ("lines", "length", "chunked", "body"),
    [
        pytest.param((), None, False, False, id="none"),
        pytest.param(("Content-Length: 0",), 0, False, False, id="empty"),
        pytest.param(("Content-Length: 007",), 7, False, True, id="digits"),
        pytest.param(("Transfer-Encoding: chunked",), None, True, True, id="chunked"),
    ],
)
def test_framing(lines: tuple[str, ...], *, length: int | None, chunked: bool, body: bool) -> None:
    head = parsed(*lines)
    assert (head.length, head.chunked, head.has_body) == (length, chunked, body)


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 5",),
        ("Content-Length: +5",),
        ("Content-Length: 5_0",),
        ("Content-Length: ",),
        ("Content-Length: 9999999999999999999",),
        ("Transfer-Encoding: Chunked",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: ",),
        ("Content-Type: a", "Content-Type: b"),
        ("X-Bookgate-Person: a", "X-Bookgate-Person: b"),
        ("X_Forwarded_User: ben",),
        ("X.Forwarded.User: ben",),
        ("X Y: ben",),
        ("Accept: a\x00b",),
        ("Accept: a\rb",),
        ("Accept: a\x7fb",),
        ("Accept: \xff",),
    ],
)
def test_what_is_not_understood_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError):
        parsed(*lines)


def test_framing_in_doubt_closes_the_connection() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parsed("Content-Length: 5", "Transfer-Encoding: chunked")
    assert refusal.value.close


@pytest.mark.parametrize("version", [(0, 9), (1, 2), (2, 0), (3, 0)])
def test_versions(version: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequestError):
        parsed(version=version)


def test_http_1_0_has_no_chunks_no_expectation_and_no_upgrade() -> None:
    head = parsed("Expect: tea", "Connection: upgrade", "Upgrade: websocket", version=(1, 0))
    assert (head.expects_continue, head.is_websocket) == (False, False)
    with pytest.raises(InvalidRequestError):
        parsed("Transfer-Encoding: chunked", version=(1, 0))


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "BREW", ""])
def test_methods_outside_the_usual_set(method: str) -> None:
    with pytest.raises(MethodNotAllowedError) as refusal:
        parsed(method=method)
    assert refusal.value.allow == METHODS


def test_size() -> None:
    assert parsed("Accept: x", max_bytes=51)
    with pytest.raises(HeadTooLargeError):
        parsed("Accept: x", max_bytes=50)


@pytest.mark.parametrize("host", ["gw.test", "GW.test", "gw.test:443"])
def test_our_host(host: str) -> None:
    assert parsed(host=host).lines("host") == (host,)


@pytest.mark.parametrize("host", ["gw.test:80", "evil.test", "gw.test.", "a@gw.test", "gw.test/x", ""])
def test_other_hosts(host: str) -> None:
    with pytest.raises(MisdirectedError):
        parsed(host=host)


def test_one_host() -> None:
    for lines in ((), ("Host: gw.test", "Host: gw.test")):
        with pytest.raises(InvalidRequestError):
            parsed(*lines, host=None)


def test_served_hosts() -> None:
    assert served_hosts("http://127.0.0.1:8080") == {"127.0.0.1:8080"}
    assert served_hosts("http://[::1]") == {"[::1]", "[::1]:80"}
    assert served_hosts("https://gw.test") == {"gw.test", "gw.test:443"}


def test_expectations() -> None:
    assert parsed("Expect: 100-Continue").expects_continue
    assert not parsed().expects_continue
    with pytest.raises(ExpectationFailedError):
        parsed("Expect: tea")


# -- paths

GOOD = [
    "/",
    "/a/b.c/~d/_e-f",
    "/a%20b/%C3%A9/%3F%23",
    "/a/b/",
    "/@user/a+b,c=d!$&'()*:e",
    "/[a]|b",
    "/...",
    "/a..b",
    "/x?",
    "/x?a[]={}|^`\\'%",
]


@pytest.mark.parametrize("target", GOOD)
def test_understood_targets(target: str) -> None:
    path, query = split_target(target)
    assert target == (path if query is None else f"{path}?{query}")


BAD = [
    *("", "*", "x", "gw.test:443", "http://gw.test/x", "/x y", "/é", "/x\ny", "/x\n", '/"', "/<", "/{"),
    *("//x", "/x//y", "/x/../y", "/x/..", "/.", "/x/./y", "/%2e", "/%2E%2e/x", "/.%2e", "/x;y", "/x\\y"),
    *("/x%2fy", "/x%5cy", "/x%5Cy", "/x%00", "/x%25", "/x%3b", "/%0a", "/%7F", "/%", "/%4", "/%zz"),
    *("/x#", "/x?#", "/x?<", "/x?a b", "/x?é", "/%c0%ae", "/%ff", "/%41", "/%7e"),
    *("/%EF%BC%8E%EF%BC%8E", "/%E2%80%A5", "/a%EF%BC%8Fb", "/a%EF%BC%BCb"),
]


@pytest.mark.parametrize("target", BAD)
def test_confusing_targets(target: str) -> None:
    with pytest.raises(InvalidRequestError):
        split_target(target)


@given(st.text(alphabet="/.%25eEfF;\\aé#?0", max_size=20).map(lambda text: "/" + text))
def test_whatever_is_understood_reads_the_same_to_everybody(target: str) -> None:
    try:
        path, _ = split_target(target)
    except InvalidRequestError:
        return
    read = segments(path)
    assert "/".join(read).count("/") == path.count("/")
    assert not {".", ".."} & set(read)
    assert "" not in read[1:-1]
    assert "\\" not in "".join(read)


# -- WebSockets


def test_a_websocket_handshake() -> None:
    head = parsed(
        "Connection: keep-alive, Upgrade",
        "Upgrade: WebSocket",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
    )
    assert head.is_websocket
    check_websocket(head)


@pytest.mark.parametrize(
    ("method", "lines"),
    [
        ("POST", ("Connection: upgrade", "Upgrade: websocket")),
        ("GET", ("Connection: close", "Upgrade: websocket")),
        ("GET", ("Connection: upgrade", "Upgrade: h2c")),
        ("GET", ("Connection: upgrade", "Upgrade: websocket", "Upgrade: h2c")),
        ("GET", ()),
    ],
)
def test_no_websocket_handshake(method: str, lines: tuple[str, ...]) -> None:
    assert not parsed(*lines, method=method).is_websocket


@pytest.mark.parametrize(
    "lines",
    [
        ("Sec-WebSocket-Version: 13",),
        (f"Sec-WebSocket-Key: {KEY}",),
        (f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 8"),
        (f"Sec-WebSocket-Key: {KEY}", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13"),
        ("Sec-WebSocket-Key: short==", "Sec-WebSocket-Version: 13"),
        (f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", "Content-Length: 1"),
    ],
)
def test_a_wrong_handshake(lines: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError):
        check_websocket(parsed(*lines))


# -- rewriting

RESERVED = frozenset({"x-bookgate-assertion", "x-user"})
OURS = (("X-Request-Id", "r"), ("X-Bookgate-Assertion", "ours"))


def test_rewriting_keeps_what_is_allowed_and_sets_ours_last() -> None:
    head = parsed(
        "Accept: a",
        "X-Partner: p",
        "X-Unknown: u",
        "Cookie: c",
        "X-Bookgate-Assertion: forged",
        "X-Request-Id: x",
    )
    also = frozenset({"x-partner", "cookie", "x-bookgate-assertion"})
    assert rewrite(head, also, RESERVED, OURS) == (("accept", "a"), ("x-partner", "p"), *OURS)


def test_a_device_s_own_time_is_the_one_name_of_ours_that_passes() -> None:
    head = parsed("X-Bookgate-Time: 2026-03-01T10:00:00Z", "X-Bookgate-Person: p", "X-Bookgate-Times: x")
    also = frozenset({"x-bookgate-person", "x-bookgate-times"})
    assert rewrite(head, also, RESERVED, OURS) == (("x-bookgate-time", "2026-03-01T10:00:00Z"), *OURS)


def test_connection_names_are_dropped_and_never_ours() -> None:
    head = parsed("Connection: Accept,, X-Bookgate-Assertion", "Accept: a", "Referer: b")
    assert rewrite(head, frozenset(), RESERVED, OURS) == (("referer", "b"), *OURS)


def test_a_configured_identity_header_is_nobody_s_but_ours() -> None:
    head = parsed("X-User: ben")
    assert rewrite(head, frozenset({"x-user"}), RESERVED, ()) == ()


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        pytest.param(
            ("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: a=1"),
            2,
            id="good",
        ),
        pytest.param(("traceparent: 00-zz", "tracestate: a=1"), 0, id="bad"),
        pytest.param(("tracestate: a=1",), 0, id="a state of nothing"),
    ],
)
def test_traces(lines: tuple[str, ...], kept: int) -> None:
    assert len(rewrite(parsed(*lines), frozenset(), RESERVED, ())) == kept


_names = st.sampled_from(
    sorted(FORWARDED | {"x-bookgate-assertion", "x-user", "x-forwarded-for", "cookie", "te"})
)
_spelt = _names.map(str.title) | _names | st.text("abcXY-_.", min_size=1, max_size=12)
_values = st.text(st.characters(codec="ascii"), max_size=12)


@given(st.lists(st.tuples(_spelt, _values), max_size=8), st.frozensets(_names), st.lists(_names, max_size=3))
def test_no_client_says_who_it_is(
    lines: list[tuple[str, str]], also: frozenset[str], named: list[str]
) -> None:
    said = (*(f"{name}: {value}" for name, value in lines), f"Connection: {','.join(named)}")
    try:
        head = parsed(*said, max_bytes=10_000)
    except GatewayError:
        return
    sent = rewrite(head, also, RESERVED, OURS)
    assert sent[-2:] == OURS
    client_s = {name for name, _ in sent[:-2]}
    assert client_s <= FORWARDED | also
    assert not client_s & (RESERVED | set(named) | {"x-forwarded-for", "cookie", "te", "connection", "host"})
