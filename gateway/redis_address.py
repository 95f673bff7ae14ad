"""Where Redis is and how to come in, as `redis.url` says it: one server, Sentinel or Cluster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import unquote


class Kind(Enum):
    SINGLE = "single"
    UNIX = "unix"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files. ca: None is the system's; certificate, key: None is no client certificate."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """An ACL user (None: `default`) and the password (None: nobody asks for one)."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A parsed URL.

    hosts: names or IP addresses with ports; of Sentinel the sentinels, of Cluster some nodes.
    path: of the Unix socket. service: what the sentinels call the master.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    login: Login = Login()
    sentinel_login: Login = Login()
    tls: Tls | None = None

    @property
    def holds_a_secret(self) -> bool:
        return self.login.password is not None or self.sentinel_login.password is not None

    @property
    def files(self) -> tuple[str, ...]:
        """What must be there for TLS."""
        named = () if self.tls is None else (self.tls.ca, self.tls.certificate, self.tls.key)
        return tuple(path for path in named if path is not None)


_SCHEMES: Final[Mapping[str, tuple[Kind, bool]]] = {
    "redis": (Kind.SINGLE, False),
    "rediss": (Kind.SINGLE, True),
    "unix": (Kind.UNIX, False),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
}
_PORT: Final = {Kind.SENTINEL: 26379}
_HOST: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)
_SERVICE: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_DB: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")


def parse(url: str) -> RedisAddress:
    """The address that `url` says.

    ValueError: in words for an operator, without any part of the URL that could be a password.
    """
    if _UNPRINTABLE.search(url) or "#" in url:
        raise ValueError("blanks, control characters and # are written in percent form (%20, %23)")
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        raise ValueError(f"the scheme is none of {', '.join(f'{known}://' for known in _SCHEMES)}")
    kind, with_tls = _SCHEMES[scheme]
    rest, _, query = rest.partition("?")
    options = _options(query, kind, with_tls=with_tls)
    authority, _, path = rest.partition("/")
    login, where = _login(authority)
    if kind is Kind.UNIX:
        return _socket(where, path, options, login)
    service, _, db = path.partition("/") if kind is Kind.SENTINEL else ("", "", path)
    address = RedisAddress(
        kind,
        hosts=_hosts(kind, where),
        service=service,
        db=_db(db or "0"),
        login=login,
        sentinel_login=_pair(options.get("sentinel_username"), options.get("sentinel_password")),
        tls=_tls(options) if with_tls else None,
    )
    if kind is Kind.SENTINEL and not _SERVICE.fullmatch(service):
        raise ValueError("after the sentinels stands the name of the service: h1:26379,h2:26379/SERVICE")
    if kind is Kind.CLUSTER and address.db:
        raise ValueError("a cluster has no database but 0")
    return address


def _socket(where: str, path: str, options: Mapping[str, str], login: Login) -> RedisAddress:
    if where or not path:
        raise ValueError("a Unix socket is written unix:///PATH")
    return RedisAddress(Kind.UNIX, path="/" + unquote(path), db=_db(options.get("db", "0")), login=login)


def _options(query: str, kind: Kind, *, with_tls: bool) -> dict[str, str]:
    known = {"ca", "certificate", "key"} if with_tls else set()
    if kind is Kind.SENTINEL:
        known |= {"sentinel_username", "sentinel_password"}
    if kind is Kind.UNIX:
        known |= {"db"}
    found: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name not in known:
            allowed = ", ".join(sorted(known)) or "nothing"
            raise ValueError(f"after the ? this scheme takes {allowed}")
        if name in found or not value:
            raise ValueError(f"{name} has no value, or stands there twice")
        found[name] = unquote(value)
    return found


def _login(authority: str) -> tuple[Login, str]:
    """Who comes in, and what is left."""
    userinfo, at, where = authority.rpartition("@")
    username, colon, password = userinfo.partition(":")
    if at and not colon:
        raise ValueError("before the @ stands USER:PASSWORD or :PASSWORD")
    return _pair(unquote(username) or None, unquote(password) or None), where


def _pair(username: str | None, password: str | None) -> Login:
    if username is not None and password is None:
        raise ValueError("there is a user without a password")
    return Login(username, password)


def _hosts(kind: Kind, where: str) -> tuple[tuple[str, int], ...]:
    parts = where.split(",")
    if kind is Kind.SINGLE and len(parts) > 1:
        raise ValueError("several hosts are of redis+sentinel:// or redis+cluster://")
    found: list[tuple[str, int]] = []
    for part in parts:
        match = _HOST.fullmatch(part)
        port = int((match and match[2]) or _PORT.get(kind, 6379))
        if match is None or not 0 < port < 65536:
            raise ValueError("a host is written HOST:PORT, several with commas between them")
        found.append((match[1].strip("[]"), port))
    if len(set(found)) < len(found):
        raise ValueError("one host stands there twice")
    return tuple(found)


def _db(text: str) -> int:
    if not _DB.fullmatch(text):
        raise ValueError("the database is a number: redis://HOST:PORT/0")
    return int(text)


def _tls(options: Mapping[str, str]) -> Tls:
    tls = Tls(options.get("ca"), options.get("certificate"), options.get("key"))
    if (tls.certificate is None) is not (tls.key is None):
        raise ValueError("certificate and key come together")
    if any(not path.startswith("/") for path in (tls.ca, tls.certificate, tls.key) if path is not None):
        raise ValueError("ca, certificate and key are absolute paths")
    return tls
