"""Request heads of the canonical grammar, read from their bytes; anything else is None, for others to refuse.

What is read of a header line is remembered, never of a whole head: a browser says most of its lines again and
again, but no two of its heads are the same.
"""

import re
from typing import Final

from gateway.errors import GatewayError
from gateway.proxy.head import METHODS, Head, Named, proved
from gateway.proxy.path import split_target

MAX_LINES: Final = 256
_METHODS: Final = {name.encode(): name for name in METHODS}
_LINE: Final = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_VERSION: Final = b" HTTP/1.1"
_KEPT: Final = 4096  # lines; one more, and all are forgotten
_SHORT: Final = 512  # bytes of a line that is worth it
_KEEPING: Final = frozenset({"close", "keep-alive", "upgrade"})
# what is secret, and what is hardly ever said twice
_ONCE: Final = frozenset(
    {
        "authorization", "content-length", "cookie", "dpop", "idempotency-key", "if-match", "if-none-match",
        "proxy-authorization", "referer", "traceparent", "tracestate", "x-bookgate-time", "x-forwarded-for",
        "x-request-id",
    }
)  # fmt: skip

Pair = tuple[str, str]
Read = tuple[Pair, str, tuple[str, ...]]  # name and value; name; value


class Lines:
    """The memo of header lines, one a worker."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[bytes, Read] = {}

    def read(self, line: bytes) -> Read | None:
        """A line that is not known: name in lower case, and value."""
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        try:
            name, value = found[1].decode().lower(), found[2].decode()
        except UnicodeDecodeError:
            return None
        read = (name, value), name, (value,)
        if name not in _ONCE and len(line) <= _SHORT:
            if len(self.known) >= _KEPT:
                self.known.clear()
            self.known[line] = read
        return read


def read_request(data: bytes, lines: Lines, hosts: frozenset[str]) -> Head | None:
    """data: one whole head with its empty line. hosts: the Host values that mean us, byte for byte."""
    first, *rest = data[:-4].split(b"\r\n")
    word, _, target = first[:-9].partition(b" ")
    method = _METHODS.get(word)
    if method is None or not first.endswith(_VERSION) or len(rest) > MAX_LINES:
        return None
    named: Named = {}
    read = _read(rest, lines, named)
    if read is None:
        return None
    try:
        path, query = split_target(target.decode())
        head = proved(method, path, query, read, named, hosts)
    except (GatewayError, UnicodeDecodeError):
        return None
    if named["host"][0] not in hosts:  # `proved` takes it in any case, whoever serves our pages does not
        return None
    return head if "connection" not in named or head.connection <= _KEEPING else None


def _read(rest: list[bytes], lines: Lines, named: Named) -> tuple[Pair, ...] | None:
    """All lines; named: filled with their index."""
    known = lines.known
    read: list[Pair] = []
    for line in rest:
        found = known.get(line) or lines.read(line)
        if found is None:
            return None
        pair, name, values = found
        read.append(pair)
        named[name] = named[name] + values if name in named else values
    return tuple(read)
