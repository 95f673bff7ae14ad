"""A request's head by the canonical grammar, and what of it a backend receives.

Never lenient: what is not understood is not forwarded. Rewriting strips first and sets ours last.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

import msgspec

from gateway.errors import (
    ExpectationFailedError,
    HeadTooLargeError,
    InvalidRequestError,
    MethodNotAllowedError,
    MisdirectedError,
)
from gateway.proxy.fields import Field, Lines, Mark, Out, Pair, field
from gateway.proxy.path import split_target
from gateway.proxy.trace import said_trace

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==", re.ASCII)  # RFC 6455 section 4.1: 16 bytes

_SINGLE: Final = frozenset({
    "authorization", "content-length", "content-location", "content-range", "content-type", "dpop", "etag",
    "expect", "max-forwards", "server", "traceparent", "transfer-encoding", "user-agent",
    "x-bookgate-book", "x-bookgate-person", "x-bookgate-time",
})  # fmt: skip

# What a browser or an ordinary script says of itself; a policy's request_headers are added to it.
FORWARDED: Final = frozenset({
    "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control",
    "content-disposition", "content-encoding", "content-language", "content-type", "date", "dnt",
    "idempotency-key", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "last-event-id", "pragma", "prefer", "priority", "range", "referer",
    "save-data", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "sec-gpc",
    "sec-purpose", "traceparent", "tracestate", "upgrade-insecure-requests", "user-agent",
    "x-bookgate-time", "x-requested-with",
})  # fmt: skip

# Never taken from a client, whatever a policy says: hop-by-hop (RFC 9110 section 7.6.1), credentials,
# who is asking and through whom.
_OURS: Final = frozenset({
    "authorization", "connection", "content-length", "cookie", "cookie2", "dpop", "expect", "forwarded",
    "host", "http2-settings", "keep-alive", "origin", "remote-user", "te", "trailer",
    "transfer-encoding", "upgrade", "via", "x-real-ip", "x-request-id",
})  # fmt: skip
_OUR_BEGINNINGS: Final = ("x-bookgate-", "x-forwarded-", "proxy-", "sec-websocket-", "access-control-")

# What nearly all say in `Connection`; no header has any of these names.
ORDINARY: Final[dict[tuple[str, ...], frozenset[str]]] = {
    (line,): frozenset({line.lower()}) for line in ("close", "keep-alive", "Keep-Alive", "upgrade", "Upgrade")
}

Named = dict[str, tuple[str, ...]]


class Head(msgspec.Struct, frozen=True, eq=False):
    """A request's head that is understood, byte for byte what policy is matched on and what is forwarded.

    named: all lines of each name; who has no index of them leaves that to the first question.
    outs: beside each name the line that a backend receives; the same. marks: of each line what is decided by.
    """

    method: str
    path: str  # raw, never decoded
    query: str | None  # raw, without the "?"
    headers: tuple[Pair, ...]  # names in lower case, in order
    length: int | None
    chunked: bool
    http_1_0: bool = False
    named: Named | None = None
    outs: tuple[Out, ...] | None = None
    marks: tuple[Mark, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Head) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def _said(self) -> tuple[object, ...]:
        return self.method, self.path, self.query, self.headers, self.length, self.chunked, self.http_1_0

    @property
    def target(self) -> str:
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.length)

    @property
    def expects_continue(self) -> bool:
        return bool(self.lines("expect")) and not self.http_1_0  # RFC 9110 section 10.1.1

    @property
    def is_websocket(self) -> bool:
        asked = self.lines("upgrade")
        if not asked or self.method != "GET" or self.http_1_0:
            return False
        return len(asked) == 1 and asked[0].lower() == "websocket" and "upgrade" in self.connection

    @property
    def connection(self) -> frozenset[str]:
        """The options of `Connection`, hop-by-hop names among them (RFC 9110 section 7.6.1)."""
        lines = self.lines("connection")
        found = ORDINARY.get(lines)
        return _tokens(lines) if found is None else found

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """What a WebSocket handshake offers, in order (RFC 6455 section 4.1)."""
        parts = [part for line in self.lines("sec-websocket-protocol") for part in line.split(",")]
        return tuple(part.strip(" \t") for part in parts if part.strip(" \t"))

    def said(self, name: str) -> str | None:
        """What a book says in `X-Bookgate-NAME`; on a WebSocket, where a page can set no header, also in the
        subprotocol `bookgate.NAME.VALUE`.
        """
        told = self.one(f"x-bookgate-{name}")
        if told is not None or not self.is_websocket:
            return told
        beginning = f"bookgate.{name}."
        found = [part.removeprefix(beginning) for part in self.subprotocols if part.startswith(beginning)]
        if len(found) > 1:
            raise InvalidRequestError(f"more than one {beginning}")
        return next(iter(found), None)

    def lines(self, name: str) -> tuple[str, ...]:
        """All lines of one header; name in lower case."""
        named = self.named
        if named is None:
            named = index(self.headers)
            msgspec.structs.force_setattr(self, "named", named)
        return named.get(name, ())

    def one(self, name: str) -> str | None:
        """The only line of one header that `parse` lets come once."""
        found = self.lines(name)
        return found[0] if found else None


def served_hosts(public_url: str) -> frozenset[str]:
    """The Host values that mean us: with and without the scheme's default port."""
    scheme, _, authority = public_url.partition("://")
    default = {"http": ":80", "https": ":443"}[scheme]
    return frozenset({authority, authority if _has_port(authority) else authority + default})


