"""Requests and answers as hypothesis makes them: by the grammar, beside it, with bytes changed afterwards."""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gateway.cookies import book_name
from tests.data_path.byte_backend import OK, Plan
from tests.data_path.cases import BROWSER, LAST, TRACE
from tests.data_path.talk import Talk
from tests.system.data_path import BOOK, CONSENT, READER, STRANGER, TWO_BOOKS, sub_for_book

# The short form takes the same examples each time; `make fuzz` takes others.
LONG = int(os.environ.get("FUZZ_EXAMPLES", "0"))


def examples(short: int) -> settings:
    return settings(
        max_examples=LONG or short,
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def _often(draw: st.DrawFn, usual: Sequence[bytes], odd: Sequence[bytes], one_in: int = 12) -> bytes:
    """Mostly what is usual: a request of nothing but oddities is refused for the first of them."""
    if draw(st.integers(1, one_in)) == one_in:
        return draw(st.sampled_from(odd))
    return draw(st.sampled_from(usual))


_METHODS = _often(
    (b"GET", b"GET", b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"),
    (b"CONNECT", b"TRACE", b"get", b"PROPFIND", b"G\x00T", b"PRI", b"M-SEARCH"),
)
_PREFIXES = _often(
    (b"/storage/", b"/storage/", b"/public/", b"/maybe/", b"/whole/", b"/storage/few/"),
    (
        b"/storage",
        b"/storages/",
        b"/",
        b"//storage/",
        b"storage/",
        b"http://gw.test/storage/",
        b"/auth/",
        b"*",
        b"",
    ),
)
_SEGMENTS = st.lists(
    _often(
        (b"v1", b"items", b"a%20b", b"%C3%A9", b"@,=!", b"x:y", b"_-.~", b"a|b", b"[1]", b""),
        (b"..", b".", b"%2e%2e", b"%2f", b"%5c", b"%00", b"%25", b";", b"\\", b"#", b"internal", b"INTERNAL",
        b"%",
         b"%4", b"%ff", b"%EF%BC%8E", b"\xc3\xa9", b"%0d%0a", b"%E2%84%90nternal", b"\t", b" ", b'"',
         b"%c0%ae"),
        30,
    ),
    max_size=4,
)  # fmt: skip
_QUERIES = _often(
    (b"", b"", b"?a=b", b"?", b"?x[]=%zz&y", b"?%2e%2e/..//;", b"?a?b"),
    (b"#x", b"?a#b", b"? ", b'?"', b"?\xff"),
    30,
)
_VERSIONS = _often(
    (b"HTTP/1.1",), (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.1 "), 30
)
_HOSTS = _often((b"Host: gw.test",), (b"Host: evil.test", b"Host: GW.TEST", b"host:gw.test",
b"Host: gw.test:80", b"Host:",
    b"Host: gw.test@evil", b"Host : gw.test", b"X: y", b"Host: gw.test\r\nHost: gw.test"), 30)  # fmt: skip
_ORIGINS = st.sampled_from((
    (BOOK, "ada"), (BOOK, "ada"), (BOOK, "ada"), (BOOK, "ben"), (BOOK, "nobody"), (TWO_BOOKS, "cleo"),
    (CONSENT, "dan"),
    (READER, "eve"), (STRANGER, "ada"), (None, None), (BOOK, None), ("null", None), ("HTTPS://x", None),
))  # fmt: skip
_LINES = (
    *(line.encode() for line in BROWSER),
    b"X-Partner: 7", b"X-Nobody: 7", b"Accept: text/csv", b"accept:*/*", b'If-None-Match: "e"',
    b"Range: bytes=0-1",
    b"Cookie: a=b", b"Cookie: c=d; e=f", b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-User: ben",
    b"Forwarded: for=x",
    b"X-Bookgate-Assertion: forged", b"x-bookgate-assertion: forged", b"X-Bookgate-Role: teacher",
    b"Remote-User: ben",
    b"Connection: close", b"Connection: keep-alive, Accept", b"Connection: X-Bookgate-Assertion",
    b"TE: trailers",
    b"Connection: Upgrade", b"Upgrade: websocket", b"Upgrade: h2c", b"Via: 1.1 me", b"Keep-Alive: x",
    b"Trailer: X-A",
    b"X-Bookgate-Time: 1", b"X-Bookgate-Book: ada-logic", b"X-Bookgate-Person: " + sub_for_book("ada",
    BOOK).encode(),
    b"X-Request-Id: abcdefgh-1", b"X-Request-Id: x", b"traceparent: " + TRACE.encode(), b"tracestate: a=1",
    b"Expect: 100-continue", b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Mode: navigate", b"DNT:",
    b"Priority:\tu=1 \t",
    b"User-Agent: \xc3\xbc", b"Content-Type: application/json", b"Content-Encoding: gzip", b"Early-Data: 1",
)  # fmt: skip
_ODD_LINES = (
    b"X_Forwarded_User: ben", b"X.Forwarded.User: ben", b"X!Y: z", b"X Y: z", b": z", b"X", b" X: y",
    b"X : y", b"",
    b"X: y\r\n z", b"X: y\nZ: z", b"X: y\rZ: z", b"X: \x00", b"X: \x01", b"X: \x7f", b"X: \xff",
    b"\xc3\x84: x",
    b"Content-Type: a\r\nContent-Type: b", b"Authorization: DPoP ada", b"DPoP: x", b"Expect: tea",
    b"Service-Worker: script",
    b"Content-Length: 3", b"Content-Length: +3", b"Content-Length: 3, 3", b"Content-Length: 0x3",
    b"Content-Length: 03",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding:",
    b"Transfer-Encoding : chunked", b"Content-Length:", b"X: " + b"x" * 8000, b"Sec-WebSocket-Key: x",
    b"Access-Control-Request-Method: PUT", b"Sec-WebSocket-Version: 13", b"Origin: https://books.example.edu",
    b"HTTP2-Settings: x", b"Proxy-Connection: keep-alive", b"Content-Length: 99999999999999999999",
)  # fmt: skip
_FREE_NAME = st.text("abcXYZ019-", min_size=1, max_size=12).map(str.encode)
_FREE_VALUE = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", codec="utf-8"), max_size=20
).map(str.encode)
_FREE_LINE = st.tuples(_FREE_NAME, _FREE_VALUE).map(lambda pair: pair[0] + b": " + pair[1])
_NASTY = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b";",
    b"0",
    b"1",
    b"\xff",
    b"\r\n\r\n",
    b",",
    b"%",
    b"/",
    b"\x0b",
    b"-",
)


def mutated(sound: st.SearchStrategy[bytes], *, one_in: int = 4) -> st.SearchStrategy[bytes]:
    @st.composite
    def change(draw: st.DrawFn) -> bytes:
        data = draw(sound)
        if draw(st.integers(1, one_in)) != one_in:
            return data
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(data)))
            size = draw(st.integers(1, 12))
            match draw(st.sampled_from(("insert", "replace", "delete", "repeat", "cut"))):
                case "insert":
                    data = data[:at] + draw(st.sampled_from(_NASTY)) + data[at:]
                case "replace":
                    data = data[:at] + draw(st.sampled_from(_NASTY)) + data[at + 1 :]
                case "delete":
                    data = data[:at] + data[at + size :]
                case "repeat":
                    data = data[: at + size] + data[at:]
                case _:
                    data = data[:at] or data
        return data

    return change()


