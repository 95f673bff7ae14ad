"""Requests as a browser, a script and an attacker write them, byte by byte."""

from tests.system.data_path import BOOK, CONSENT, PUBLIC, READER, STRANGER, TWO_BOOKS, head, sub_for_book

LAST = b"GET /public/last HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Accept: application/json, text/plain;q=0.9, */*;q=0.8",
    "Accept-Language: de,en-US;q=0.7,en;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: https://books.example.edu/cs1/chapter-2.html?step=7",
    "Connection: keep-alive",
    "Sec-Fetch-Dest: empty",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Site: cross-site",
    "X-Request-Id: 0123456789abcdef",
)


def get(target: str = "/storage/v1/items/1", *lines: str, **more: str | None) -> bytes:
    return head(target, *lines, **more)  # type: ignore[arg-type]  # origin, person, host


def post(body: bytes, *lines: str, method: str = "POST", target: str = "/storage/v1/items/1") -> bytes:
    return head(target, *lines, f"Content-Length: {len(body)}", method=method) + body


def chunked(*chunks: bytes, last: bytes = b"0\r\n\r\n", lines: tuple[str, ...] = ()) -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head("/storage/x", *lines, "Transfer-Encoding: chunked", method="POST") + framed + last


def ownly(*lines: bytes, first: bytes = b"GET /public/x HTTP/1.1") -> bytes:
    """A head with nothing in it but these lines."""
    return b"\r\n".join([first, *lines, b"", b""])


