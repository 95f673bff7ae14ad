"""Reads the groups of origins.yaml: each of their origins with its policy, all inheritance resolved."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from gateway.config.faults import Faults
from gateway.config.nodes import (
    Block,
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    boolean,
    calendar_date,
    did_you_mean,
    items,
    list_of,
    matching,
    named,
    one_of,
    text,
)
from gateway.config.origin_pattern import Malformed, OriginPattern, read_pattern
from gateway.config.policy_keys import (
    BUILT_IN,
    POLICY_KEYS,
    PolicyKeys,
    nearest,
    read_policy_keys,
    redirect_origin,
)
from gateway.config.shared_hosts import PublicSuffixes
from gateway.origins import Limits, Policy, Trust

DANGERS = MappingProxyType(
    {
        "insecure-http": "anybody on the network can be it",
        "ip-literal": "an address is whoever has it now",
        "public-suffix": "strangers publish below it",
        "shared-host": "strangers publish on it",
        "null-origin": "every sandboxed frame is it",
    }
)

_GROUP_KEYS = (*POLICY_KEYS, "description", "owner", "contact", "policy", "dangerously_allow", "origins")
_ENTRY_KEYS = (*POLICY_KEYS, "origin", "book", "books", "note", "expires", "shares_book")
_GRANTING = frozenset({*POLICY_KEYS, "book", "books", "expires", "shares_book", "dangerously_allow"}) - {
    "trust"
}

_ABOUT_BACKENDS = frozenset({"backends", "trust"})

_book_id = matching(
    re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII),
    "bad-book",
    "Use letters, digits, `-`, `_` and dots, at most 128.",
)
_dangers_allowed = list_of(one_of(tuple(DANGERS), "unknown-danger"))
_BOOK_PATH = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*", re.ASCII)
_BOOK_PATH_REMEDY = "Write a path that begins and ends with a slash, like /cs1/."


_NO_BOOKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry: which origins, what they may do, and how they may share a book's id."""

    pattern: OriginPattern
    policy: Policy
    shares_book: bool

    @property
    def place(self) -> str:
        return f"{self.policy.file}:{self.policy.line}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What groups are read against: the same for all files of a directory."""

    backend_names: Collection[str]
    policies: Mapping[str, PolicyKeys]
    defaults: PolicyKeys
    suffixes: PublicSuffixes


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    block: Block
    keys: PolicyKeys  # with its policy, defaults and what is built in
    contact: str | None
    allowed: frozenset[str]  # dangers that the group accepts
    faults: Faults


def read_group(entry: Entry, faults: Faults, surroundings: Surroundings) -> Iterator[Listed]:
    """The origins of one group."""
    what = f"group {entry.key}"
    block = Block.read(entry.value, faults, what, keys=_GROUP_KEYS, required=("origins",), line=entry.line)
    for key in ("description", "owner"):
        block.find(key, text)
    own = read_policy_keys(block, surroundings.backend_names)
    policy = _named_policy(block, surroundings.policies)
    group = _Group(
        name=entry.key,
        block=block,
        keys=nearest(own, policy, surroundings.defaults, BUILT_IN),
        contact=block.find("contact", text),
        allowed=frozenset(block.find("dangerously_allow", _dangers_allowed) or ()),
        faults=faults,
    )
    _check_denied(block, group.keys, policy)
    listed = list(_entries(group, surroundings))
    _check_redirects(block, own.redirects, [one.pattern for one in listed])
    yield from listed


def _named_policy(block: Block, policies: Mapping[str, PolicyKeys]) -> PolicyKeys:
    name = block.find("policy", text)
    if name is None:
        return PolicyKeys()
    if name not in policies:
        remedy = did_you_mean(name, policies)
        block.faults.add(block.line_of("policy"), "unknown-policy", f"There is no policy `{name}`.", remedy)
    return policies.get(name, PolicyKeys(backends=()))  # so that backends are not missed too


