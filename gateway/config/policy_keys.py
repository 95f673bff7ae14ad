"""The keys of origins.yaml that say what an origin may do, at whichever level they stand."""

import re
from collections.abc import Collection
from dataclasses import dataclass, fields

from gateway.config.faults import Faults
from gateway.config.nodes import (
    NAME,
    Block,
    Node,
    Reader,
    SequenceNode,
    boolean,
    byte_rate,
    list_of,
    matching,
    one_of,
    rate,
    seconds,
    text,
)
from gateway.cors import EXPOSE_HEADERS, MAX_AGE, METHODS, READING_METHODS, REQUEST_HEADERS
from gateway.origins import Limits, Origin, Trust, parse_origin


@dataclass(frozen=True, slots=True)
class PolicyKeys:
    """What one level says; None: nothing, so the next level decides."""

    trust: Trust | None = None
    backends: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    read_only: bool | None = None
    request_headers: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    max_age: int | None = None
    credentials: bool | None = None
    redirects: tuple[str, ...] | None = None
    sign_in: tuple[str, ...] | None = None
    limits: Limits | None = None

    @property
    def granted_methods(self) -> tuple[str, ...]:
        if self.read_only:
            return READING_METHODS
        return METHODS + tuple(method for method in self.methods or () if method not in METHODS)

    @property
    def granted_request_headers(self) -> frozenset[str]:
        return REQUEST_HEADERS | frozenset(self.request_headers or ())

    @property
    def granted_expose_headers(self) -> tuple[str, ...]:
        return tuple(sorted({*EXPOSE_HEADERS, *(self.expose_headers or ())}))


POLICY_KEYS = tuple(field.name for field in fields(PolicyKeys))

