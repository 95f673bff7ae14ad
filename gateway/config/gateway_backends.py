"""The `backends:` of gateway.yaml: services, the public paths that lead to them and what they are told."""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from gateway.config.faults import Faults
from gateway.config.gateway_access import check_need, read_allow, read_step_up
from gateway.config.gateway_hosts import Hosts, tables
from gateway.config.gateway_paths import path_of_host, public_path
from gateway.config.gateway_readers import backend_url, block, header_name, part, word_of
from gateway.config.gateway_secrets import Sources, file_path
from gateway.config.nodes import (
    Block,
    Entry,
    Node,
    ScalarNode,
    SequenceNode,
    boolean,
    did_you_mean,
    duration,
    items,
    list_of,
    matching,
    named,
    one_of,
    size,
    text,
    whole,
)
from gateway.config.settings import ProviderSettings
from gateway.routes import (
    Address,
    AssertionRule,
    Backend,
    BackendTls,
    HealthRule,
    InFlight,
    Purpose,
    Route,
    RouteTable,
    SignInNeed,
    Subject,
    Timeouts,
)

_PURPOSE = one_of([purpose.value for purpose in Purpose])
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[1-9][0-9]{0,4})?", re.ASCII)

# The gateway frames, routes and authenticates by these: a configured header would break or forge that.
_OURS = frozenset(
    {
        "connection", "content-encoding", "content-length", "content-type", "cookie", "expect", "forwarded",
        "host", "keep-alive", "origin", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade", "x-bookgate-book", "x-bookgate-person", "x-bookgate-provider-token",
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reading:
    """What every part of a backend's block is read with."""

    faults: Faults
    sources: Sources
    providers: tuple[ProviderSettings, ...]


def read_backends(
    node: Node,
    faults: Faults,
    sources: Sources,
    providers: tuple[ProviderSettings, ...],
    public_url: str,
) -> RouteTable:
    """All backends and routes; a path that two claim, or that is the gateway's own, is a fault."""
    entries = named(node, faults, "backends")
    if not entries:
        faults.add(node.line, "no-backends", "There is nothing to forward to.", "Name at least one backend.")
    reading = _Reading(faults, sources, providers)
    backends: dict[str, Backend] = {}
    hosts = Hosts(public_url, faults)
    claimed: dict[tuple[str | None, str], tuple[Route, int]] = {}
    for entry in entries.values():
        keys = _keys(entry, faults)
        backend = backends[entry.key] = hosts.placed(_backend(entry, keys, reading), keys)
        for route, line in _routes(backend, keys, reading):
            place = backend.own_host, route.path
            if place in claimed:
                message = f"`{route.path}` stands here and on line {claimed[place][1]}."
                faults.add(line, "duplicate-route", message, "A path leads to one backend: change one.")
            elif route.path:
                claimed[place] = (route, line)
    return tables([(host, route) for (host, _), (route, _) in claimed.items()], backends)


def _keys(entry: Entry, faults: Faults) -> Block:
    return block(
        entry.value,
        faults,
        f"backend {entry.key}",
        keys=(
            "urls", "tls", "routes", "identity", "request", "response", "timeouts", "in_flight", "max_body",
            "websocket", "guests", "personal_tokens", "lifecycle", "health", "host",
        ),
        required=("urls", "routes"),
    )  # fmt: skip


def _backend(entry: Entry, keys: Block, reading: _Reading) -> Backend:
    addresses = _addresses(keys, reading)
    subject, assertion, headers, provider_token = _identity(entry, keys, reading)
    origin, host, request_cookies = _request(keys, reading.faults)
    response = _response(keys, reading.faults)
    tls = _tls(keys, reading)
    plain = [address.url for address in addresses if not address.tls]
    if tls != BackendTls() and plain:
        message = f"tls is set, but `{plain[0]}` does not speak it."
        reading.faults.add(
            keys.line_of("tls"), "tls-without-https", message, "Write https:// or remove `tls`."
        )
    guests = keys.get("guests", boolean, default=False)
    if guests and (headers or provider_token):
        message = "A guest has no provider: neither a name for `headers` nor a `provider_token`."
        reading.faults.add(keys.line_of("guests"), "guest-without-name", message, "Remove one of the two.")
    personal_tokens = keys.get("personal_tokens", boolean, default=False)
    if personal_tokens and (headers or provider_token or keys.node("host") is not None):
        message = "A script has no provider and no page: no `headers`, no `provider_token`, no `host`."
        line = keys.line_of("personal_tokens")
        reading.faults.add(line, "token-without-name", message, "Remove one of the two.")
    return Backend(
        name=entry.key,
        addresses=addresses,
        subject=subject,
        assertion=assertion,
        headers=MappingProxyType(headers),
        origin=origin,
        host=host,
        request_cookies=request_cookies,
        response_cookies=response.cookies,
        rewrite_location=response.rewrite_location,
        timeouts=_timeouts(keys, reading.faults),
        in_flight=_in_flight(keys, reading.faults),
        max_body=keys.get("max_body", size(at_most=2**40), 10_000_000),
        websocket=keys.get("websocket", boolean, default=False),
        tls=tls,
        guests=guests,
        personal_tokens=personal_tokens,
        lifecycle=frozenset(Purpose(word) for word in keys.find("lifecycle", list_of(_PURPOSE)) or ()),
        provider_token=provider_token,
        health=_health(keys, reading.faults),
        html=response.html,
    )


def _addresses(keys: Block, reading: _Reading) -> tuple[Address, ...]:
    urls = keys.find("urls", list_of(backend_url(reading.sources))) or ()
    node, faults = keys.node("urls"), reading.faults
    if node is not None and not urls and items(node, Faults(""), "urls") == ():
        faults.add(node.line, "no-urls", "urls is empty.", "Write `urls: [http://HOST:PORT]`.")
    addresses = tuple(Address.of(url, index) for index, url in enumerate(urls))
    if len({address.base for address in addresses}) > 1:
        message = "The urls of one backend have different paths, but a request may go to any of them."
        remedy = "Give them one path, or make two backends."
        faults.add(keys.line_of("urls"), "different-paths", message, remedy)
    return addresses


def _health(keys: Block, faults: Faults) -> HealthRule | None:
    node = keys.node("health")
    if node is None:
        return None
    read = block(node, faults, "health", keys=("path", "every", "fall", "rise"), required=("path",))
    count, default = whole(1, 100), HealthRule("/")
    return HealthRule(
        path=read.get("path", _health_path, default.path),
        every=read.get("every", duration(0.5, 3600), default.every),
        fall=read.get("fall", count, default.fall),
        rise=read.get("rise", count, default.rise),
    )


_health_path = matching(
    re.compile(r"/[!-\"$-~]*", re.ASCII), "bad-path", "Write /PATH: it is below the path of the urls."
)


# --- what the backend is told


def _identity(
    entry: Entry, keys: Block, reading: _Reading
) -> tuple[Subject, AssertionRule, dict[str, str], str | None]:
    faults = reading.faults
    identity = part(keys, "identity", faults, ("subject", "assertion", "headers", "provider_token"))
    subject = Subject(identity.get("subject", one_of([subject.value for subject in Subject]), "person"))
    rule = _assertion(entry.key, identity, faults)
    headers = _headers(identity, reading)
    if rule.header.lower() in {name.lower() for name in headers}:
        message = f"{rule.header} carries the assertion already."
        faults.add(identity.line_of("headers"), "duplicate-header", message, "Give one of them another name.")
    return subject, rule, headers, _provider_token(identity, reading)


def _provider_token(identity: Block, reading: _Reading) -> str | None:
    node = identity.node("provider_token")
    listed = None if node is None else text(node, reading.faults, "provider_token")
    known = [provider.id for provider in reading.providers]
    if node is None or listed is None or listed == "none":
        return None
    if listed in known:
        return listed
    remedy = f"{did_you_mean(listed, known)} Write the name of a provider, or `none`."
    reading.faults.add(node.line, "unknown-provider", f"There is no provider `{listed}`.", remedy)
    return None


def _assertion(backend: str, identity: Block, faults: Faults) -> AssertionRule:
    keys = part(identity, "assertion", faults, ("header", "scheme", "audience", "claims"))
    default = AssertionRule()
    return AssertionRule(
        header=keys.get("header", _sent_header, default.header),
        scheme=keys.find("scheme", header_name),
        audience=keys.get("audience", text, backend),
        claims=keys.get("claims", list_of(word_of(("name",), ("email", "groups", "username"))), ()),
    )


def _sent_header(node: Node, faults: Faults, what: str) -> str | None:
    name = header_name(node, faults, what)
    if name is None or name.lower() not in _OURS:
        return name
    faults.add(node.line, "reserved-header", f"{what} cannot be `{name}`.", "Choose a name of its own.")
    return None


def _headers(identity: Block, reading: _Reading) -> dict[str, str]:
    """Header name -> PROVIDER.CLAIM."""
    node = identity.node("headers")
    if node is None:
        return {}
    read: dict[str, str] = {}
    for name, entry in named(node, reading.faults, "headers", re.compile(r"[!-~]+")).items():
        header = _sent_header(_key_node(entry), reading.faults, "a header of headers")
        claim = _claim(entry.value, reading)
        if header is None or claim is None:
            continue
        if name.lower() in {known.lower() for known in read}:
            message = f"{name} stands twice, in other letters."
            reading.faults.add(entry.line, "duplicate-header", message, "Keep one of them.")
        read[header] = claim
    return read


def _key_node(entry: Entry) -> ScalarNode:
    return ScalarNode(entry.line, entry.key)


def _claim(node: Node, reading: _Reading) -> str | None:
    listed = text(node, reading.faults, "a claim")
    if listed is None:
        return None
    known = [f"{provider.id}.{claim}" for provider in reading.providers for claim in provider.claims]
    if listed in known:
        return listed
    remedy = f"{did_you_mean(listed, known)} Claims are named in the provider's `claims`."
    reading.faults.add(node.line, "unknown-claim", f"There is no claim `{listed}`.", remedy)
    return None


def _request(keys: Block, faults: Faults) -> tuple[str, str, frozenset[str]]:
    request = part(keys, "request", faults, ("host", "origin", "cookies"))
    host_name = matching(_HOST, "bad-host", "Write backend, public or a host name in lower case.")
    return (
        request.get("origin", one_of(("drop", "send")), "drop"),
        request.get("host", host_name, "backend"),
        frozenset(request.find("cookies", list_of(_cookie)) or ()),
    )


class _Response(NamedTuple):
    cookies: frozenset[str]
    rewrite_location: bool
    html: bool


def _response(keys: Block, faults: Faults) -> _Response:
    response = part(keys, "response", faults, ("cookies", "html", "rewrite_location"))
    return _Response(
        frozenset(response.find("cookies", list_of(_cookie)) or ()),
        response.get("rewrite_location", boolean, default=True),
        response.get("html", one_of(("sandbox", "allow")), "sandbox") == "allow",
    )


def _cookie(node: Node, faults: Faults, what: str) -> str | None:
    name = text(node, faults, what)
    if name is None or (_COOKIE_NAME.fullmatch(name) and not name.startswith("__Host-Http-")):
        return name
    remedy = "Write a cookie's name; those that begin with __Host-Http- are the gateway's."
    faults.add(node.line, "bad-cookie", f"{what} cannot be `{name}`.", remedy)
    return None


def _tls(keys: Block, reading: _Reading) -> BackendTls:
    tls = part(keys, "tls", reading.faults, ("ca", "certificate", "key"))
    file = file_path(reading.sources)
    if ("certificate" in tls) != ("key" in tls):
        message = "A client certificate and its key belong together."
        reading.faults.add(tls.line, "half-a-pair", message, "Name both `certificate` and `key`, or neither.")
    return BackendTls(tls.find("ca", file), tls.find("certificate", file), tls.find("key", file))


def _timeouts(keys: Block, faults: Faults) -> Timeouts:
    read = part(keys, "timeouts", faults, ("connect", "first_byte", "idle"))
    default = Timeouts()
    limit = duration(0.05, 3600)
    return Timeouts(
        connect=read.get("connect", limit, default.connect),
        first_byte=read.get("first_byte", limit, default.first_byte),
        idle=read.get("idle", limit, default.idle),
    )


def _in_flight(keys: Block, faults: Faults) -> InFlight:
    read = part(keys, "in_flight", faults, ("max", "queue", "wait"))
    default = InFlight()
    return InFlight(
        max=read.get("max", whole(1, 100_000), default.max),
        queue=read.get("queue", whole(0, 100_000), default.queue),
        wait=read.get("wait", duration(0.001, 60), default.wait),
    )


# --- the paths that lead to it


def _routes(backend: Backend, keys: Block, reading: _Reading) -> tuple[tuple[Route, int], ...]:
    """The backend's routes, each with its line; the path of a faulty one is empty."""
    node, faults = keys.node("routes"), reading.faults
    listed = None if node is None else items(node, faults, "routes")
    if listed == ():
        faults.add(keys.line_of("routes"), "no-routes", f"Nothing leads to {backend.name}.", "Add a `path`.")
    return tuple((_route(item, backend, reading), item.line) for item in listed or ())


def _route(node: Node, backend: Backend, reading: _Reading) -> Route:
    faults = reading.faults
    keys = block(
        node,
        faults,
        f"a route of {backend.name}",
        keys=("path", "strip", "sign_in", "methods", "embed", "allow", "step_up"),
        required=("path",),
    )
    needs = [need.value for need in SignInNeed]
    need = SignInNeed(keys.get("sign_in", one_of(needs), SignInNeed.REQUIRED.value))
    check_need(keys, faults, need)
    methods = keys.find("methods", list_of(one_of(METHODS, "bad-method")))
    if methods == () and keys.node("methods") == SequenceNode(keys.line_of("methods"), ()):
        faults.add(
            keys.line_of("methods"), "no-methods", "methods is empty.", "Name some, or remove the key."
        )
    return Route(
        backend=backend.name,
        path=keys.get("path", public_path if backend.own_host is None else path_of_host, ""),
        strip=keys.get("strip", boolean, default=False),
        sign_in=need,
        methods=None if methods is None else frozenset(methods),
        embed=keys.get("embed", boolean, default=False),
        allow=read_allow(keys, faults, reading.providers),
        step_up=read_step_up(keys, faults),
    )
