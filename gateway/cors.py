"""Decides what an origin may ask and read: the gateway's half of CORS (Fetch Standard, section 3.3).

One decision a request (`judge`), taken against one immutable table; everything else is made from it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from gateway.errors import CrossSiteRefusedError, OriginRefusedError
from gateway.origins import Policy, PolicyTable, parse_origin

Headers = tuple[tuple[str, str], ...]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READING_METHODS = ("GET", "HEAD")
REQUEST_HEADERS = frozenset(
    {
        "authorization",
        "content-type",
        "dpop",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "last-event-id",
        "x-bookgate-book",
        "x-bookgate-person",
        "x-bookgate-time",
        "x-request-id",
    }
)
EXPOSE_HEADERS = (
    "date",
    "dpop-nonce",
    "etag",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
    "x-request-id",
)
"""Built in for the backends of every granted origin; origins.yaml only adds to these three."""

MAX_AGE = 7200  # what Chromium caps it at; a longer one only delays a revoked header

_PROTOCOL_METHODS = ("GET", "POST")
_PROTOCOL_REQUEST_HEADERS = frozenset(
    {"authorization", "content-type", "dpop", "x-bookgate-person", "x-request-id"}
)
_PUBLIC_METHODS = READING_METHODS
_PUBLIC_REQUEST_HEADERS = frozenset({"content-type", "if-none-match", "x-request-id"})

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110 section 5.6.2
_MAX_ASKED_LINES = 16
_MAX_ASKED_LENGTH = 4096
_MAX_ASKED_NAMES = 128


class Standing(Enum):
    """How a request's Origin stands to us."""

    NONE = "none"  # no Origin: not a CORS request, or not a browser
    OWN = "own"  # the gateway's own pages
    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    standing: Standing
    origin: str | None = None  # the header, byte for byte; None where it is no origin at all
    policy: Policy | None = None  # GRANTED only
    reason: str | None = None  # REFUSED only: a stable code, for the log alone


class Surface(Enum):
    """What kind of address is asked; each has its own rules for origins."""

    PROXIED = "proxied"  # a backend's route, and every address that nothing else claims
    PROTOCOL = "protocol"  # our endpoints for books: one fixed policy for whoever is not denied
    PAGE = "page"  # our pages: no origin but ours reads them or posts to them
    PUBLIC = "public"  # documents that every origin may read
    CALLBACK = "callback"  # providers post to it, exempt by exact path
    SERVER = "server"  # a provider's server calls it, no browser does: exempt by exact path


@dataclass(frozen=True, slots=True)
class Preflight:
    status: int  # 204 | 403, both without a body
    headers: Headers
    reason: str | None = None  # why the browser will not go on, for the log alone


def judge(origin_lines: Sequence[str], table: PolicyTable, own_origin: str, today: date) -> Verdict:
    """The one decision about a request's Origin: whole strings and parsed tuples, never a part of one."""
    if not origin_lines:
        return Verdict(Standing.NONE)
    if len(origin_lines) > 1:
        return Verdict(Standing.REFUSED, reason="origin-twice")
    header = origin_lines[0]
    if header == own_origin:
        return Verdict(Standing.OWN, header)
    if header == "null":
        policy = table.find_null(today)
        reason = "origin-null"
    else:
        origin = parse_origin(header)
        if origin is None:
            return Verdict(Standing.REFUSED, reason="origin-malformed")
        policy = table.find(origin, today)
        reason = _refusal(table.listed(origin), table.unlisted) if policy is None else ""
    if policy is None:
        return Verdict(Standing.REFUSED, header, reason=reason)
    return Verdict(Standing.GRANTED, header, policy)


def _refusal(listed: Policy | None, unlisted: Policy | None) -> str:
    if listed is not None:
        return "origin-denied" if listed.expires is None else "origin-expired"
    return "origin-unlisted" if unlisted is None else "origin-not-for-unlisted"


def is_preflight(method: str, origin_lines: Sequence[str], request_method_lines: Sequence[str]) -> bool:
    """Fetch 3.3.1: an OPTIONS with both headers; any other OPTIONS is an ordinary request."""
    return method == "OPTIONS" and bool(origin_lines) and bool(request_method_lines)