BUILT_IN = PolicyKeys(trust=Trust.CONSENT, max_age=MAX_AGE, credentials=True, limits=Limits())

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}", re.ASCII)
_FORBIDDEN_METHODS = frozenset({"CONNECT", "OPTIONS", "TRACE", "TRACK"})  # Fetch 2.2.1, and ours to answer
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_FORBIDDEN_REQUEST_HEADERS = frozenset(
    {
        "accept-charset",
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)  # Fetch 2.2.2, and what a proxy alone may say
_FORBIDDEN_REQUEST_PREFIXES = ("access-control-", "proxy-", "sec-", "x-bookgate-", "x-forwarded-")
_FORBIDDEN_EXPOSED = frozenset({"set-cookie", "set-cookie2"})
_REDIRECT = re.compile(r"(https?://[^/?#@\\]+)/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*", re.ASCII)


def nearest(*levels: PolicyKeys) -> PolicyKeys:
    """The value nearest to the origin wins, key by key."""
    chosen = {}
    for key in POLICY_KEYS:
        values = (getattr(level, key) for level in levels)
        chosen[key] = next((value for value in values if value is not None), None)
    return PolicyKeys(**chosen)


def read_policy_keys(block: Block, backend_names: Collection[str]) -> PolicyKeys:
    """The policy keys of a block that may hold others too."""
    if "read_only" in block and "methods" in block:
        message = "`read_only` and `methods` contradict each other here."
        block.faults.add(block.line_of("methods"), "read-only-methods", message, "Keep one of them.")
    trust = block.find("trust", one_of(tuple(Trust), "unknown-trust"))
    return PolicyKeys(
        trust=None if trust is None else Trust(trust),
        backends=block.find("backends", _backends(backend_names)),
        methods=block.find("methods", list_of(_method)),
        read_only=block.find("read_only", boolean),
        request_headers=block.find("request_headers", list_of(_request_header)),
        expose_headers=block.find("expose_headers", list_of(_expose_header)),
        max_age=block.find("max_age", seconds(0, MAX_AGE)),
        credentials=block.find("credentials", boolean),
        redirects=block.find("redirects", list_of(_redirect)),
        sign_in=block.find("sign_in", _sign_in),
        limits=block.find("limits", _limits),
    )


def redirect_origin(redirect: str) -> Origin | None:
    """The origin of a redirect URL; None where browsers would write it otherwise, or it has none."""
    found = _REDIRECT.fullmatch(redirect)
    return parse_origin(found[1]) if found else None


def _backends(names: Collection[str]) -> Reader[tuple[str, ...]]:
    listed = list_of(one_of(names, "unknown-backend"))

    def read(node: Node, faults: Faults, what: str) -> tuple[str, ...] | None:
        if isinstance(node, SequenceNode) and not node.items:
            faults.add(node.line, "no-backends", f"{what} lists none.", "List one, or say `trust: denied`.")
        return listed(node, faults, what)

    return read


def _method(node: Node, faults: Faults, what: str) -> str | None:
    method = text(node, faults, what)
    if method is None:
        return None
    if method == "*":
        faults.add(node.line, "method-star", "`*` is not a method.", "List the methods.")
    elif method.upper() in _FORBIDDEN_METHODS:
        message = f"{method} cannot be granted."
        faults.add(
            node.line, "forbidden-method", message, "Remove it; the gateway answers preflights itself."
        )
    elif _METHOD.fullmatch(method) is None:
        remedy = f"Methods are compared by case: write {method.upper()}."
        faults.add(node.line, "bad-method", f"`{method}` is not a method.", remedy)
    else:
        return method
    return None


def _header(node: Node, faults: Faults, what: str) -> str | None:
    header = text(node, faults, what)
    if header is None:
        return None
    if header == "*":
        message = "`*` does not stand for all headers when there are cookies."
        faults.add(node.line, "header-star", message, "List the headers.")
    elif _HEADER.fullmatch(header) is None:
        remedy = "Write letters, digits and hyphens, without blank or colon."
        faults.add(node.line, "bad-header", f"`{header}` is not a header's name.", remedy)
    else:
        return header.lower()
    return None


def _request_header(node: Node, faults: Faults, what: str) -> str | None:
    header = _header(node, faults, what)
    if header is None or header in REQUEST_HEADERS:
        return header
    if header not in _FORBIDDEN_REQUEST_HEADERS and not header.startswith(_FORBIDDEN_REQUEST_PREFIXES):
        return header
    message = f"A page cannot be allowed to send `{header}`."
    faults.add(node.line, "forbidden-header", message, "Remove it: browsers or the gateway set it.")
    return None


def _expose_header(node: Node, faults: Faults, what: str) -> str | None:
    header = _header(node, faults, what)
    if header is None or not (header in _FORBIDDEN_EXPOSED or header.startswith("access-control-")):
        return header
    message = f"`{header}` cannot be shown to a page."
    faults.add(node.line, "forbidden-header", message, "Remove it: no script can read it.")
    return None


def _redirect(node: Node, faults: Faults, what: str) -> str | None:
    url = text(node, faults, what)
    if url is None:
        return None
    origin = redirect_origin(url)
    if origin is not None and (origin.scheme == "https" or origin.is_loopback):
        return url
    remedy = "Write a whole https:// address with a path, without user, fragment or blanks."
    faults.add(node.line, "bad-redirect", f"`{url}` cannot be a redirect.", remedy)
    return None


def _sign_in(node: Node, faults: Faults, what: str) -> tuple[str, ...] | None:
    ways = list_of(matching(NAME, "bad-sign-in", "Write a provider's id, lti, guest, class_card or passkey."))
    chosen = ways(node, faults, what)
    if isinstance(node, SequenceNode) and not node.items:
        faults.add(
            node.line, "no-sign-in", f"{what} leaves no way in.", "List one, or remove the key for all."
        )
    return chosen


def _limits(node: Node, faults: Faults, what: str) -> Limits | None:
    block = Block.read(node, faults, what, keys=("per_person", "per_origin", "bytes"))
    return Limits(
        per_person=block.find("per_person", rate),
        per_origin=block.find("per_origin", rate),
        bytes=block.find("bytes", byte_rate),
    )
