"""What of a backend's answer reaches the reader: stripped, then ours added."""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from gateway.errors import BackendBrokenError
from gateway.origins import DEFAULT_PORTS
from gateway.proxy.answer_head import AnswerHead, Kind, Line
from gateway.proxy.decide import Forward, Matched, Site
from gateway.routes import SignInNeed

Headers = tuple[tuple[str, str], ...]

_SANDBOX: Final = ("Content-Security-Policy", "sandbox")
_KEPT: Final = frozenset({Kind.KEPT, Kind.VARY, Kind.TYPE, Kind.DATE})
_STORED: Final[Headers] = (_SANDBOX, ("Cache-Control", "private, no-cache"))
_NOT_STORED: Final[Headers] = (_SANDBOX, ("Cache-Control", "no-store"))


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A backend's answer as it goes on; no length: chunked, or the end of the connection.

    lines: the backend's that are kept. ours: added to them.
    """

    status: int
    lines: tuple[Line, ...]
    ours: Headers
    length: int | None
    is_event_stream: bool

    @property
    def headers(self) -> Headers:
        return (*[(line.name, line.value) for line in self.lines], *self.ours)


def answer(forward: Forward, site: Site, head: AnswerHead) -> Answer:
    """What is no sound answer is a BackendBrokenError."""
    if not 200 <= head.status <= 599:
        raise BackendBrokenError(f"status {head.status}")
    private, named = _is_private(forward), head.options
    kept: list[Line] = []
    no_store = is_event_stream = False
    for line in head.lines:
        kind = line.kind
        if kind is Kind.DROPPED or (named and line.low in named):
            continue
        if kind is Kind.TYPE:
            is_event_stream = is_event_stream or line.value.partition(";")[0].strip().lower() == _EVENTS
        if kind in _KEPT:
            kept.append(line)
        elif kind is Kind.CACHING and private:
            no_store = no_store or _forbids_storing(line)
        else:
            passed = _passed(line, forward, site)
            if passed is not None:
                kept.append(passed)
    ours: Headers = (_SANDBOX,) if not private else _NOT_STORED if no_store else _STORED
    return Answer(head.status, tuple(kept), ours, head.length, is_event_stream)


_EVENTS: Final = "text/event-stream"


def _forbids_storing(line: Line) -> bool:
    return line.low == "cache-control" and "no-store" in {
        part.strip(" \t").lower() for part in line.value.split(",")
    }


def _passed(line: Line, forward: Forward, site: Site) -> Line | None:
    matched = forward.matched
    if line.kind is Kind.COOKIE:
        name = line.value.partition(";")[0].partition("=")[0].strip(" \t")
        return line if name in matched.backend.response_cookies else None
    if line.kind is Kind.LOCATION and matched.backend.rewrite_location:
        public = public_location(line.value, matched, site)
        return None if public is None else Line.of(line.name, public)
    return line


def _is_private(forward: Forward) -> bool:
    """An answer that depends on who asks; also when nobody did, or a cache would give it to somebody."""
    return forward.matched.route.sign_in is not SignInNeed.NONE


def public_location(value: str, matched: Matched, site: Site) -> str | None:
    """A Location of the backend's own address in public terms; None: it cannot be reached from outside."""
    try:
        parts = urlsplit(value)
        own = bool(parts.netloc) and _address(value, matched) in _own_addresses(matched)
    except ValueError:
        return None
    if not own and (parts.scheme or parts.netloc or not value.startswith("/")):
        return value
    rest = value.partition("//")[2][len(parts.netloc) :] if own else value
    public = _public_path(rest if rest.startswith("/") else f"/{rest}", matched)
    if own:
        return None if public is None else site.public_url + public
    return value if public is None else public


def _public_path(path: str, matched: Matched) -> str | None:
    """None: not below the backend's base path."""
    base, prefix = matched.backend.base, matched.route.path
    if not path.startswith(base):
        return None
    if not matched.route.strip:
        return f"/{path[len(base) :]}"
    if path.startswith(prefix):
        return path  # a backend that knows its public prefix
    return prefix + path[len(base) :]


def _own_addresses(matched: Matched) -> frozenset[tuple[str, int | None]]:
    """Host and port under which a backend knows itself: where it is, and the Host it is told."""
    backend = matched.backend
    own = frozenset((address.host, address.port) for address in backend.addresses)
    if backend.host in {"backend", "public"}:
        return own
    return own | {_address(f"//{backend.host}", matched)}


def _address(url: str, matched: Matched) -> tuple[str, int | None]:
    parts = urlsplit(url)
    own = "https" if matched.backend.addresses[0].tls else "http"
    scheme = parts.scheme or own  # "//host/path" keeps the backend's own
    return parts.hostname or "", parts.port or DEFAULT_PORTS.get(scheme)
