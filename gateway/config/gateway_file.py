"""gateway.yaml as `Settings`: every key of the design is known by name, every fault is reported at once."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.config.document import read_document
from gateway.config.faults import ConfigError, Faults
from gateway.config.gateway_backends import read_backends
from gateway.config.gateway_classes import read_classes
from gateway.config.gateway_keys import read_keys
from gateway.config.gateway_lti import read_lti
from gateway.config.gateway_pages import read_pages
from gateway.config.gateway_passkeys import read_passkeys
from gateway.config.gateway_privacy import read_privacy
from gateway.config.gateway_providers import kept_where_asked, read_providers
from gateway.config.gateway_readers import (
    address,
    block,
    folder_path,
    is_word,
    network,
    part,
    public_url,
    secret_url,
    word_of,
)
from gateway.config.gateway_redis import read_redis
from gateway.config.gateway_roles import asked_for, read_roles
from gateway.config.gateway_secrets import Sources, file_path
from gateway.config.gateway_studies import read_studies
from gateway.config.nodes import (
    Block,
    Entry,
    MappingNode,
    Node,
    boolean,
    list_of,
    one_of,
    rate,
    seconds,
    size,
    text,
    whole,
)
from gateway.config.settings import (
    Address,
    Guests,
    Listen,
    ListenerTls,
    Outbound,
    Settings,
    Telemetry,
)
from gateway.limits import CONNECTIONS, REQUESTS, SignInLimits
from gateway.origins import Limits
from gateway.routes import RouteTable
from gateway.session_limits import DAY, Life, SessionLimits

_BUILT = (
    "version", "public_url", "contact", "listen", "tls", "trusted_proxies", "workers", "data_path", "state",
    "origins", "outbound", "redis", "directory", "keys", "sessions", "providers", "sign_in", "backends",
    "limits", "pages", "privacy", "telemetry", "classes", "studies", "roles", "lti",
)  # fmt: skip
_LATER = (
    "admin_token",
)  # fmt: skip
_REQUIRED = ("version", "public_url", "providers", "backends")


def parse_gateway(data: bytes, file: Path, env: Mapping[str, str]) -> Settings:
    """The settings that `data` says, or ConfigError with all its faults.

    file: where `data` was read; relative paths begin in its folder.
    """
    faults = Faults(file.name)
    references = Faults(file.name)
    sources = Sources(file.absolute().parent, env)
    root = read_document(data, faults)
    if root is None:
        raise ConfigError(faults.found)
    settings = _settings(sources.fetch(root, references), faults, sources)
    # A reference that failed is read as nothing: that alone is not worth a second message.
    failed = {fault.line for fault in references.found}
    found = [fault for fault in faults.found if fault.code != "empty" or fault.line not in failed]
    if found or failed:
        raise ConfigError(tuple(sorted([*found, *references.found], key=lambda fault: fault.line)))
    return settings


def _settings(root: Node, faults: Faults, sources: Sources) -> Settings:
    top = block(root, faults, "gateway.yaml", keys=_BUILT, later=_LATER, required=_REQUIRED)
    top.find("version", one_of(("1",), "unknown-version"))
    state = top.get("state", folder_path(sources), Path("/var/lib/bookgate"))
    url = top.get("public_url", public_url, "")
    providers_node, backends_node = top.node("providers"), top.node("backends")
    providers = () if providers_node is None else read_providers(providers_node, faults)
    routes = RouteTable((), MappingProxyType({}))
    if backends_node is not None:
        routes = read_backends(backends_node, faults, sources, providers, url)
    limits = part(top, "limits", faults, ("connections_per_address", "sign_in", "guests", "requests", "head"))
    sign_in = part(top, "sign_in", faults, ("guests", "class_cards", "under_13", "passkeys"))
    sessions = _sessions(top, faults)
    privacy = read_privacy(top, sign_in, sessions, faults)
    roles = read_roles(top, faults, providers)
    keys = read_keys(top, faults, sources, state)
    return Settings(
        public_url=url,
        contact=top.find("contact", text),
        listen=_listen(top, faults, sources),
        tls=_tls(top, faults, sources),
        trusted_proxies=top.get("trusted_proxies", list_of(network), ()),
        workers=top.get("workers", whole(1, 64), 1),
        data_path=top.get("data_path", word_of(("fast", "plain"), ()), "fast"),
        state=state,
        origins=_origins(top, faults, sources),
        outbound=_outbound(top, faults, sources),
        redis=read_redis(top, faults),
        directory_url=_directory(top, faults, state),
        keys=keys,
        sessions=sessions,
        providers=asked_for(kept_where_asked(providers, routes), roles),
        routes=routes,
        guests=_guests(sign_in, limits, faults),
        passkeys=read_passkeys(sign_in, url, faults),
        classes=read_classes(top, sign_in, faults),
        roles=roles,
        platforms=read_lti(top, faults, signs=keys.lti is not None),
        sign_in=_sign_in_limits(limits, faults),
        requests=_request_limits(limits, faults),
        connections_per_address=limits.get("connections_per_address", whole(10, 1_000_000), CONNECTIONS),
        max_head=limits.get("head", size(8000, 65536), 16384),
        pages=read_pages(top, faults, sources),
        privacy=privacy,
        studies=read_studies(top, faults, privacy),
        telemetry=_telemetry(top, faults),
    )


# --- where it listens and lies


def _listen(top: Block, faults: Faults, sources: Sources) -> Listen:
    listen = part(top, "listen", faults, ("public", "private"))
    public = listen.get("public", address(sources), Address("127.0.0.1", 8080))
    if is_word(listen.node("private"), "none"):
        return Listen(public, None)
    private = listen.get("private", address(sources), Address("127.0.0.1", 9090))
    if private == public and (public.unix or public.port):
        message = "listen.public and listen.private are one address."
        faults.add(listen.line, "address-twice", message, "Give each its own; or write `private: none`.")
    return Listen(public, private)


def _tls(top: Block, faults: Faults, sources: Sources) -> ListenerTls | None:
    node = top.node("tls")
    if node is None or is_word(node, "none"):
        return None
    tls = block(node, faults, "tls", keys=("certificate", "key"), required=("certificate", "key"))
    certificate, key = tls.find("certificate", file_path(sources)), tls.find("key", file_path(sources))
    return ListenerTls(certificate, key) if certificate and key else None


def _origins(top: Block, faults: Faults, sources: Sources) -> Path:
    """The file, or the directory of files; both must exist."""
    default = sources.path("origins.yaml")
    match top.node("origins"):
        case None:
            path, line = default, top.line
        case MappingNode(entries=(Entry(key="file" | "directory", value=value),)):
            name = text(value, faults, "origins")
            path, line = (default if name is None else sources.path(name)), value.line
        case node:
            remedy = "Write {file: origins.yaml} or {directory: origins.d}."
            faults.add(node.line, "not-a-file", "origins must name a file or a directory.", remedy)
            return default
    if not path.exists():
        faults.add(
            line, "missing-file", f"origins: there is no {path}.", "`bookgate init` writes a first one."
        )
    return path


def _outbound(top: Block, faults: Faults, sources: Sources) -> Outbound:
    outbound = part(top, "outbound", faults, ("proxy", "ca"))
    proxy = secret_url(("http",), ("https", "socks5"), "Write http://HOST:PORT.")
    return Outbound(proxy=outbound.find("proxy", proxy), ca=outbound.find("ca", file_path(sources)))


def _directory(top: Block, faults: Faults, state: Path) -> str:
    """The SQLAlchemy URL with its asynchronous driver."""
    remedy = "Write postgresql://USER:WORD@HOST/NAME, or sqlite:///PATH, or remove `directory`."
    kinds = ("sqlite", "sqlite+aiosqlite", "postgresql", "postgres", "postgresql+asyncpg")
    reader = secret_url(kinds, (), remedy)
    url = part(top, "directory", faults, ("url",)).find("url", reader)
    if url is None:
        return f"sqlite+aiosqlite:///{state / 'directory.sqlite3'}"
    scheme, _, rest = url.partition(":")
    if scheme.startswith("sqlite"):
        return "sqlite+aiosqlite:" + rest
    return "postgresql+asyncpg:" + rest.replace("sslmode=", "ssl=")  # the name that asyncpg has for it


# --- how long, how it looks, how much


def _sessions(top: Block, faults: Faults) -> SessionLimits:
    sessions = part(top, "sessions", faults, ("sign_in", "book", "guest", "shared_device", "token_mode"))
    default = SessionLimits()
    token_mode = part(sessions, "token_mode", faults, ("access",))
    return SessionLimits(
        sign_in=_life(sessions, "sign_in", faults, default.sign_in),
        book=_life(sessions, "book", faults, default.book),
        guest=_life(sessions, "guest", faults, default.guest),
        shared_device=_life(sessions, "shared_device", faults, default.shared_device),
        access=token_mode.get("access", seconds(60, 3600), default.access),
    )


def _life(sessions: Block, key: str, faults: Faults, default: Life) -> Life:
    keys = part(sessions, key, faults, ("idle", "absolute"))
    limit = seconds(60, 366 * DAY)
    life = Life(keys.get("idle", limit, default.idle), keys.get("absolute", limit, default.absolute))
    if life.idle > life.absolute:
        message = f"{key}: idle is longer than absolute and would never count."
        faults.add(keys.line_of("idle"), "idle-too-long", message, "Lower `idle`, or raise `absolute`.")
    return life


def _guests(sign_in: Block, limits: Block, faults: Faults) -> Guests:
    begun = part(limits, "guests", faults, ("per_address", "per_origin"))
    default = Guests()
    return Guests(
        welcome=sign_in.get("guests", boolean, default=default.welcome),
        per_address=begun.get("per_address", rate, default.per_address),
        per_origin=begun.get("per_origin", rate, default.per_origin),
    )


def _sign_in_limits(limits: Block, faults: Faults) -> SignInLimits:
    sign_in, default = part(limits, "sign_in", faults, ("per_address", "per_person")), SignInLimits()
    return SignInLimits(
        per_address=sign_in.get("per_address", rate, default.per_address),
        per_person=sign_in.get("per_person", rate, default.per_person),
    )


def _request_limits(limits: Block, faults: Faults) -> Limits:
    requests = part(limits, "requests", faults, ("per_person", "per_origin"))
    return Limits(
        per_person=requests.get("per_person", rate, REQUESTS.per_person),
        per_origin=requests.get("per_origin", rate, REQUESTS.per_origin),
    )


def _telemetry(top: Block, faults: Faults) -> Telemetry:
    telemetry = part(top, "telemetry", faults, ("log", "metrics"), ("audit", "traces"))
    log, default = part(telemetry, "log", faults, ("to", "requests")), Telemetry()
    log.find("to", word_of(("stdout",), ()))
    return Telemetry(
        requests=log.get("requests", word_of(("all", "errors", "none"), ("sample",)), default.requests),
        metrics=telemetry.get("metrics", boolean, default=default.metrics),
    )
