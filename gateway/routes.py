"""Backends and the public paths that lead to them: proved values, and the longest-path match."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import urlsplit

_PORTS: Final = MappingProxyType({"http": 80, "https": 443})


class SignInNeed(StrEnum):
    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Subject(StrEnum):
    """Whose id a backend's assertion carries."""

    PERSON = "person"
    PAIRWISE = "pairwise"
    PSEUDONYM = "pseudonym"


class Purpose(StrEnum):
    """What the gateway itself asks of a backend (`lifecycle`)."""

    MERGE = "merge"
    UNMERGE = "unmerge"
    DELETE = "delete"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whom a route takes: by one of these roles, and by one of these ways in; None: by any.

    in_class: only who is in a class of the book.
    """

    roles: frozenset[str] | None
    providers: frozenset[str] | None
    in_class: bool = False


@dataclass(frozen=True, slots=True)
class StepUp:
    """How a route wants people to have signed in.

    max_age: at most so many seconds ago. acr: by one of these (OpenID Connect Core section 2); empty: by any.
    """

    max_age: int | None
    acr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One public path of a backend. `path` begins and ends with `/`."""

    backend: str
    path: str
    strip: bool
    sign_in: SignInNeed
    methods: frozenset[str] | None  # None: whatever the origin's policy grants
    embed: bool
    allow: Allowed | None = None
    step_up: StepUp | None = None

    @property
    def asks_more(self) -> bool:
        """Whether it is not enough to be signed in."""
        return self.allow is not None or self.step_up is not None


@dataclass(frozen=True, slots=True)
class Address:
    """One place where a backend is; `index`: its place in `urls`, which logs and metrics name it by."""

    url: str  # http(s)://host[:port]/base/ or unix:PATH
    index: int
    tls: bool
    host: str  # a name or an IP address, without brackets; of a Unix socket `localhost`
    port: int
    unix: str | None  # the socket's path
    authority: str  # what `Host` says
    base: str  # the path that everything is below; begins and ends with `/`

    @classmethod
    def of(cls, url: str, index: int = 0) -> Self:
        """url: proved by the configuration."""
        if url.startswith("unix:"):
            return cls(url, index, False, "localhost", 80, url.removeprefix("unix:"), "localhost", "/")
        parts = urlsplit(url)
        tls, default = parts.scheme == "https", _PORTS[parts.scheme]
        host, port = parts.hostname or "", parts.port or default
        named = f"[{host}]" if ":" in host else host
        authority = named if port == default else f"{named}:{port}"
        return cls(url, index, tls, host, port, None, authority, parts.path or "/")


@dataclass(frozen=True, slots=True)
class HealthRule:
    """How each URL of a backend is asked whether it is well: `GET path`, any 2xx."""

    path: str  # below the base
    every: float = 5.0  # seconds
    fall: int = 3  # bad answers in a row, and it is asked last
    rise: int = 2  # good ones, and it is back


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect: float = 2.0  # seconds, all three
    first_byte: float = 30.0
    idle: float = 60.0


@dataclass(frozen=True, slots=True)
class InFlight:
    max: int = 200
    queue: int = 100
    wait: float = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class BackendTls:
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class AssertionRule:
    """How the signed identity travels: `{header}: [{scheme} ]JWS`."""

    header: str = "X-Bookgate-Assertion"
    scheme: str | None = None
    audience: str = ""
    claims: tuple[str, ...] = ()  # beside the built-in ones; only `name` so far


@dataclass(frozen=True, slots=True)
class Backend:
    """A service behind the gateway."""

    name: str
    addresses: tuple[Address, ...]  # one at least, all with the same base
    subject: Subject
    assertion: AssertionRule
    headers: Mapping[str, str]  # header name -> PROVIDER.CLAIM
    origin: str  # drop | send
    host: str  # backend | public | a name
    request_cookies: frozenset[str]
    response_cookies: frozenset[str]
    rewrite_location: bool
    timeouts: Timeouts
    in_flight: InFlight
    max_body: int  # bytes
    websocket: bool
    tls: BackendTls
    guests: bool = False  # whether it takes requests of guests
    personal_tokens: bool = False  # whether it takes requests of scripts
    lifecycle: frozenset[Purpose] = frozenset()  # what the gateway itself asks of it
    provider_token: str | None = None  # the provider whose access token it is given
    health: HealthRule | None = None
    own_host: str | None = None  # HOST[:PORT] of an application with pages; None: it is at the public URL
    html: bool = False  # whether its pages may be pages: on a host of its own alone

    @property
    def base(self) -> str:
        return self.addresses[0].base


@dataclass(frozen=True, slots=True)
class RouteTable:
    """The routes of one host, longest path first. hosts: HOST[:PORT] of an application -> its own routes."""

    routes: tuple[Route, ...]
    backends: Mapping[str, Backend]
    hosts: Mapping[str, "RouteTable"] = field(default_factory=dict)

    def find(self, path: str) -> Route | None:
        """The route whose path is the longest prefix of `path` in whole segments.

        path: the raw path as it will be forwarded, never decoded.
        """
        for route in self.routes:
            if path.startswith(route.path) or path + "/" == route.path:
                return route
        return None