@st.composite
def _chunks(draw: st.DrawFn, payload: bytes) -> bytes:
    cut = draw(st.integers(0, len(payload)))
    extension = draw(_often((b"",), (b";a=b", b" ;a", b';a="\r', b"; x", b";\xff", b"\t")))
    size = draw(_often((b"%x", b"%X", b"0%x"), (b"+%x", b"0x%x", b" %x", b"-%x", b"%x_0"), 30))
    found = b"".join(
        size % len(piece) + extension + b"\r\n" + piece + b"\r\n"
        for piece in (payload[:cut], payload[cut:])
        if piece
    )
    trailers = draw(
        _often(
            (b"", b"", b"X-A: b\r\n", b"X-Bookgate-Assertion: x\r\n"), (b"x\r\n", b"X : y\r\n", b" x: y\r\n")
        )
    )
    return (
        found + draw(_often((b"0", b"000"), (b"", b"00;a", b"-0", b"0 "), 20)) + b"\r\n" + trailers + b"\r\n"
    )


@st.composite
def _body(draw: st.DrawFn, method: bytes) -> tuple[list[bytes], bytes]:
    """Lines of framing, and the body behind them."""
    if draw(st.integers(0, 9)) > (6 if method in {b"POST", b"PUT", b"PATCH"} else 1):
        return [], b""
    payload = draw(st.sampled_from((b"", b"work", b"{}", b"x" * 300, LAST, b"0\r\n\r\n")))
    if draw(st.booleans()):
        return [b"Transfer-Encoding: chunked"], draw(_chunks(payload))
    size = len(payload) + draw(st.sampled_from((0,) * 20 + (1, -1)))
    return [b"Content-Length: %d" % max(size, 0)], payload


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(_METHODS)
    target = draw(_PREFIXES) + b"/".join(draw(_SEGMENTS)) + draw(_QUERIES)
    origin, person = draw(_ORIGINS)
    lines = [draw(_HOSTS)]
    if origin is not None:
        lines.append(b"Origin: " + origin.encode())
    if person is not None:
        lines.append(cookie_of(origin, person))
    framing, body = draw(_body(method))
    free = st.one_of(_often(_LINES, _ODD_LINES, 40), _often(_LINES, _ODD_LINES, 40), _FREE_LINE)
    lines += draw(st.lists(free, max_size=8)) + framing
    lines = draw(st.permutations(lines)) if draw(st.integers(0, 3)) == 3 else lines
    start = draw(_often((b"",), (b"\r\n", b"\n", b" "), 40)) + b" ".join((method, target, draw(_VERSIONS)))
    return b"\r\n".join([start, *lines, b"", body])


