"""Origins and what each may do: the values that `config/` proves and everything else trusts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
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


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """One generation of origins.yaml, immutable; reload swaps the reference to it."""

    exact: Mapping[str, Policy]  # key: serialised origin
    wildcards: Mapping[tuple[str, str, int], Policy]  # (scheme, base host, port)
    any_port: Mapping[tuple[str, str], Policy]  # (scheme, loopback host)
    unlisted: Policy | None  # None: denied
    generation: str  # hash of the bytes it was read from

    def find(self, origin: Origin, today: date) -> Policy | None:
        """The policy of an origin; None: denied. exact > any port > longest wildcard > unlisted."""
        policy = self._listed(origin)
        if policy is None:
            return self.unlisted
        if policy.trust is Trust.DENIED or (policy.expires is not None and today > policy.expires):
            return None
        return policy

    def _listed(self, origin: Origin) -> Policy | None:
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


_HEADER = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?", re.ASCII)


def parse_origin(text: str) -> Origin | None:
    """An `Origin` header's value as a tuple, or None where it is not one (`null`, odd bytes, too long).

    Whole-string and case-sensitive: browsers serialise in lower case without a default port
    (HTML Standard 7.1.1), so anything else did not come from one.
    """
    if len(text) > 326:
        return None
    found = _HEADER.fullmatch(text)
    if found is None:
        return None
    scheme, host, port = found.groups()
    default = DEFAULT_PORTS.get(scheme)
    if default is None or (port is not None and (int(port) > 65535 or int(port) == default)):
        return None
    return Origin(scheme, host, int(port) if port else default)
