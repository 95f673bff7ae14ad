"""gateway.yaml as proved values: what the rest of the house reads instead of the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from gateway.client_address import Addresses
from gateway.client_keys import ClientKeys
from gateway.limits import SignInLimits
from gateway.lti_platforms import Platform
from gateway.origins import Limits, Rate
from gateway.provider_presets import Dialect
from gateway.roles import RoleRule
from gateway.routes import RouteTable
from gateway.session_limits import SessionLimits
from gateway.signing_keys import Rotation
from gateway.studies_rules import Study


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds: a TCP host and port, or a Unix socket's path."""

    host: str = ""
    port: int = 0
    unix: Path | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    public: Address
    private: Address | None


@dataclass(frozen=True, slots=True)
class ListenerTls:
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Outbound:
    """The way to providers: a forward proxy's URL, a CA bundle beside the system's."""

    proxy: str | None = None
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class RedisSettings:
    url: str | None  # None: embedded, in `state`
    prefix: str = "bookgate:"
    deadline: float = 0.25  # seconds, for a whole store operation


_MONTHLY = Rotation()


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets as bytes (32 or more each).

    root: seals. previous: open only. root_file: where `root` and the first of `previous` stand, a line each,
    and may be changed while the gateway runs; None: in the environment. apart: the rest of `previous`.
    """

    root: bytes
    previous: tuple[bytes, ...]
    people: bytes
    research: bytes
    root_file: Path | None = None
    apart: tuple[bytes, ...] = ()
    assertion: Rotation = _MONTHLY
    lti: ClientKeys | None = None  # by which learning platforms know this site


@dataclass(frozen=True, slots=True)
class Allow:
    """Who of a provider may sign in; empty: everybody."""

    groups: frozenset[str] = frozenset()
    email_domains: frozenset[str] = frozenset()


_STANDARD = Dialect()


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One `providers:` block. issuer: who vouches for people; it may stand for many organisations."""

    id: str
    issuer: str
    client_id: str
    client_secret: str | None
    label: str
    claims: Mapping[str, str]  # our name -> the provider's claim
    allow: Allow
    logout_at_provider: bool
    scopes: tuple[str, ...] | None = None  # None: the usual ones
    keeps_tokens: bool = False  # the block says so, or a backend asks for them
    asks_consent: bool = False  # prompt=consent
    preset: str = "oidc"
    client_keys: ClientKeys | None = None
    dialect: Dialect = _STANDARD
    asks_for: frozenset[str] = frozenset()  # claims that rules name

    @property
    def published_keys(self) -> ClientKeys | None:
        """The keys whose public halves the provider is given; one that it made itself it has."""
        return None if self.dialect.secret_is_signed else self.client_keys


_A_SCHOOL = Rate(1000, 3600)  # may have one address
_A_BOOK = Rate(20_000, 3600)


@dataclass(frozen=True, slots=True)
class Guests:
    """Readers whose work is kept before they sign in. The rates are of guests who begin."""

    welcome: bool = False
    per_address: Rate = _A_SCHOOL
    per_origin: Rate = _A_BOOK


@dataclass(frozen=True, slots=True)
class ClassSettings:
    """create: the roles that make classes, or `anyone`; empty: nobody. cards: people come in by cards."""

    create: frozenset[str] = frozenset()
    cards: bool = False


LANGUAGES: Final = ("en", "de")  # that the pages speak


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture, and what it is served as."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Pages:
    """How the gateway's pages look. languages: the first is for readers who want none of them."""

    name: str = "Bookgate"
    colour: str = "#1f4f8f"
    links: Mapping[str, str] | None = None
    languages: tuple[str, ...] = LANGUAGES
    logo: Logo | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What is told of requests. requests: whose lines are written: all | errors (400 and above) | none."""

    requests: str = "all"
    metrics: bool = True


@dataclass(frozen=True, slots=True)
class Privacy:
    """default_level: of consent, without a study, 1 or 2. delete_inactive_after: seconds without a sign-in.

    under_13: no names of people are kept, and nobody is asked for research.
    """

    default_level: int = 1
    delete_inactive_after: int | None = None
    log_addresses: Addresses = Addresses.TRUNCATED
    under_13: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """gateway.yaml, whole."""

    public_url: str  # scheme://host[:port], no path
    contact: str | None
    listen: Listen
    tls: ListenerTls | None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    workers: int  # processes that serve
    data_path: str  # fast | plain
    state: Path
    origins: Path  # a file, or a directory of such files
    outbound: Outbound
    redis: RedisSettings
    directory_url: str  # SQLAlchemy, asynchronous driver
    keys: Keys
    sessions: SessionLimits
    providers: tuple[ProviderSettings, ...]
    routes: RouteTable
    guests: Guests
    passkeys: bool
    classes: ClassSettings
    roles: tuple[RoleRule, ...]
    platforms: tuple[Platform, ...]  # learning platforms that launch books
    sign_in: SignInLimits
    requests: Limits  # for what an origin's own limits do not say
    connections_per_address: int  # at each worker
    max_head: int  # bytes
    pages: Pages
    privacy: Privacy
    studies: tuple[Study, ...]
    telemetry: Telemetry
