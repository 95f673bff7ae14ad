"""Answers of backends, byte by byte: sound ones, and what no reader may be sent."""

from tests.data_path.byte_backend import OK, Plan

_EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def said(status: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", body])


def sized(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    return said(status, *lines, b"Content-Length: %d" % len(body), body=body)


def in_chunks(*chunks: bytes, lines: tuple[bytes, ...] = (), last: bytes = b"0\r\n\r\n") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return said(b"200 OK", *lines, b"Transfer-Encoding: chunked", body=framed + last)


_SOUND: dict[str, Plan | bytes] = {
    "a length": OK,
    "nothing": sized(b""),
    "much": sized(b"x" * 200_000),
    "chunks": in_chunks(b"work", b"x" * 3000),
    "no chunks": in_chunks(),
    "chunk extensions and trailers": in_chunks(
        b"work", lines=(b"Trailer: Set-Cookie",), last=b"0;x=y\r\nSet-Cookie: a=b\r\n\r\n"
    ),
    "to the end": Plan((said(b"200 OK", body=b"to the end"),), ends="close"),
    "nothing to the end": Plan((said(b"200 OK"),), ends="close"),
    "HTTP/1.0": Plan((b"HTTP/1.0 200 OK\r\n\r\nto the end",), ends="close"),
    "HTTP/1.0 with a length": Plan((b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",), ends="close"),
    "HTTP/1.0 that stays": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    "close": Plan((sized(b"hi", b"Connection: close"),), ends="close"),
    "close and stays": sized(b"hi", b"Connection: close"),
    "no reason": b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi",
    "another reason": sized(b"hi", status=b"200 Very \xc3\xa9 OK"),
    "its own statuses": sized(b"hi", status=b"299 Mine"),
    "204": said(b"204 No Content"),
    "204 with a length": said(b"204 No Content", b"Content-Length: 0"),
    "205": sized(b"", status=b"205 Reset Content"),
    "304": said(b"304 Not Modified", b'ETag: "e"'),
    "304 with a length": said(b"304 Not Modified", b'ETag: "e"', b"Content-Length: 77"),
    "a redirect": sized(b"", b"Location: /v1/x?y#z", status=b"302 Found"),
    "a redirect elsewhere": sized(b"", b"Location: https://other.example/x",
    status=b"307 Temporary Redirect"),
    "401": sized(b"", b'WWW-Authenticate: Basic realm="x"', status=b"401 Unauthorized"),
    "429": sized(b"", b"Retry-After: 7", b"RateLimit: x", status=b"429 Too Many Requests"),
    "500": sized(b"Traceback", status=b"500 Internal Server Error"),
    "early hints": said(b"103 Early Hints", b"Link: </x>") + OK,
    "many interim answers": said(b"100 Continue") * 3 + said(b"102 Processing") + OK,
    "everything that is stripped": sized(
        b"hi", b"Set-Cookie: a=b", b"Access-Control-Allow-Origin: *", b"Server: x", b"X-Powered-By: x",
        b"Clear-Site-Data: *", b"Strict-Transport-Security: max-age=1", b"Alt-Svc: h3",
        b"Connection: X-Inner",
        b"X-Inner: 10.0.0.5", b"Timing-Allow-Origin: *", b"X-Bookgate-Role: x",
        b"X-Request-Id: theirs-8888",
        b"Cross-Origin-Resource-Policy: cross-origin", b"Keep-Alive: timeout=5", b"Via: 1.1 me",
        b"Upgrade: h2c",
        b"X-Content-Type-Options: x", b"Refresh: 0", b"Service-Worker-Allowed: /",
        b"Proxy-Authenticate: x",
    ),
    "everything that is kept": sized(
        b"hi", b"Content-Type: text/html; charset=utf-8", b"Content-Encoding: gzip", b'ETag: W/"e"',
        b"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", b"Link: </x>; rel=next", b"Link: </y>; rel=prev",
        b"X-Total: 7", b"x-lower: 8", b"X_Under.dot!: 9", b"Vary: Accept", b"Vary: Cookie",
        b"Accept-Ranges: bytes",
        b"Content-Range: bytes 0-1/2", b"Content-Security-Policy: default-src 'self'", b"Age: 3",
    ),
    "vary on everything": sized(b"hi", b"Vary: *"),
    "public caching": sized(b"hi", b"Cache-Control: public, max-age=600", b"Expires: x", b"Pragma: x"),
    "no-store": sized(b"hi", b"Cache-Control: No-Store"),
    "a date of theirs": sized(b"hi", b"Date: Sun, 06 Nov 1994 08:49:37 GMT"),
    "empty values": sized(b"hi", b"X-A:", b"X-B: ", b"ETag:\t"),
    "bytes that are no text": sized(b"hi", b"X-A: \xff\xfe"),
    "utf-8": sized(b"hi", "X-A: ü€".encode()),
    "many headers": sized(b"hi", *(b"X-%d: %d" % (number, number) for number in range(100))),
    "a long header": sized(b"hi", b"X-A: " + b"a" * 8000),
    "an event stream": Plan((_EVENTS + b"\r\n", b"data: 1\n\n", b"data: 2\n\n"), ends="close"),
    "an event stream in chunks": Plan(
        (_EVENTS + b"Transfer-Encoding: chunked\r\n\r\n", b"9\r\ndata: 1\n\n\r\n", b"0\r\n\r\n")
    ),
    "in pieces": Plan((b"HTTP/1.1 200 OK\r\nContent-", b"Length: 10\r\n", b"\r\n", b"01234", b"56789")),
    "early": Plan((sized(b"early", status=b"409 Conflict"),), early=True),
}  # fmt: skip
SOUND = {name: plan if isinstance(plan, Plan) else Plan((plan,)) for name, plan in _SOUND.items()}

_FRAMINGS = (
    (b"Content-Length: 2", b"Content-Length: 3"), (b"Content-Length: 2", b"Content-Length: 2"),
    (b"Content-Length: 2, 2",), (b"Content-Length: +2",), (b"Content-Length: -2",), (b"Content-Length: 0x2",),
    (b"Content-Length: 2 2",), (b"Content-Length:",), (b"Content-Length: 99999999999999999999",),
    (b"Content-Length: 2", b"Transfer-Encoding: chunked"), (b"Transfer-Encoding: chunked",
    b"Content-Length: 2"),
    (b"Transfer-Encoding: gzip, chunked",), (b"Transfer-Encoding: chunked, gzip",),
    (b"Transfer-Encoding: gzip",),
    (b"Transfer-Encoding: identity",), (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    (b"Transfer-Encoding: chunkedx",), (b"Transfer-Encoding : chunked",), (b"Content-Length : 2",),
    (b"X: a\r\n Content-Length: 2",), (b"X: a\x00b",), (b"X: a\x01b",), (b"X: a\x7fb",), (b"X\x00: a",),
    (b"X Y: a",),
    (b": a",), (b"X",), (b"X: a\nY: b",), (b"X: a\rY: b",), ("Ä: b".encode(),),
)  # fmt: skip
_LINES = (
    b"what?", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 2", b"HTTP/1.1 20", b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 200OK",
    b"HTTP/1.1 abc OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 999 OK", b"HTTP/1.1 -200 OK",
    b"HTTP/2.0 200 OK", b"HTTP/1.2 200 OK", b"HTTP/0.9 200 OK", b"http/1.1 200 OK", b"ICY 200 OK",
    b"HTTP/1.1\t200 OK",
    b"HTTP/1.1  200 OK", b" HTTP/1.1 200 OK", b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 O\rK",
    b"HTTP/11.1 200 OK",
    b"GET / HTTP/1.1", b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK",
)  # fmt: skip
_BODIES = (
    b"zz\r\nhi\r\n0\r\n\r\n", b"2\nhi\n0\n\n", b"-2\r\nhi\r\n0\r\n\r\n", b"+2\r\nhi\r\n0\r\n\r\n",
    b"0x2\r\nhi\r\n0\r\n\r\n",
    b" 2\r\nhi\r\n0\r\n\r\n", b"2\r\nhi!\r\n0\r\n\r\n", b"2\r\nhiXX0\r\n\r\n", b"2;\x00\r\nhi\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhi", b"2\r\nhi\r\n0\r\nno trailer\r\n\r\n",
)  # fmt: skip

BROKEN: dict[str, Plan] = (
    {
        f"framing {b' | '.join(lines)[:50]!r}": Plan((said(b"200 OK", *lines, body=b"hi"),), ends="close")
        for lines in _FRAMINGS
    }
    | {
        f"first line {line!r}": Plan((line + b"\r\nContent-Length: 2\r\n\r\nhi",), ends="close")
        for line in _LINES
    }
    | {f"chunks {body[:24]!r}": Plan((in_chunks(last=body),), ends="close") for body in _BODIES}
    | {
        "chunks in HTTP/1.0": Plan(
            (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",), ends="close"
        ),
        "bare line feeds": Plan((b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",), ends="close"),
        "nothing at all": Plan((), ends="close"),
        "a reset": Plan((), ends="reset"),
        "half a head": Plan((b"HTTP/1.1 200 OK\r\nContent-Le",), ends="close"),
        "half a head and a reset": Plan((b"HTTP/1.1 200 OK\r\nContent-Le",), ends="reset"),
        "a switch that nobody asked for": Plan(
            (said(b"101 Switching Protocols", b"Upgrade: x", b"Connection: upgrade"),), ends="close"
        ),
        "an interim answer and no other": Plan((said(b"103 Early Hints"),), ends="close"),
        "an interim answer with a length": Plan(
            (said(b"102 Processing", b"Content-Length: 2") + b"hi",), ends="close"
        ),
        "interim answers without end": Plan((said(b"100 Continue") * 5000,), ends="close"),
        "a huge header": Plan(
            (said(b"200 OK", b"X: " + b"x" * 100_000, b"Content-Length: 0"),), ends="close"
        ),
        "a huge head": Plan(
            (said(b"200 OK", *[b"X: " + b"x" * 900] * 100, b"Content-Length: 0"),), ends="close"
        ),
        "a head of headers": Plan(
            (said(b"200 OK", *[b"X: x"] * 20_000, b"Content-Length: 0"),), ends="close"
        ),
        "too short": Plan((said(b"200 OK", b"Content-Length: 10", body=b"half"),), ends="close"),
        "too short and a reset": Plan((said(b"200 OK", b"Content-Length: 10"), b"half"), ends="reset"),
        "no last chunk": Plan((in_chunks(b"half", last=b""),), ends="close"),
        "half a last chunk": Plan((in_chunks(b"half", last=b"0\r\n"),), ends="close"),
        "a redirect of two lines": Plan(
            (sized(b"", b"Location: /a\nX: b", status=b"302 Found"),), ends="close"
        ),
    }
)

# Sound as far as it goes, and then more than it said: the rest is nobody's answer.
TOO_LONG: dict[str, Plan] = {
    "behind a length": Plan((sized(b"hi") + b"evil",)),
    "an answer behind a length": Plan((sized(b"hi") + sized(b"evil"),)),
    "an answer that comes later": Plan((sized(b"hi"), sized(b"evil"))),
    "behind chunks": Plan((in_chunks(b"hi") + sized(b"evil"),)),
    "behind nothing": Plan((sized(b"") + sized(b"evil"),)),
    "behind 204": Plan((said(b"204 No Content") + sized(b"evil"),)),
    "a body of 204": Plan((said(b"204 No Content", b"Content-Length: 4", body=b"evil"),)),
    "a body of 304": Plan((said(b"304 Not Modified", b"Content-Length: 4", body=b"evil"),)),
    "chunks of 304": Plan(
        (said(b"304 Not Modified", b"Transfer-Encoding: chunked", body=b"4\r\nevil\r\n0\r\n\r\n"),)
    ),
}
