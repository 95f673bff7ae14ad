"""The head of a backend's answer, read strictly (RFC 9112 section 4): what is odd is no answer."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from gateway.errors import BackendBrokenError

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
# `strip` takes off the blanks around a value: a pattern would read a line of blanks again and again
_LINE: Final = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t\x20-\x7e\x80-\xff]*)")
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


# What becomes of a line. Up to DATE they go on as they are, but DROPPED; from LENGTH on none goes on.
DROPPED, KEPT, VARY, TYPE, DATE, CACHING, NO_STORE, EVENTS, COOKIE, LOCATION, UPGRADE = range(11)
LENGTH, CODING, CONNECTION = range(11, 14)

# hop-by-hop; what only the gateway says on its host; what would bind the host beyond one answer
_STRIPPED: Final = frozenset({
    "accept-ch", "activate-storage-access", "alt-svc", "clear-site-data", "critical-ch",
    "cross-origin-resource-policy", "sec-session-registration", "secure-session-registration", "set-login",
    "use-as-dictionary",
    "expect-ct", "keep-alive", "nel", "origin-agent-cluster", "proxy-authenticate", "proxy-connection",
    "public-key-pins", "report-to", "reporting-endpoints", "server", "service-worker-allowed",
    "set-cookie2", "strict-transport-security", "te", "timing-allow-origin", "trailer",
    "via", "x-content-type-options", "x-powered-by", "x-request-id",
})  # fmt: skip
_STRIPPED_BEGINNINGS: Final = ("access-control-", "x-bookgate-", "x-forwarded-")
_KINDS: Final = {
    "set-cookie": COOKIE,
    "cache-control": CACHING,
    "expires": CACHING,
    "pragma": CACHING,
    "surrogate-control": CACHING,
    "cdn-cache-control": CACHING,
    "location": LOCATION,
    "content-location": LOCATION,
    "vary": VARY,
    "content-type": TYPE,
    "date": DATE,
    "content-length": LENGTH,
    "transfer-encoding": CODING,
    "connection": CONNECTION,
    "upgrade": UPGRADE,
    **dict.fromkeys(_STRIPPED, DROPPED),
}


_EVENT_STREAM: Final = "text/event-stream"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One header line. out: as it goes on, with its end."""

    name: str
    value: str
    low: str
    kind: int
    out: bytes

    @classmethod
    def of(cls, name: str, value: str) -> "Line":
        low = name.lower()
        kind = DROPPED if low.startswith(_STRIPPED_BEGINNINGS) else _KINDS.get(low, KEPT)
        if kind == TYPE and value.partition(";")[0].strip().lower() == _EVENT_STREAM:
            kind = EVENTS
        elif low == "cache-control" and "no-store" in options_of(value):
            kind = NO_STORE
        return cls(name, value, low, kind, f"{name}: {value}\r\n".encode())


class AnswerHead(msgspec.Struct, frozen=True, gc=False):
    """One head. length and not chunked: so many bytes; neither: until the connection ends (section 6.3).

    lines: none that is dropped whatever comes of it, and none of framing; those that nobody asks about first.
    plain: all of them go on, but those for caches. caching: what of these there is, 0, CACHING or NO_STORE.
    """

    status: int
    lines: tuple[Line, ...]
    length: int | None
    chunked: bool
    keeps_alive: bool
    options: frozenset[str]  # of `Connection`: names of headers among them
    plain: bool
    caching: int


_SHORT: Final = 512  # bytes
_KEPT: Final = 4096  # lines; one more, and all are forgotten
_NO_OPTIONS: Final[frozenset[str]] = frozenset()
_KEPT_ALIVE: Final = frozenset({"keep-alive"})
_ORDINARY: Final = {"keep-alive": _KEPT_ALIVE, "Keep-Alive": _KEPT_ALIVE, "close": frozenset({"close"})}
_known: Final[dict[bytes, Line]] = {}


def read_answer(data: bytes) -> AnswerHead:
    """data: one whole head with its empty line. Raises BackendBrokenError."""
    first, *rest = data[:-4].split(b"\r\n")
    status, minor = status_of(first[:_SHORT])
    lines: list[Line] = []
    others: list[Line] = []
    length, known = None, _known.get
    for raw in rest:
        line = known(raw) or _read_and_keep(raw)
        kind = line.kind
        if kind <= DATE:
            if kind:
                lines.append(line)
        elif kind == LENGTH:
            if length is not None or not _DIGITS.fullmatch(line.value):
                raise BackendBrokenError(f"Content-Length {line.value!r}")
            length = int(line.value)
        else:
            others.append(line)
    if others:
        return with_others(status, minor, lines, length, others)
    return AnswerHead(status, tuple(lines), length, False, bool(minor), _NO_OPTIONS, True, 0)


def with_others(
    status: int, minor: int, lines: list[Line], length: int | None, others: Sequence[Line]
) -> AnswerHead:
    """With what else is said of the body's end, and what goes on under conditions. BackendBrokenError."""
    chunked, plain, caching, options = False, True, 0, _NO_OPTIONS
    for line in others:
        kind = line.kind
        if kind == CONNECTION:
            options |= _ORDINARY.get(line.value) or options_of(line.value)
        elif kind == CODING:
            if chunked or line.value.lower() != "chunked" or not minor or length is not None:
                # beside a length, or within another coding, is how answers are split
                raise BackendBrokenError(f"Transfer-Encoding {line.value!r}, Content-Length {length}")
            chunked = True
        else:
            lines.append(line)
            plain = plain and kind <= NO_STORE
            caching = max(caching, kind) if kind <= NO_STORE else caching
    keeps = bool(minor)
    if options:
        keeps = "close" not in options if minor else "keep-alive" in options
        plain = plain and options == _KEPT_ALIVE  # others may be names of headers
    return AnswerHead(status, tuple(lines), length, chunked, keeps, options, plain, caching)


@lru_cache(maxsize=1024)
def status_of(line: bytes) -> tuple[int, int]:
    """Status, and the minor version."""
    found = _STATUS.fullmatch(line)
    if found is None:
        raise BackendBrokenError(f"status line {line[:64]!r}")
    return int(found[2]), int(found[1])


def options_of(value: str) -> frozenset[str]:
    """The members of a list, in lower case."""
    return frozenset(part.strip(" \t").lower() for part in value.split(","))


def read_line(line: bytes) -> Line:
    """Raises BackendBrokenError."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise BackendBrokenError(f"header {line[:64]!r}")
    return Line.of(found[1].decode("ascii"), found[2].strip(b" \t").decode("utf-8", "replace"))


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