# --- answers


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a surface tells a browser about one origin."""

    origin: str
    credentials: bool
    methods: tuple[str, ...]
    request_headers: frozenset[str]
    expose_headers: tuple[str, ...]
    max_age: int


_PUBLIC_GRANT = _Grant(
    "*", False, _PUBLIC_METHODS, _PUBLIC_REQUEST_HEADERS, ("etag", "x-request-id"), MAX_AGE
)


def _grant(verdict: Verdict, surface: Surface) -> _Grant | None:
    if surface is Surface.PUBLIC:
        # an ES module is itself a CORS request: denied origins too, so that a page can say that it is
        return _PUBLIC_GRANT
    policy, origin = verdict.policy, verdict.origin
    if policy is None or origin is None or policy.application:  # an application asks its own origin
        return None
    # credentials with `null` would be credentials for every sandboxed frame and data: URL
    credentials = policy.credentials and origin != "null"
    if surface is Surface.PROXIED:
        asked, shown = policy.request_headers, policy.expose_headers
        return _Grant(origin, credentials, policy.methods, asked, shown, policy.max_age)
    if surface is Surface.PROTOCOL:
        asked, shown = _PROTOCOL_REQUEST_HEADERS, EXPOSE_HEADERS
        return _Grant(origin, credentials, _PROTOCOL_METHODS, asked, shown, MAX_AGE)
    return None


def _allow(grant: _Grant | None) -> Headers:
    """Never `*` with credentials, never a list, never twice (Fetch 3.3.5)."""
    if grant is None:
        return ()
    headers = [("Access-Control-Allow-Origin", grant.origin)]
    if grant.credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return tuple(headers)


def actual_headers(
    verdict: Verdict, surface: Surface, vary_lines: Sequence[str], *, embed: bool = False
) -> Headers:
    """What every answer but a preflight's carries; they replace all of these names and of `Vary`.

    vary_lines: the answer's Vary so far. embed: the route lets other sites show it without CORS.
    """
    grant = _grant(verdict, surface)
    headers = _allow(grant)
    # without an Origin a public document still carries `*`: it may be answered from a cache to a page
    if grant is not None and grant.expose_headers:
        headers += (("Access-Control-Expose-Headers", ", ".join(grant.expose_headers)),)
    shared = embed or surface is Surface.PUBLIC
    return (*headers, ("Vary", _vary(vary_lines)), *_isolation(shared=shared))


def _isolation(*, shared: bool) -> Headers:
    return (
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "cross-origin" if shared else "same-origin"),
    )


def _vary(lines: Sequence[str]) -> str:
    """All Vary lines as one, with Origin: a cache must never hand one origin's answer to another."""
    merged: dict[str, str] = {}
    for line in lines:
        for name in (part.strip(" \t") for part in line.split(",")):
            if _TOKEN.fullmatch(name):
                merged.setdefault(name.lower(), name)
    merged.setdefault("origin", "Origin")
    return ", ".join(merged.values())


_PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def preflight(
    verdict: Verdict,
    surface: Surface,
    request_method_lines: Sequence[str],
    request_headers_lines: Sequence[str],
) -> Preflight:
    """The answer to a preflight: what policy allows, never an echo of what was asked.

    A method or header that policy lacks still gets the lists: the browser then names it in its console.
    """
    shared = surface is Surface.PUBLIC
    plain: Headers = (("Vary", _PREFLIGHT_VARY), *_isolation(shared=shared))
    grant = _grant(verdict, surface)
    if grant is None:
        if verdict.standing is Standing.OWN:
            return Preflight(204, plain)  # ours is never refused, and needs no header
        return Preflight(403, plain, verdict.reason or "surface-not-for-books")
    names = _asked_names(request_headers_lines)
    if names is None:
        return Preflight(403, plain, "asked-headers-malformed")
    if len(request_method_lines) != 1 or not _is_method(request_method_lines[0]):
        return Preflight(403, plain, "asked-method-malformed")
    headers = (
        *_allow(grant),
        ("Access-Control-Allow-Methods", ", ".join(grant.methods)),
        ("Access-Control-Allow-Headers", ", ".join(sorted(grant.request_headers))),
        ("Access-Control-Max-Age", str(min(grant.max_age, MAX_AGE))),
        *plain,
    )
    return Preflight(204, headers, _shortfall(grant, request_method_lines[0], names))


def _shortfall(grant: _Grant, method: str, names: frozenset[str]) -> str | None:
    """Why the browser will not send the request after all; Fetch compares methods by case, names not."""
    if method not in grant.methods:
        return "method-not-granted"
    if not names <= grant.request_headers:
        return "header-not-granted"
    return None


def _is_method(text: str) -> bool:
    return len(text) <= 64 and _TOKEN.fullmatch(text) is not None


def _asked_names(lines: Sequence[str]) -> frozenset[str] | None:
    """The names of Access-Control-Request-Headers in lower case; None: too many or not names.

    The caps come before any work: a spoofed header of another library's cost it 127 ms and 121 MB.
    """
    if len(lines) > _MAX_ASKED_LINES or sum(map(len, lines)) > _MAX_ASKED_LENGTH:
        return None
    if sum(line.count(",") for line in lines) >= _MAX_ASKED_NAMES:
        return None
    names = {part.strip(" \t").lower() for line in lines for part in line.split(",")} - {""}
    if not all(map(_TOKEN.fullmatch, names)):
        return None
    return frozenset(names)


# --- what CORS does not stop

_OTHER_SITES = frozenset({"cross-site", "same-site"})


def admit(verdict: Verdict, surface: Surface, method: str, sec_fetch_site: str | None) -> None:
    """Refuses what CORS lets through: form posts, beacons and images arrive unasked and with cookies.

    Called before a body is read and before a backend is asked; WebSocket handshakes too.
    """
    if surface is Surface.PUBLIC or surface is Surface.CALLBACK or surface is Surface.SERVER:
        return
    if verdict.standing is Standing.REFUSED:
        raise OriginRefusedError(verdict.reason or "")
    if method in _SAFE_METHODS or verdict.standing is Standing.OWN:
        return
    if verdict.policy is not None:
        _admit_unsafe(verdict.policy, surface, method)
        return
    # every browser puts an Origin on an unsafe request of another site: this one lost it on the way
    if sec_fetch_site in _OTHER_SITES:
        raise CrossSiteRefusedError(f"no Origin, Sec-Fetch-Site: {sec_fetch_site}")
    if surface is Surface.PAGE:
        raise OriginRefusedError("page-without-origin")


def _admit_unsafe(policy: Policy, surface: Surface, method: str) -> None:
    if surface is Surface.PAGE:
        raise OriginRefusedError("page-not-for-books")
    # a simple POST comes without a preflight: `read_only` must hold here too
    if surface is Surface.PROXIED and method not in policy.methods:
        raise OriginRefusedError("method-not-granted")
