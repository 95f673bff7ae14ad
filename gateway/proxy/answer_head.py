"""The head of a backend's answer, read strictly (RFC 9112 section 4): what is odd is no answer."""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

import msgspec

from gateway.errors import BackendBrokenError

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_LINE: Final = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class Kind(IntEnum):
    """What becomes of a line."""

    KEPT = 0
    DROPPED = 1
    COOKIE = 2
    CACHING = 3
    LOCATION = 4
    VARY = 5
    TYPE = 6
    DATE = 7
    LENGTH = 8
    CODING = 9
    CONNECTION = 10


# hop-by-hop; what only the gateway says on its host; what would bind the host beyond one answer
_STRIPPED: Final = frozenset({
    "alt-svc", "clear-site-data", "cross-origin-resource-policy",
    "expect-ct", "keep-alive", "nel", "origin-agent-cluster", "proxy-authenticate", "proxy-connection",
    "public-key-pins", "report-to", "reporting-endpoints", "server", "service-worker-allowed",
    "set-cookie2", "strict-transport-security", "te", "timing-allow-origin", "trailer",
    "upgrade", "via", "x-content-type-options", "x-powered-by", "x-request-id",
})  # fmt: skip
_STRIPPED_BEGINNINGS: Final = ("access-control-", "x-bookgate-", "x-forwarded-")
_KINDS: Final = {
    "set-cookie": Kind.COOKIE,
    "cache-control": Kind.CACHING,
    "expires": Kind.CACHING,
    "pragma": Kind.CACHING,
    "surrogate-control": Kind.CACHING,
    "cdn-cache-control": Kind.CACHING,
    "location": Kind.LOCATION,
    "content-location": Kind.LOCATION,
    "vary": Kind.VARY,
    "content-type": Kind.TYPE,
    "date": Kind.DATE,
    "content-length": Kind.LENGTH,
    "transfer-encoding": Kind.CODING,
    "connection": Kind.CONNECTION,
    **dict.fromkeys(_STRIPPED, Kind.DROPPED),
}


class Line(msgspec.Struct, frozen=True, gc=False):
    """One header line. out: as it goes on, with its end."""

    name: str
    value: str
    low: str
    kind: Kind
    out: bytes

    @classmethod
    def of(cls, name: str, value: str) -> "Line":
        low = name.lower()
        kind = Kind.DROPPED if low.startswith(_STRIPPED_BEGINNINGS) else _KINDS.get(low, Kind.KEPT)
        return cls(name, value, low, kind, f"{name}: {value}\r\n".encode())


class AnswerHead(msgspec.Struct, frozen=True, gc=False):
    """One head. length and not chunked: so many bytes; neither: until the connection ends (section 6.3)."""

    status: int
    lines: tuple[Line, ...]
    length: int | None
    chunked: bool
    keeps_alive: bool
    options: frozenset[str]  # of `Connection`: names of headers among them


_SHORT: Final = 512  # bytes
_KEPT: Final = 4096  # lines; one more, and all are forgotten
_NO_OPTIONS: Final[frozenset[str]] = frozenset()
_known: Final[dict[bytes, Line]] = {}


def read_answer(data: bytes) -> AnswerHead:
    """data: one whole head with its empty line. Raises BackendBrokenError."""
    first, *rest = data[:-4].split(b"\r\n")
    status, minor = status_of(first[:_SHORT])
    lines, length, chunked, options = [], None, False, _NO_OPTIONS
    known = _known.get
    for raw in rest:
        line = known(raw) or _read_and_keep(raw)
        kind = line.kind
        if kind < Kind.LENGTH:
            lines.append(line)
        elif kind is Kind.LENGTH:
            if length is not None or not _DIGITS.fullmatch(line.value):
                raise BackendBrokenError(f"Content-Length {line.value!r}")
            length = int(line.value)
        elif kind is Kind.CODING:
            if chunked or line.value.lower() != "chunked" or not minor:
                raise BackendBrokenError(f"Transfer-Encoding {line.value!r}")
            chunked = True
        else:
            options |= options_of(line)
    if chunked and length is not None:
        # a length beside a coding is how answers are split
        raise BackendBrokenError(f"Transfer-Encoding beside Content-Length {length}")
    keeps = "close" not in options if minor else "keep-alive" in options
    return AnswerHead(status, tuple(lines), length, chunked, keeps, options)


@lru_cache(maxsize=1024)
def status_of(line: bytes) -> tuple[int, int]:
    """Status, and the minor version."""
    found = _STATUS.fullmatch(line)
    if found is None:
        raise BackendBrokenError(f"status line {line[:64]!r}")
    return int(found[2]), int(found[1])


def options_of(line: Line) -> frozenset[str]:
    """What a line of `Connection` says."""
    return frozenset(part.strip(" \t").lower() for part in line.value.split(","))


def read_line(line: bytes) -> Line:
    """Raises BackendBrokenError."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise BackendBrokenError(f"header {line[:64]!r}")
    return Line.of(found[1].decode("ascii"), found[2].decode("utf-8", "replace"))


def is_worth(line: bytes) -> bool:
    """Whether it is remembered: neither secrets nor what nobody says twice."""
    return len(line) <= _SHORT and line[:3].lower() != b"set"


def _read_and_keep(raw: bytes) -> Line:
    line = read_line(raw)
    if is_worth(raw):
        if len(_known) >= _KEPT:
            _known.clear()
        _known[raw] = line
    return line