def cookie_of(origin: str | None, person: str) -> bytes:
    return b"Cookie: " + book_name(origin or BOOK).encode() + b"=" + person.encode()


@st.composite
def talks(draw: st.DrawFn) -> Talk:
    sent = tuple(draw(st.lists(mutated(requests()), min_size=1, max_size=3)))
    total = sum(map(len, sent)) + len(LAST)
    cuts = frozenset(draw(st.lists(st.integers(0, total), max_size=6)))
    if draw(st.integers(0, 9)) == 9:
        cuts = frozenset(range(total))
    return Talk((*sent, LAST), cuts, pipelined=draw(st.booleans()))


_STATUSES = _often(
    (b"200 OK", b"200 OK", b"201 Created", b"204 No Content", b"206 Partial Content", b"302 Found",
    b"304 Not Modified",
     b"401 Unauthorized", b"404 Not Found", b"500 Oh", b"503 Busy", b"200", b"200 "),
    (b"099 x", b"600 x", b"20 x", b"2000 x", b"abc x", b"101 Switching Protocols", b"200\tOK", b"200 \x00",
    b"-20 x", b"999 x"),
    20,
)  # fmt: skip
_ANSWER_LINES = (
    b"Content-Type: application/json", b"content-type: text/html", b"Set-Cookie: a=b", b'ETag: "e"',
    b"Vary: Accept",
    b"Vary: *", b"Cache-Control: public, max-age=60", b"Cache-Control: no-store", b"Location: /v1/x",
    b"Location: //evil/x",
    b"Location: https://other.example/x", b"Access-Control-Allow-Origin: *", b"Server: x", b"X-Kept: 1",
    b"Link: </x>",
    b"Connection: close", b"Connection: keep-alive", b"Connection: X-Kept", b"X-Request-Id: theirs-88",
    b"Date: x",
    b"Content-Encoding: gzip", b"Trailer: X-A", b"X_Odd.name!: 1", b"X-A: \xc3\xa9", b"X-B:",
    b"Keep-Alive: timeout=5",
    b"Content-Security-Policy: x", b"Alt-Svc: h3", b"Refresh: 0", b"Upgrade: h2c", b"X-Forwarded-User: x",
)  # fmt: skip
_ODD_ANSWER_LINES = (
    b"X: a\r\n b", b"X: a\nY: b", b"X: \x00", b"X: \x7f", b"X : a", b"X Y: a", b": a", b"X", b"X: \xff",
    b"\xc3\x84: a",
    b"Content-Length: 2", b"Content-Length: 2, 2", b"Content-Length: +2", b"Transfer-Encoding: chunked", b"",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: Chunked", b"Content-Length:",
    b"X: " + b"x" * 40_000,
)  # fmt: skip


@st.composite
def _answer(draw: st.DrawFn) -> tuple[bytes, str]:
    """An answer's bytes, and how its connection ends."""
    interim = draw(_often((b"", b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n"),
                          (b"HTTP/1.1 102 x\r\nContent-Length: 2\r\n\r\n",
                          b"HTTP/1.1 199\r\n\r\n")))  # fmt: skip
    first = (
        draw(
            _often((b"HTTP/1.1",), (b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"\r\nHTTP/1.1"), 20)
        )
        + b" "
        + draw(_STATUSES)
    )
    lines = draw(st.lists(_often(_ANSWER_LINES, _ODD_ANSWER_LINES, 40), max_size=6))
    payload = draw(st.sampled_from((b"", b"hi", b"{}", b"x" * 2000, OK)))
    ends = draw(st.sampled_from(("", "", "close", "reset")))
    match draw(st.sampled_from(("length", "length", "chunks", "none", "end"))):
        case "length":
            size = len(payload) + draw(st.sampled_from((0,) * 20 + (1, -1)))
            lines, body = [*lines, b"Content-Length: %d" % max(size, 0)], payload
        case "chunks":
            lines, body = [*lines, b"Transfer-Encoding: chunked"], draw(_chunks(payload))
        case "none":
            lines, body = [*lines, b"Content-Length: 0"], b""
        case _:
            body, ends = payload, "close"
    return interim + b"\r\n".join([first, *lines, b"", body]), ends


def answer_bytes() -> st.SearchStrategy[bytes]:
    return _answer().map(itemgetter(0))


def chunk_bytes() -> st.SearchStrategy[bytes]:
    return st.sampled_from((b"", b"work", b"x" * 300, b"\r\n")).flatmap(_chunks)


@st.composite
def plans(draw: st.DrawFn) -> Callable[[int], Plan]:
    whole, ends = draw(_answer())
    data = draw(mutated(st.just(whole), one_in=3))
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=5))})
    if draw(st.integers(0, 9)) == 9:
        cuts = list(range(len(data) + 1))
    plan = Plan(tuple(data[a:b] for a, b in pairwise(cuts)), ends=ends or "close")
    return lambda number: plan if number == 0 else Plan((OK,))