SOUND = {
    "a browser's": get("/storage/v1/items/1?kind=answer&x[]=%zz", *BROWSER),
    "a script's": get("/public/x", "Accept: */*", "User-Agent: curl/8"),
    "no header but Host": ownly(b"Host: gw.test"),
    "host in another place": ownly(b"Accept: */*", b"Host: gw.test", b"User-Agent: x"),
    "blanks around values": ownly(b"Host:   gw.test  ", b"Accept:\t*/*\t"),
    "no blank before values": ownly(b"Host:gw.test", b"Accept:*/*"),
    "empty values": ownly(b"Host: gw.test", b"Accept:", b"User-Agent: "),
    "a header twice": get("/storage/x", "Accept: a", "Accept: b", "If-None-Match: c", "If-None-Match: d"),
    "utf-8 in a value": get("/storage/x", "User-Agent: ü€𝄞", 'Content-Disposition: x; name="é"'),
    "names in any case": get("/storage/x", "aCCEPT: a", "USER-AGENT: b", "range: bytes=0-1"),
    "what a policy lists": get("/storage/x", "X-Partner: 7", 'If-None-Match: "e"'),
    "what no policy lists": get("/storage/x", "X-Nobody: 7", "X-Else: 8"),
    "cookies beside ours": get("/storage/x", "Cookie: a=b; c=d", "Cookie: e=f"),
    "another book": get("/storage/x", "X-Bookgate-Book: ada-logic", origin=TWO_BOOKS, person="cleo"),
    "the person it believes": get("/storage/x", f"X-Bookgate-Person: {sub_for_book('ada', BOOK)}"),
    "a book's clock": get("/storage/x", "X-Bookgate-Time: 2027-01-01T00:00:00Z"),
    "a trace": get("/storage/x", f"traceparent: {TRACE}", "tracestate: a=1,b=2"),
    "no sound trace": get("/storage/x", "traceparent: zz", "tracestate: a=1"),
    "a consenting origin": get("/storage/x", origin=CONSENT, person="dan"),
    "one who reads": get("/storage/x", origin=READER, person="eve"),
    "a public route": get("/public/v1/x", "Authorization: DPoP ada", "DPoP: x"),
    "maybe somebody": get("/maybe/x"),
    "maybe nobody": get("/maybe/x", person=None),
    "not stripped": get("/whole/a/b?c"),
    "no slash": get("/storage"),
    "the same bytes": get("/storage/a%20b/%C3%A9@,=!$&'()*+:|[]~_-.x"),
    "a free query": get("/storage/a?b=%2e%2e/..//&c=d;e?f\\|{}^`"),
    "an empty query": get("/storage/a?"),
    "HEAD": head("/storage/x", method="HEAD"),
    "DELETE": head("/storage/x", method="DELETE"),
    "OPTIONS": head("/public/x", method="OPTIONS", origin=None),
    "a preflight": head(
        "/storage/x",
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: content-type,x-partner",
        method="OPTIONS",
        person=None,
    ),
    "close": get("/storage/x", "Connection: close"),
    "keep-alive": get("/storage/x", "Connection: keep-alive"),
    "named away": get("/storage/x", "Connection: Accept, X-Bookgate-Assertion", "Accept: text/csv"),
    "client addresses": get("/public/x", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Real-IP: 1.2.3.4"),
    "an upgrade to h2c": get(
        "/public/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x"
    ),
    "websocket in HTTP's clothes": get("/public/x", "Upgrade: websocket"),
    "a body": post(b"work", "Content-Type: text/plain"),
    "an empty body": post(b"", "Content-Type: text/plain"),
    "PUT": post(b"x" * 5000, "Content-Type: application/json", "Content-Encoding: gzip", method="PUT"),
    "PATCH": post(b"{}", "Content-Type: application/json", method="PATCH"),
    "DELETE with a body": post(b"{}", method="DELETE"),
    "GET with a body": post(b"{}", method="GET"),
    "a body that looks like a request": post(LAST),
    "a length with zeros": head("/storage/x", "Content-Length: 0004", method="POST") + b"work",
    "chunks": chunked(b"work", b"x" * 300, b"!"),
    "no chunks": chunked(),
    "a long chunk extension": chunked(last=b"4;" + b"a" * 3000 + b"\r\nwork\r\n0\r\n\r\n"),
    "chunk extensions": chunked(last=b'4;a=b;c="d"\r\nwork\r\n0;x\r\n\r\n'),
    "sizes in capitals and zeros": chunked(last=b"000A\r\n0123456789\r\n0000\r\n\r\n"),
    "trailers": chunked(
        b"work", last=b"0\r\nX-Bookgate-Assertion: forged\r\n\r\n", lines=("Trailer: X-Bookgate-Assertion",)
    ),
    "HTTP/1.0": ownly(b"Host: gw.test", first=b"GET /public/x HTTP/1.0"),
    "HTTP/1.0 that stays": ownly(
        b"Host: gw.test", b"Connection: keep-alive", first=b"GET /public/x HTTP/1.0"
    ),
    "blank lines before": b"\r\n" + get("/public/x"),
    "more blank lines before": b"\r\n\r\n\r\n" + get("/public/x"),
    "blanks between": b"GET  /public/x  HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    "a host with blanks": get("/public/x", host=" gw.test\t"),
    "sign-in cookies": get("/storage/x", "Cookie: __Host-Http-bookgate=x", "Cookie: __Host-Http-bookgate=y"),
    "an expectation and its body": head(
        "/storage/x", "Expect: 100-continue", "Content-Length: 4", method="POST"
    )
    + b"work",
    "nobody's": get("/storage/x", person=None),
    "no origin": get("/storage/x", origin=None),
    "our own origin": get("/public/x", origin=PUBLIC),
    "a stranger": get("/storage/x", origin=STRANGER),
    "another's cookie": get("/storage/x", origin=CONSENT, person="ada"),
    "somebody else signed in": get("/storage/x", f"X-Bookgate-Person: {sub_for_book('ben', BOOK)}"),
    "no book of theirs": get("/storage/x", "X-Bookgate-Book: ada-logic"),
    "two of our cookies": get("/storage/x")
    .replace(b"=ada", b"=ada; x=y")
    .replace(b"Cookie", b"Cookie: a=b\r\nCookie"),
    "a method that a route has not": head("/storage/few/x", method="DELETE"),
    "a method that an origin has not": head("/storage/x", method="PUT", origin=READER, person="eve"),
    "no route": get("/nothing/x"),
    "an internal path": get("/storage/v1/Internal/x"),
    "a service worker": get("/storage/x", "Service-Worker: script"),
    "cross-site without an origin": head(
        "/public/x", "Sec-Fetch-Site: cross-site", method="POST", origin=None
    ),
    "too long by its word": head("/storage/x", "Content-Length: 100001", method="POST"),
    "another expectation": head("/storage/x", "Expect: tea", method="POST"),
    "a request id of their own": get("/storage/x", "X-Request-Id: abcdefgh_1-2"),
    "a request id that is none": get("/storage/x", "X-Request-Id: a b"),
    "two request ids": get("/storage/x", "X-Request-Id: abcdefgh1", "X-Request-Id: abcdefgh2"),
}

_ALIASES = (
    "X_Bookgate_Assertion",
    "X-Forwarded_User",
    "X.Forwarded.User",
    "X!Y",
    "Ä",
    "X Y",
    "",
    "(x)",
    "X-Y ",
)
_NO_COLONS = (
    "Cookie", "cookie", "Authorization", "DPoP", "Content-Length", "Traceparent", "X-Request-Id", "Accept",
    "Host", "Origin", "Referer",
)  # fmt: skip
_TARGETS = (
    "/storage/%2e%2e/v1", "/storage/..%2fv1", "/storage/../public/x", "/storage/./x", "/storage/.%2E/x",
    "/storage//x", "//storage/x", "/storage/x%2fy", "/storage/x%5Cy", "/storage/x%00", "/storage/x%252e",
    "/storage/x%3by", "/storage/x;y", "/storage/x\\y", "/storage/x#y", "/storage/%c0%ae%c0%ae/x",
    "/storage/%EF%BC%8E%EF%BC%8E/x", "/storage/a%EF%BC%8Fb", "/%73torage/x", "/storage/%66ew/x",
    "/storage/x%0d%0aX-Role:%20staff", "/storage/x%", "/storage/x%4", "/storage/é", "/storage/x?a#b",
    '/storage/x?"', "/storage/x?<", "/storage/x y", "http://gw.test/storage/x", "http://evil.test/storage/x",
    "https://gw.test/storage/x", "*", "storage/x", "?", "", "/storage/x\tHTTP/1.1",
)  # fmt: skip
_HOSTS = (
    "evil.test", "gw.test.evil.test", "gw.test@evil.test", "evil.test@gw.test", "GW.TEST", "GW.TEST:80",
    "gw.test:80",
    "gw.test:81", "gw.test:", "gw.test.", "gw.test/x", "gw.test?x", "gw.test, gw.test", "", "[gw.test]",
    "\tgw.test x",
)  # fmt: skip
_FRAMINGS = (
    ("Content-Length: 4", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 4"),
    ("Content-Length: 4", "Content-Length: 4"), ("Content-Length: 4", "Content-Length: 5"),
    ("Content-Length: 4, 4",), ("Content-Length: +4",), ("Content-Length: 0x4",), ("Content-Length: -4",),
    ("Content-Length: 4 4",), ("Content-Length: 4_0",), ("Content-Length: ٤",), ("Content-Length:",),
    ("Content-Length: 9999999999999999999",), ("Transfer-Encoding: gzip, chunked",),
    ("Transfer-Encoding: chunked, identity",), ("Transfer-Encoding: identity",), ("Transfer-Encoding:",),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), ("Transfer-Encoding: Chunked",),
    ("Transfer-Encoding: chunked;q=1",), ("Transfer-Encoding: xchunked",), ("Transfer-Encoding: \x0bchunked",
    ),
    ("Transfer-Encoding : chunked",), ("Transfer_Encoding: chunked", "Content-Length: 4"),
    ("X: y\r\n Content-Length: 4",), ("Content-Length: 4\r\n\t",), ("X: y\nContent-Length: 4",),
    ("X: y\rContent-Length: 4",), ("Content-Length\x00: 4",), (" Content-Length: 4",),
)  # fmt: skip
_VERSIONS = (
    "HTTP/0.9",
    "HTTP/1.2",
    "HTTP/2.0",
    "HTTP/3.0",
    "HTTP/1.10",
    "HTTP/01.1",
    "http/1.1",
    "HTTP/1,1",
    "HTTP/1.1 ",
    "",
)
_METHODS = ("CONNECT", "TRACE", "get", "G", "PRI", "PROPFIND", "GE T", "GET\x00", "(")
_CHUNKS = (
    b"4\r\nwork\r\nzz\r\n", b"4\nwork\n0\n\n", b"-4\r\nwork\r\n0\r\n\r\n", b"+4\r\nwork\r\n0\r\n\r\n",
    b"0x4\r\nwork\r\n0\r\n\r\n", b"4 \r\nwork\r\n0\r\n\r\n", b"4 ;a\r\nwork\r\n0\r\n\r\n",
    b" 4\r\nwork\r\n0\r\n\r\n",
    b"\r\n4\r\nwork\r\n0\r\n\r\n",
    b"4\r\nworkXX0\r\n\r\n", b"4\r\nwork!\r\n0\r\n\r\n", b"4;\x00\r\nwork\r\n0\r\n\r\n",
    b"4;a\nb\r\nwork\r\n0\r\n\r\n",
    b"10000000000000000\r\nwork\r\n0\r\n\r\n", b"fffffffffffffffff\r\nwork",
    b"4\r\nwork\r\n0\r\nbad trailer\r\n\r\n",
    b"4\r\nwork\r\n0\r\n X: y\r\n\r\n", b"4\r\nwork\r\n0\r\n\r\r\n",
)  # fmt: skip

ODD = (
    {f"header {name!r}": get("/storage/x", f"{name}: ben") for name in _ALIASES}
    | {f"no colon behind {name}": ownly(b"Host: gw.test", name.encode(), b"Accept: a") for name in _NO_COLONS}
    | {f"target {target!r}": get(target) for target in _TARGETS}
    | {f"host {host!r}": get("/public/x", host=host) for host in _HOSTS}
    | {f"version {name!r}": get("/public/x").replace(b"HTTP/1.1", name.encode(), 1) for name in _VERSIONS}
    | {f"method {name!r}": head("/public/x", method=name) for name in _METHODS}
    | {
        f"framing {' | '.join(lines)!r}": head("/storage/x", *lines, method="POST") + b"0\r\n\r\n" + LAST
        for lines in _FRAMINGS
    }
    | {f"chunks {data[:24]!r}": chunked(last=data) for data in _CHUNKS}
    | {
        "two hosts": get("/public/x", "Host: gw.test"),
        "no host": ownly(b"Accept: */*"),
        "two origins": get("/storage/x", f"Origin: {BOOK}"),
        "an origin that is no text": get("/storage/x").replace(b"books", b"\xff\xfe"),
        "a value that is no text": get("/public/x", "User-Agent: \udcff"),
        "a control byte": get("/public/x", "User-Agent: a\x01b"),
        "a zero byte": get("/public/x", "User-Agent: a\x00b"),
        "delete": get("/public/x", "User-Agent: a\x7fb"),
        "a fold": get("/public/x", "User-Agent: a\r\n b"),
        "a bare line feed": get("/public/x").replace(b"\r\n", b"\n"),
        "a bare carriage return": get("/public/x", "User-Agent: a\rX-Forwarded-User: ben"),
        "a long line": get("/public/x", "User-Agent: " + "x" * 8000),
        "a long target": get("/public/" + "x" * 9000),
        "many headers": get("/public/x", *["Accept: a"] * 300),
        "two types": post(b"x", "Content-Type: a/b", "Content-Type: c/d"),
        "two traces": get("/public/x", f"traceparent: {TRACE}", f"traceparent: {TRACE}"),
        "two authorizations": get("/storage/x", "Authorization: DPoP ada", "Authorization: DPoP ada"),
        "chunks in HTTP/1.0": chunked(b"work").replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "no version": b"GET /public/x\r\nHost: gw.test\r\n\r\n",
    }
)  # fmt: skip
