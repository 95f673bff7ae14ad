"""What is read of bytes is what the plain path reads of aiohttp's pieces, or nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.proxy.canonical import MAX_LINES, head_end, read_request
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head, parse

HOSTS = frozenset({"gw.test"})
START = b"GET /storage/v1/items?q=1 HTTP/1.1\r\nHost: gw.test\r\n"
BROWSER = (
    START + b"Origin: https://books.example.edu\r\nReferer: https://books.example.edu/1\r\n"
    b"Accept: */*\r\nAccept-Language: en-GB,en;q=0.9\r\nUser-Agent: Mozilla/5.0 (X11)\r\n"
    b"Cookie: a=b; c=d\r\nContent-Length: 5\r\nX-Bookgate-Person:\tada \r\nDNT: 1\r\nDNT: 2\r\n\r\n"
)


def plainly(data: bytes) -> Head | None:
    """The same by `parse`, of what a strict reader of lines makes of it."""
    first, *rest = data[:-4].split(b"\r\n")
    method, target, version = first.decode("latin-1").split(" ")
    assert version == "HTTP/1.1"
    pairs = [(name, value) for name, _, value in (line.partition(b":") for line in rest)]
    try:
        return parse(method, target, (1, 1), pairs, _LINES, hosts=HOSTS, max_bytes=1 << 20)
    except GatewayError:
        return None


@pytest.mark.parametrize(
    ("data", "begin", "end"),
    [
        pytest.param(b"a\r\n\r\nb", 0, 5, id="whole"),
        pytest.param(b"a\r\n\r\n\r\n\r\n", 3, 7, id="the next one"),
        pytest.param(b"a\n\n", 0, -1, id="no lines of HTTP"),
        pytest.param(b"", 0, -1, id="nothing"),
    ],
)
def test_where_a_head_ends(data: bytes, begin: int, end: int) -> None:
    assert head_end(data, begin) == end


def test_a_head_of_a_browser() -> None:
    lines = Lines()
    head = read_request(BROWSER, lines, HOSTS)
    assert head is not None
    assert head == plainly(BROWSER)
    assert read_request(BROWSER, lines, HOSTS) == head
    assert (head.lines("dnt"), head.one("x-bookgate-person"), head.length) == (("1", "2"), "ada", 5)


def test_secrets_are_not_remembered() -> None:
    lines = Lines()
    assert read_request(BROWSER[:-2] + b"Authorization: DPoP a\r\nDPoP: b\r\n\r\n", lines, HOSTS)
    known = b" ".join(lines.known).lower()
    assert b"accept-language" in known
    for name in (b"cookie", b"authorization", b"dpop", b"referer"):
        assert name not in known


def test_what_is_remembered_is_bounded() -> None:
    lines = Lines()
    for number in range(5000):
        assert read_request(START + b"X-Own: %d\r\n\r\n" % number, lines, HOSTS)
        assert len(lines.known) <= 4096
    assert read_request(START + b"X-Own: " + b"a" * 600 + b"\r\n\r\n", lines, HOSTS)
    assert max(map(len, lines.known)) <= 512


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.0\r\nHost: gw.test\r\n\r\n", id="version"),
        pytest.param(b"TRACE / HTTP/1.1\r\nHost: gw.test\r\n\r\n", id="method"),
        pytest.param(b"get / HTTP/1.1\r\nHost: gw.test\r\n\r\n", id="method in lower case"),
        pytest.param(b"GET  / HTTP/1.1\r\nHost: gw.test\r\n\r\n", id="two blanks"),
        pytest.param(b"GET http://gw.test/ HTTP/1.1\r\nHost: gw.test\r\n\r\n", id="absolute form"),
        pytest.param(b"GET /\xc3\xa4 HTTP/1.1\r\nHost: gw.test\r\n\r\n", id="a path of other bytes"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: gw.test\r\n\r\n", id="a path that is no text"),
        pytest.param(b"GET /a/../b HTTP/1.1\r\nHost: gw.test\r\n\r\n", id="dot segments"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: gw.test\r\nHost: gw.test\r\n\r\n", id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: GW.TEST\r\n\r\n", id="host in other letters"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", id="another host"),
        pytest.param(START + b"Accept : a\r\n\r\n", id="a blank before the colon"),
        pytest.param(START + b" Accept: a\r\n\r\n", id="a fold"),
        pytest.param(START + b"X_Own: a\r\n\r\n", id="a name that folds"),
        pytest.param(START + b"Accept: a\nX: b\r\n\r\n", id="a bare line feed"),
        pytest.param(START + b"Accept: a\x00\r\n\r\n", id="a control byte"),
        pytest.param(START + b"Accept: \xff\r\n\r\n", id="a value that is no text"),
        pytest.param(START + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", id="two lengths"),
        pytest.param(START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", id="both framings"),
        pytest.param(START + b"Connection: X-Own\r\n\r\n", id="a header named by Connection"),
        pytest.param(START + b"Expect: tea\r\n\r\n", id="an expectation of another kind"),
        pytest.param(START + b"A: b\r\n" * MAX_LINES + b"\r\n", id="too many lines"),
    ],
)
def test_what_is_not_canonical_is_nothing(data: bytes) -> None:
    assert read_request(data, Lines(), HOSTS) is None


@pytest.mark.parametrize("word", [b"close", b"keep-alive", b"Upgrade", b"keep-alive, Upgrade"])
def test_what_a_connection_may_be_asked(word: bytes) -> None:
    assert read_request(START + b"Connection: " + word + b"\r\n\r\n", Lines(), HOSTS) is not None


_LINES = Lines()  # the same for all that follows: what is remembered must change nothing


@given(st.integers(0, len(BROWSER) - 5), st.binary(max_size=3))
@example(len(START) - 2, b"\r\n")
def test_whatever_is_read_is_read_the_same_by_the_plain_path(place: int, piece: bytes) -> None:
    data = BROWSER[:place] + piece + BROWSER[place + 1 :]
    if b"\r\n\r\n" in data[:-4]:
        return
    head = read_request(data, _LINES, HOSTS)
    if head is not None:
        assert head == plainly(data)
        assert head.named == {name: head.lines(name) for name, _ in head.headers}
        assert read_request(data, _LINES, HOSTS) == head


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_nothing(data: bytes) -> None:
    head = read_request(data + b"\r\n\r\n", _LINES, HOSTS)
    assert head is None or head == plainly(data + b"\r\n\r\n")