def _check_denied(block: Block, keys: PolicyKeys, policy: PolicyKeys) -> None:
    """A block that denies must not look as if it granted something."""
    if keys.trust is not Trust.DENIED:
        return
    granting = [key for key in block.entries if key in _GRANTING]
    if "policy" in block and policy.trust is not Trust.DENIED:
        granting.append("policy")
    for key in granting:
        message = f"`{key}` grants something to what is denied."
        block.faults.add(block.line_of(key), "denied-yet-granting", message, "Remove it, or change `trust`.")


def _entries(group: _Group, surroundings: Surroundings) -> Iterator[Listed]:
    node = group.block.node("origins")
    nodes = None if node is None else items(node, group.faults, "origins")
    if nodes == ():
        message = f"Group {group.name} lists no origin."
        group.faults.add(
            group.block.line_of("origins"), "no-origins", message, "List one, or remove the group."
        )
    if any(map(_inherits_backends, nodes or ())):
        _check_backends(group.keys, f"Group {group.name}", group.block.line, group.block)
    for item in nodes or ():
        listed = _entry(item, group, surroundings)
        if listed is not None:
            yield listed


def _inherits_backends(item: Node) -> bool:
    """Whether an entry is granted what its group says: then a lack is the group's fault."""
    return not isinstance(item, MappingNode) or not any(
        entry.key in _ABOUT_BACKENDS for entry in item.entries
    )


def _check_backends(keys: PolicyKeys, who: str, line: int, *blocks: Block) -> None:
    """Somebody must say which backends; where it is said wrongly that is fault enough."""
    wrongly = any(block.faulty & _ABOUT_BACKENDS for block in blocks)
    if keys.backends is None and keys.trust is not Trust.DENIED and not wrongly:
        message = f"{who} may use no backend, so it is granted nothing."
        blocks[0].faults.add(line, "no-backends", message, "Add `backends: [...]`, or say `trust: denied`.")


def _entry(item: Node, group: _Group, surroundings: Surroundings) -> Listed | None:
    if isinstance(item, ScalarNode):
        pattern = _read_origin(item, group.faults, "an origin")
        if pattern is None:
            return None
        keys, books, expires, shares = group.keys, _NO_BOOKS, None, False
    else:
        block = Block.read(item, group.faults, "an origin", keys=_ENTRY_KEYS, required=("origin",))
        pattern = block.find("origin", _read_origin)
        block.find("note", text)
        own = read_policy_keys(block, surroundings.backend_names)
        keys = nearest(own, group.keys)
        _check_denied(block, keys, PolicyKeys())
        if not _inherits_backends(item):
            _check_backends(keys, "This origin", item.line, block, group.block)
        books, expires = _books(block), block.find("expires", calendar_date)
        shares = block.get("shares_book", boolean, default=False)
        if pattern is None:
            return None
        _check_redirects(block, own.redirects, [pattern])
    _check_danger(pattern, item.line, keys, group, surroundings.suffixes)
    policy = make_policy(
        keys,
        group=group.name,
        place=(group.faults.file, item.line),
        redirects=_own_redirects(keys, pattern),
        books=books,
        expires=expires,
        contact=group.contact,
    )
    return Listed(pattern, policy, shares)


def _read_origin(node: Node, faults: Faults, what: str) -> OriginPattern | None:
    if isinstance(node, ScalarNode) and node.is_null:
        message = "This item is empty." if node.text in {"", "~"} else "An unquoted null means nothing."
        faults.add(
            node.line,
            "origin-empty",
            message,
            'Write an origin, or remove the item. The origin null is "null".',
        )
        return None
    value = text(node, faults, what)
    if value is None:
        return None
    pattern = read_pattern(value)
    if isinstance(pattern, Malformed):
        faults.add(node.line, pattern.code, pattern.message, pattern.remedy)
        return None
    return pattern


