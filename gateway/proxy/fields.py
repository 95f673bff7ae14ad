"""Field lines of requests (RFC 9112 section 5), read strictly; what is read of a line is remembered.

Never of a whole head: a browser says most of its lines again and again, but no two of its heads are the same.
"""

import re
from typing import Final

from gateway.errors import InvalidRequestError

# `strip` takes off the blanks around a value: a pattern would read a line of blanks again and again
_LINE: Final = re.compile(rb"([A-Za-z0-9-]+):([\t\x20-\x7e\x80-\xff]*)")
_NAME: Final = re.compile(rb"[A-Za-z0-9-]+")  # "_" and "." fold to "-" in CGI's and others' eyes
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_KEPT: Final = 4096  # lines; one more, and all are forgotten
_SHORT: Final = 512  # bytes of a line that is worth it
# what is secret, and what is hardly ever said twice
ONCE: Final = frozenset({
    "authorization", "content-length", "cookie", "dpop", "idempotency-key", "if-match", "if-none-match",
    "proxy-authorization", "referer", "traceparent", "tracestate", "x-bookgate-time", "x-forwarded-for",
    "x-request-id",
})  # fmt: skip
# By these it is decided, and who says the same of them is answered alike: see plan.py.
DECIDING: Final = frozenset({"connection", "host", "origin", "sec-fetch-site", "x-bookgate-book"})
# seldom said, and each with rules of its own: what is decided where they are is not remembered
_UNLIKE: Final = frozenset({
    "authorization", "expect", "service-worker", "traceparent", "tracestate", "transfer-encoding", "upgrade",
})  # fmt: skip
UNLIKE: Final = "!"

_SPELT: Final = {name.title(): name for name in ONCE} | {name: name for name in ONCE}  # as clients do

Pair = tuple[str, str]
Out = tuple[str, bytes]
Mark = str | None
Field = tuple[tuple[str, tuple[str, ...]], Pair, Out, Mark]


def field(name: str, value: str) -> Field:
    """Name (in lower case) and value, with what is made of them.

    First for an index, then as they are, then beside the name the line that a backend receives; at last
    what of it is decided by.
    """
    line = f"{name}: {value}\r\n"
    mark = line if name in DECIDING else UNLIKE if name in _UNLIKE else None
    return (name, (value,)), (name, value), (name, line.encode()), mark


class Lines:
    """The memo, one a worker: of lines as they came, and of names and values as aiohttp takes them apart."""

    __slots__ = ("known", "pairs")

    def __init__(self) -> None:
        self.known: dict[bytes, Field] = {}
        self.pairs: dict[tuple[bytes, bytes], Field] = {}

    def read(self, line: bytes) -> Field:
        """A line that is not known. Raises InvalidRequestError: it is not canonical."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise InvalidRequestError("a line that is not UTF-8") from None
        spelt, colon, value = text.partition(": ")
        name = _SPELT.get(spelt) if colon else None
        # at once: nothing but visible ASCII and blanks, and none of them around it
        if name is not None and value.isascii() and value.isprintable() and value.strip(" ") == value:
            return field(name, value)
        found = _LINE.fullmatch(line)
        if found is None:
            raise InvalidRequestError("not a canonical line")
        read = field(found[1].decode().lower(), found[2].strip(b" \t").decode())
        if read[1][0] not in ONCE and len(line) <= _SHORT:
            if len(self.known) >= _KEPT:
                self.known.clear()
            self.known[line] = read
        return read

    def take(self, pair: tuple[bytes, bytes]) -> Field:
        """A name and value that are not known. Raises InvalidRequestError."""
        name, value = pair
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidRequestError(f"header {name!r}", close=True)
        try:
            read = field(name.decode("ascii").lower(), value.decode().strip(" \t"))
        except UnicodeDecodeError:
            raise InvalidRequestError(f"header {name!r} is not UTF-8") from None
        if read[1][0] not in ONCE and len(name) + len(value) <= _SHORT:
            if len(self.pairs) >= _KEPT:
                self.pairs.clear()
            self.pairs[pair] = read
        return read
