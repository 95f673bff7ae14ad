"""Backends and the public paths that lead to them: proved values, and the longest-path match."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class SignInNeed(StrEnum):
    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Subject(StrEnum):
    """Whose id a backend's assertion carries."""

    PERSON = "person"
    PAIRWISE = "pairwise"
    PSEUDONYM = "pseudonym"


@dataclass(frozen=True, slots=True)
class Route:
    """One public path of a backend. `path` begins and ends with `/`."""

    backend: str
    path: str
    strip: bool
    sign_in: SignInNeed
    methods: frozenset[str] | None  # None: whatever the origin's policy grants
    embed: bool


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
    url: str  # http(s)://host:port/base/ or unix:PATH
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
    merges: bool = False  # whether it is told when two people became one
    provider_token: str | None = None  # the provider whose access token it is given


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All routes, longest path first."""

    routes: tuple[Route, ...]
    backends: Mapping[str, Backend]

    def find(self, path: str) -> Route | None:
        """The route whose path is the longest prefix of `path` in whole segments.

        path: the raw path as it will be forwarded, never decoded.
        """
        for route in self.routes:
            if path.startswith(route.path) or path + "/" == route.path:
                return route
        return None