def _books(block: Block) -> Mapping[str, str]:
    """Path prefix to book id, in the file's order: the first is meant when a request names none."""
    if "book" in block and "books" in block:
        message = "`book` and `books` contradict each other."
        block.faults.add(block.line_of("books"), "book-and-books", message, "Keep one of them.")
    book = block.find("book", _book_id)
    books = {} if book is None else {"/": book}
    node = block.node("books")
    if node is not None:
        entries = named(node, block.faults, "books", _BOOK_PATH, _BOOK_PATH_REMEDY)
        ids = {path: _book_id(entry.value, block.faults, f"book {path}") for path, entry in entries.items()}
        books |= {path: book for path, book in ids.items() if book is not None}
        if not entries:
            block.faults.add(
                block.line_of("books"), "no-books", "`books` lists none.", "List one, or remove it."
            )
    return MappingProxyType(books)


# --- checks against the policy


def _check_danger(
    pattern: OriginPattern, line: int, keys: PolicyKeys, group: _Group, suffixes: PublicSuffixes
) -> None:
    """With credentials, an origin must be one author's, and nobody else's on the way."""
    if keys.trust is Trust.DENIED:
        return
    if pattern.is_null:
        if keys.credentials or "null-origin" not in group.allowed:
            remedy = "Remove it, or write both `credentials: false` and `dangerously_allow: [null-origin]`."
            group.faults.add(line, "origin-null", f"`null` is no border: {DANGERS['null-origin']}.", remedy)
        return
    if suffixes.is_registry(pattern):
        message = f"Anybody can register a name below `{pattern.host}`."
        group.faults.add(
            line, "origin-public-suffix", message, "Write the name that your book's owner registered."
        )
        return
    if not keys.credentials:
        return
    for danger in _dangers(pattern, suffixes):
        if danger not in group.allowed:
            message = f"`{pattern.text}` with credentials: {DANGERS[danger]}."
            remedy = f"Use another origin, or write `dangerously_allow: [{danger}]` in the group."
            group.faults.add(line, f"origin-{danger}", message, remedy)


def _dangers(pattern: OriginPattern, suffixes: PublicSuffixes) -> Iterator[str]:
    if pattern.is_loopback:
        return
    if pattern.scheme == "http":
        yield "insecure-http"
    if pattern.is_ip_literal:
        yield "ip-literal"
    elif suffixes.is_public(pattern):
        yield "public-suffix"
    elif suffixes.is_shared(pattern):
        yield "shared-host"


def _check_redirects(block: Block, redirects: tuple[str, ...] | None, patterns: list[OriginPattern]) -> None:
    for redirect in (redirects or ()) if patterns else ():
        origin = redirect_origin(redirect)
        if origin is None or not any(pattern.covers(origin) for pattern in patterns):
            message = f"`{redirect}` is not on an origin that is listed here."
            remedy = "A sign-in ends on the book's own origin: list that origin, or correct the address."
            block.faults.add(block.line_of("redirects"), "redirect-elsewhere", message, remedy)


def _own_redirects(keys: PolicyKeys, pattern: OriginPattern) -> frozenset[str]:
    """Of a group's redirects only those on the entry's own origins."""
    origins = {redirect: redirect_origin(redirect) for redirect in keys.redirects or ()}
    return frozenset(url for url, origin in origins.items() if origin is not None and pattern.covers(origin))


def make_policy(
    keys: PolicyKeys,
    *,
    group: str,
    place: tuple[str, int],
    redirects: frozenset[str] = frozenset(),
    books: Mapping[str, str] = _NO_BOOKS,
    expires: date | None = None,
    contact: str | None = None,
) -> Policy:
    """The resolved keys as a policy; what is missing after a fault is filled with nothing."""
    return Policy(
        group=group,
        line=place[1],
        trust=keys.trust or Trust.DENIED,
        backends=frozenset(keys.backends or ()),
        methods=keys.granted_methods,
        request_headers=keys.granted_request_headers,
        expose_headers=keys.granted_expose_headers,
        max_age=keys.max_age or 0,
        credentials=keys.credentials is True,
        books=books,
        redirects=redirects,
        sign_in=None if keys.sign_in is None else frozenset(keys.sign_in),
        limits=keys.limits or Limits(),
        expires=expires,
        contact=contact,
        file=place[0],
    )