def parse(
    method: str,
    target: str,
    version: tuple[int, int],
    headers: Iterable[tuple[bytes, bytes]],
    lines: Lines,
    *,
    hosts: frozenset[str],
    max_bytes: int,
) -> Head:
    """A canonical head, or a refusal; in doubt about framing the connection is closed too."""
    pairs = tuple(headers)
    if _size(method, target, pairs) > max_bytes:
        raise HeadTooLargeError(close=True)
    if version not in {(1, 1), (1, 0)}:
        raise InvalidRequestError(f"HTTP version {version}", close=True)
    if method not in METHODS:
        raise MethodNotAllowedError(METHODS, f"method {method}")
    path, query = split_target(target)
    known, take = lines.pairs, lines.take
    read = [known.get(pair) or take(pair) for pair in pairs]
    return proved(method, path, query, read, hosts, version)


def proved(
    method: str,
    path: str,
    query: str | None,
    read: Sequence[Field],
    hosts: frozenset[str],
    version: tuple[int, int] = (1, 1),
) -> Head:
    """A head whose lines were read, if they agree with each other."""
    items, headers, outs, marks = zip(*read, strict=True) if read else ((), (), (), ())
    named: Named = dict(items)
    if len(named) < len(read):
        named = index(headers)
        _check_single(named)
    length, chunked = None, False
    if "content-length" in named or "transfer-encoding" in named:
        length, chunked = _framing(named, version)
    head = Head(method, path, query, headers, length, chunked, version == (1, 0), named, outs, marks)
    said = named.get("host", ())
    if len(said) != 1 or said[0] not in hosts:
        _check_host(said, hosts)
    if "expect" in named and head.expects_continue and named["expect"][0].lower() != "100-continue":
        raise ExpectationFailedError(close=True)
    return head


def index(headers: Iterable[tuple[str, str]]) -> Named:
    """All lines of each name, in order."""
    named: Named = {}
    for name, value in headers:
        found = named.get(name)
        named[name] = (value,) if found is None else (*found, value)
    return named


def check_websocket(head: Head) -> None:
    """RFC 6455 section 4.2.1, before the backend hears of it."""
    keys = head.lines("sec-websocket-key")
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]) or head.lines("sec-websocket-version") != ("13",):
        raise InvalidRequestError("not a WebSocket handshake of version 13")
    if head.has_body:
        raise InvalidRequestError("a WebSocket handshake with a body", close=True)


def rewrite(
    head: Head, also: frozenset[str], reserved: frozenset[str], ours: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The headers a backend receives: the client's that are allowed, then ours.

    also: names beside the built-in ones that the origin's policy lets through.
    reserved: every name, in lower case, under which some backend reads an identity.
    ours: none of them has a name that a client's header keeps (`_passing`).
    """
    names = passing(head, also, reserved)
    return (*[pair for pair in head.headers if pair[0] in names], *ours)


def passed(head: Head, also: frozenset[str], reserved: frozenset[str]) -> list[bytes]:
    """The client's lines that `rewrite` keeps, as a backend receives them."""
    names, outs = passing(head, also, reserved), head.outs
    if outs is None:
        outs = tuple(field(name, value)[2] for name, value in head.headers)
    return [out for name, out in outs if name in names]


def passing(head: Head, also: frozenset[str], reserved: frozenset[str]) -> frozenset[str]:
    """The names of the lines that pass."""
    names = _passing(also, reserved)
    lines = head.lines("connection")
    if lines and lines not in ORDINARY:
        names -= head.connection
    said = head.lines("traceparent")
    if (said or head.lines("tracestate")) and said_trace(said) is None:
        # W3C Trace Context section 3.2: an invalid traceparent takes its tracestate with it
        names -= {"traceparent", "tracestate"}
    return names


def _has_port(authority: str) -> bool:
    return ":" in authority.rpartition("]")[2]


def _size(method: str, target: str, pairs: Sequence[tuple[bytes, bytes]]) -> int:
    line = len(method) + len(target) + len("  HTTP/1.1\r\n")
    # a blank after a colon may be there or not: never more than what came, or the two paths would differ
    return line + sum(map(len, chain.from_iterable(pairs))) + 3 * len(pairs) + 2


def _check_single(named: Named) -> None:
    if any(len(values) > 1 and name in _SINGLE for name, values in named.items()):
        raise InvalidRequestError("a header that may come once came twice", close=True)


def _framing(named: Named, version: tuple[int, int]) -> tuple[int | None, bool]:
    """RFC 9112 section 6.3, without its leniency: digits, or exactly `chunked`, or neither."""
    length = named.get("content-length", (None,))[0]
    coding = named.get("transfer-encoding", (None,))[0]
    if coding is not None and (coding != "chunked" or length is not None or version == (1, 0)):
        raise InvalidRequestError(f"Transfer-Encoding {coding!r} beside {length!r}", close=True)
    if length is not None and not _DIGITS.fullmatch(length):
        raise InvalidRequestError(f"Content-Length {length!r}", close=True)
    return (None if length is None else int(length)), coding is not None


def _check_host(lines: Sequence[str], hosts: frozenset[str]) -> None:
    if len(lines) != 1:
        raise InvalidRequestError(f"{len(lines)} Host lines", close=True)  # RFC 9112 section 3.2
    if lines[0].lower() not in hosts:
        raise MisdirectedError(f"Host {lines[0]!r}", close=True)


def _tokens(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(part.strip(" \t").lower() for line in lines for part in line.split(",")) - {""}


@lru_cache(maxsize=256)
def _passing(also: frozenset[str], reserved: frozenset[str]) -> frozenset[str]:
    """The names of what a client may say to a backend: none under which any backend reads an identity."""
    return frozenset(name for name in (FORWARDED | also) - reserved if not _is_ours(name))


def _is_ours(name: str) -> bool:
    # a client's own clock says nothing of who it is: the one name with our beginning that is theirs to set
    return name in _OURS or (name.startswith(_OUR_BEGINNINGS) and name != "x-bookgate-time")
