"""What of a backend's answer reaches the reader: parsed strictly, stripped, then ours added."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import BackendBrokenError
from gateway.origins import DEFAULT_PORTS
from gateway.proxy.decide import Forward, Matched, Site
from gateway.routes import SignInNeed

Headers = tuple[tuple[str, str], ...]

_NAME: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)

# hop-by-hop; what only the gateway says on its host; what would bind the host beyond one answer
_STRIPPED: Final = frozenset({
    "alt-svc", "clear-site-data", "connection", "content-length", "cross-origin-resource-policy",
    "expect-ct", "keep-alive", "nel", "origin-agent-cluster", "proxy-authenticate", "proxy-connection",
    "public-key-pins", "report-to", "reporting-endpoints", "server", "service-worker-allowed",
    "set-cookie2", "strict-transport-security", "te", "timing-allow-origin", "trailer",
    "transfer-encoding", "upgrade", "via", "x-content-type-options", "x-powered-by", "x-request-id",
})  # fmt: skip
_STRIPPED_BEGINNINGS: Final = ("access-control-", "x-bookgate-", "x-forwarded-")
_CACHING: Final = frozenset({"cache-control", "expires", "pragma", "surrogate-control", "cdn-cache-control"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A backend's answer as it goes on; no length: chunked, or the end of the connection."""

    status: int
    headers: Headers
    length: int | None
    is_event_stream: bool


def answer(
    forward: Forward, site: Site, status: int, headers: Sequence[tuple[bytes, bytes]], *, minor: int
) -> Answer:
    """minor: of the backend's HTTP version. What is no sound answer is a BackendBrokenError."""
    if not 200 <= status <= 599:
        raise BackendBrokenError(f"status {status}")
    read = tuple(starmap(_header, headers))
    length = _length(read, minor)
    named = _tokens(read, "connection")
    kept: list[tuple[str, str]] = []
    for name, value in read:
        low = name.lower()
        if low in _STRIPPED or low in named or low.startswith(_STRIPPED_BEGINNINGS):
            continue
        passed = _passed(low, value, forward, site)
        if passed is not None:
            kept.append((name, passed))
    kept += _ours(forward, read)
    return Answer(status, tuple(kept), length, _is_event_stream(read))


def _passed(low: str, value: str, forward: Forward, site: Site) -> str | None:
    matched = forward.matched
    if low == "set-cookie":
        name = value.partition(";")[0].partition("=")[0].strip(" \t")
        return value if name in matched.backend.response_cookies else None
    if low in _CACHING and _is_private(forward):
        return None
    if low in {"location", "content-location"} and matched.backend.rewrite_location:
        return public_location(value, matched, site)
    return value


def _ours(forward: Forward, read: Headers) -> Headers:
    # no script, form or frame of a backend runs with the origin that people sign in to
    ours: Headers = (("Content-Security-Policy", "sandbox"),)
    if _is_private(forward):
        kept = "no-store" in _tokens(read, "cache-control")
        ours += (("Cache-Control", "no-store" if kept else "private, no-cache"),)
    return ours


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


def _header(name: bytes, value: bytes) -> tuple[str, str]:
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise BackendBrokenError(f"header {name!r}")
    return name.decode("ascii"), value.decode("utf-8", "replace").strip(" \t")


def _length(headers: Headers, minor: int) -> int | None:
    """RFC 9112 section 6.3: two lengths, or a length beside a coding, is how answers are split."""
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    codings = [value.lower() for name, value in headers if name.lower() == "transfer-encoding"]
    if codings and (codings != ["chunked"] or lengths or minor == 0):
        raise BackendBrokenError(f"Transfer-Encoding {codings} beside {lengths}")
    if len(lengths) > 1 or any(not _DIGITS.fullmatch(value) for value in lengths):
        raise BackendBrokenError(f"Content-Length {lengths}")
    return int(lengths[0]) if lengths else None


def _is_event_stream(headers: Headers) -> bool:
    types = [value for name, value in headers if name.lower() == "content-type"]
    return any(value.partition(";")[0].strip().lower() == "text/event-stream" for value in types)


def _tokens(headers: Headers, wanted: str) -> frozenset[str]:
    lines = (value for name, value in headers if name.lower() == wanted)
    return frozenset(part.strip(" \t").lower() for line in lines for part in line.split(","))
