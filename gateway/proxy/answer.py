"""What of a backend's answer reaches the reader: stripped, then ours added."""

from collections.abc import Generator, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from gateway.errors import BackendBrokenError
from gateway.origins import DEFAULT_PORTS
from gateway.proxy.answer_head import (
    CACHING,
    COOKIE,
    EVENTS,
    LOCATION,
    NO_STORE,
    UPGRADE,
    AnswerHead,
    Line,
)
from gateway.proxy.decide import Matched, Site
from gateway.routes import SignInNeed

Headers = tuple[tuple[str, str], ...]

_SANDBOX: Final = ("Content-Security-Policy", "sandbox")
_SANDBOXED: Final[Headers] = (_SANDBOX,)
# an answer that depends on who asks; also when nobody did, or a cache would give it to somebody
_STORED: Final[Headers] = (_SANDBOX, ("Cache-Control", "private, no-cache"))
_NOT_STORED: Final[Headers] = (_SANDBOX, ("Cache-Control", "no-store"))
_FOR_CACHES: Final = frozenset({CACHING, NO_STORE})


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


def answer(matched: Matched, site: Site, head: AnswerHead) -> Answer:
    """What is no sound answer is a BackendBrokenError."""
    if not 200 <= head.status <= 599:
        raise BackendBrokenError(f"status {head.status}")
    private = matched.route.sign_in is not SignInNeed.NONE
    ours = _SANDBOXED if not private else _NOT_STORED if head.caching == NO_STORE else _STORED
    if matched.backend.html:
        ours = ours[1:]
    lines, is_event_stream = head.lines, False
    if head.caching and private:
        lines = tuple([line for line in lines if line.kind not in _FOR_CACHES])
    if not head.plain:
        lines = tuple(_passed(lines, head.options, matched, site))
        is_event_stream = any(line.kind == EVENTS for line in lines)
    return Answer(head.status, lines, ours, head.length, is_event_stream)


def _passed(
    lines: Sequence[Line], options: frozenset[str], matched: Matched, site: Site
) -> Generator[Line, None, None]:
    """Those that may go on. options: of `Connection`, names of headers among them."""
    for line in lines:
        kind = line.kind
        if kind == UPGRADE or line.low in options:
            continue
        if kind == COOKIE:
            name = line.value.partition(";")[0].partition("=")[0].strip(" \t")
            if name in matched.backend.response_cookies:
                yield line
        elif kind == LOCATION and matched.backend.rewrite_location:
            public = public_location(line.value, matched, site)
            if public is not None:
                yield Line.of(line.name, public)
        else:
            yield line


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
