"""Origins and what each may do: the values that `config/` proves and everything else trusts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

DEFAULT_PORTS = MappingProxyType({"http": 80, "https": 443})


class Trust(StrEnum):
    TRUSTED = "trusted"
    CONSENT = "consent"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Origin:
    """A tuple origin (HTML Standard, 7.1.1): scheme, host and effective port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """The serialisation a browser sends (no default port)."""
        if DEFAULT_PORTS.get(self.scheme) == self.port:
            return f"{self.scheme}://{self.host}"
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this very machine (Secure Contexts, 3.1), so that plain HTTP is safe."""
        return _LOOPBACK.fullmatch(self.host) is not None

    @property
    def is_ip_literal(self) -> bool:
        return _IP.fullmatch(self.host) is not None

    @property
    def default_book(self) -> str:
        """The book id of an origin that lists none: the host, `-PORT` appended when not the default."""
        if DEFAULT_PORTS.get(self.scheme) == self.port:
            return self.host
        return f"{self.host}-{self.port}"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many events, or bytes, in a window of so many seconds."""

    amount: int
    window: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of an origin: requests and bytes; None: gateway.yaml's."""

    per_person: Rate | None = None
    per_origin: Rate | None = None
    bytes: Rate | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What one origin may do, all inheritance resolved."""

    group: str
    line: int  # the line of origins.yaml that decided; 0: `unlisted`
    trust: Trust
    backends: frozenset[str]
    methods: tuple[str, ...]
    request_headers: frozenset[str]  # lower case
    expose_headers: tuple[str, ...]  # lower case, sorted
    max_age: int  # seconds, at most 7200
    credentials: bool
    books: Mapping[str, str]  # path prefix -> book id; empty: the origin's default book
    redirects: frozenset[str]
    sign_in: frozenset[str] | None  # ways in that this book offers; None: all
    limits: Limits
    expires: date | None
    contact: str | None
    file: str = ""  # the file of that line
    # Unix seconds: the origin's sessions that began before have ended, for it was taken away in between;
    # `trusted_since` speaks of those that nobody approved.
    since: int = 0
    trusted_since: int = 0
    application: bool = False  # on a host of its own, which gateway.yaml names

    def book_ids(self, origin: Origin) -> tuple[str, ...]:
        """The books of one of the policy's origins, the first one first."""
        return tuple(self.books.values()) or (origin.default_book,)

    def grants(self, today: date) -> bool:
        """Whether the entry lets the origin in at all today."""
        return self.trust is not Trust.DENIED and (self.expires is None or today <= self.expires)


@dataclass(frozen=True, slots=True)
class OriginEntry:
    """What is kept of an entry of the file. entry: as it stands there, or `*` for what is unlisted."""

    entry: str
    trust: Trust
    expires: date | None
    since: int
    trusted_since: int


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """One generation of origins.yaml, immutable; reload swaps the reference to it."""

    exact: Mapping[str, Policy]  # key: serialised origin, or `null`
    wildcards: Mapping[tuple[str, str, int], Policy]  # (scheme, base host, port)
    any_port: Mapping[tuple[str, str], Policy]  # (scheme, loopback host)
    unlisted: Policy | None  # None: denied
    generation: str  # hash of the bytes it was read from
    shared_hosts: frozenset[str] = frozenset()  # one host, many authors by path: never unlisted's
    # The same with former entries, whose origins others grant now: since when, only those can say.
    with_former: "PolicyTable | None" = None

    def find(self, origin: Origin, today: date) -> Policy | None:
        """The policy of an origin; None: denied. exact > any port > longest wildcard > unlisted."""
        policy = (self.with_former or self).listed(origin)
        if policy is None:
            return self.unlisted if self._may_be_unlisted(origin) else None
        return policy if policy.grants(today) else None

    def find_null(self, today: date) -> Policy | None:
        """The policy of `Origin: null`, which only its own entry grants, never `unlisted`."""
        policy = self.exact.get("null")
        return policy if policy is not None and policy.grants(today) else None

    def listed(self, origin: Origin) -> Policy | None:
        """The entry that speaks of an origin, granting or denying; None: nothing does."""
        exact = self.exact.get(str(origin)) or self.any_port.get((origin.scheme, origin.host))
        if exact is not None:
            return exact
        base = origin.host
        while "." in base:
            base = base.partition(".")[2]
            policy = self.wildcards.get((origin.scheme, base, origin.port))
            if policy is not None:
                return policy
        return None

    def _may_be_unlisted(self, origin: Origin) -> bool:
        """Whether the origin could stand in the file without a `dangerously_allow`.

        With credentials, anybody on the network could be `http://`, an address is whoever has it now,
        and a shared host is no border between its authors.
        """
        if self.unlisted is None or not self.unlisted.credentials or origin.is_loopback:
            return True
        if origin.scheme != "https" or origin.is_ip_literal or "." not in origin.host:
            return False
        return origin.host not in self.shared_hosts


_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HEADER = re.compile(
    rf"(https?)://(\[[0-9a-f:]{{2,39}}\]|{_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?", re.ASCII
)
_LOOPBACK = re.compile(r"(?:.+\.)?localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|\[::1\]", re.ASCII)
_IP = re.compile(r"\[.*\]|(?:.+\.)?[0-9]+", re.ASCII)  # a last label of digits is IPv4 (URL Standard 3.5)

MAX_HEADER = 326  # the longest tuple origin: scheme, 253 of host, port


def parse_origin(text: str) -> Origin | None:
    """An `Origin` header's value as a tuple, or None where it is not one (`null`, odd bytes, too long).

    Whole-string and case-sensitive: browsers serialise in lower case without a default port
    (HTML Standard 7.1.1), so anything else did not come from one. A host with an empty label or a
    trailing dot is refused, for `blocked.example.` would slip past an entry for `blocked.example`.
    """
    return None if len(text) > MAX_HEADER else _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Origin | None:
    found = _HEADER.fullmatch(text)
    if found is None:
        return None
    scheme, host, port = found.groups()
    if len(host) > 253:
        return None
    default = DEFAULT_PORTS[scheme]
    if port is not None and (int(port) > 65535 or int(port) == default):
        return None
    return Origin(scheme, host, int(port) if port else default)
