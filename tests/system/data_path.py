"""The data path behind the gateway's own middlewares, with sessions made by hand instead of signing in."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from io import StringIO
from ipaddress import ip_network
from types import MappingProxyType

from aiohttp import web

from gateway.access import CookieCredential, DpopCredential, Facts, TicketCredential, admits, credential
from gateway.applications import Applications
from gateway.assertions import Assertions
from gateway.budgets import Budgets
from gateway.client_address import Addresses
from gateway.config.settings import Pages
from gateway.cookies import book_name
from gateway.errors import GatewayError
from gateway.expectation import expect_handler
from gateway.known import Known, caller_of
from gateway.middleware import ENTRANCE, Entrance, Refusals, cross_origin, errors, facts, host, on_prepare
from gateway.origins import Limits, Policy, PolicyTable, Trust
from gateway.pages.render import make_renderer
from gateway.proxy.answer_bytes import AnswerBytes
from gateway.proxy.decide import Matched, Site
from gateway.proxy.exchange import Shared
from gateway.proxy.fast import Fast
from gateway.proxy.plain import forwarding, proxy_handler
from gateway.proxy.streams import Alive, Streams
from gateway.proxy.upstream import Upstreams
from gateway.proxy.wiring import Wiring
from gateway.reception import Reception
from gateway.records import Book, LiveBook, LiveSignIn, Mode, SignIn
from gateway.request_log import RequestLog
from gateway.routes import (
    Address,
    AssertionRule,
    Backend,
    BackendTls,
    InFlight,
    Route,
    RouteTable,
    SignInNeed,
    Subject,
    Timeouts,
)
from gateway.server.connection import Runner, Server
from gateway.server.front import Front, Fronts
from gateway.server.run import public_runner
from gateway.signing_keys import SigningKey
from gateway.telemetry import make_log
from tests.policies import POLICY
from tests.system.raw_client import RawAnswer, RawClient

PUBLIC = "http://gw.test"
BOOK = "https://books.example.edu"
TWO_BOOKS = "https://ada-l.github.io"
CONSENT = "https://consent.example.org"
READER = "https://reader.example.edu"
STRANGER = "https://evil.example.net"
NOW = 1_790_000_000
SLOT = "s" * 16
MAX_HEAD = 8000

TRUSTED_PROXIES = (ip_network("127.0.0.0/8"),)
TIMEOUTS = Timeouts(connect=2, first_byte=1.5, idle=1.5)


def backend(url: str, name: str = "storage", *others: str) -> Backend:
    return Backend(
        name=name,
        addresses=tuple(Address.of(url, index) for index, url in enumerate((url, *others))),
        subject=Subject.PERSON,
        assertion=AssertionRule(),
        headers=MappingProxyType({}),
        origin="drop",
        host="backend",
        request_cookies=frozenset(),
        response_cookies=frozenset(),
        rewrite_location=True,
        timeouts=TIMEOUTS,
        in_flight=InFlight(max=4, queue=1, wait=0.2),
        max_body=100_000,
        websocket=True,
        tls=BackendTls(),
    )


def route(
    path: str,
    need: SignInNeed = SignInNeed.REQUIRED,
    *,
    methods: frozenset[str] | None = None,
    strip: bool = True,
    to: str = "storage",
) -> Route:
    return Route(to, path, strip, need, methods, embed=False)


ROUTES = (
    route("/storage/few/", methods=frozenset({"GET"})),
    route("/storage/"),
    route("/public/", SignInNeed.NONE),
    route("/maybe/", SignInNeed.OPTIONAL),
    route("/whole/", strip=False),
    route("/other/", to="other"),
)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADERS = frozenset({"authorization", "dpop", "x-bookgate-book", "x-bookgate-person", "x-partner"})
TRUSTED = replace(POLICY, methods=_METHODS, request_headers=_HEADERS)
POLICIES: Mapping[str, Policy] = {
    BOOK: TRUSTED,
    TWO_BOOKS: replace(TRUSTED, books={"/cs1/": "ada-cs1", "/logic/": "ada-logic"}),
    CONSENT: replace(TRUSTED, trust=Trust.CONSENT),
    READER: replace(TRUSTED, methods=("GET", "HEAD")),
}


def live(person: str, origin: str = BOOK) -> LiveBook:
    key = f"{SLOT}.{person:0<22}"
    parent = f"{SLOT}.{'p' * 22}"
    book = Book(
        person=person,
        name=person.title(),
        provider="campus",
        auth_time=NOW - 60,
        epoch=0,
        origin=origin,
        parent=parent,
        mode=Mode.COOKIE,
        jkt=None,
        approved=True,
        own_device=True,
        began=NOW - 60,
        ends=NOW + 10_000,
    )
    claims = {"username": person}
    above = SignIn(person, person.title(), "campus", NOW - 60, 0, True, NOW - 60, NOW + 10_000, claims)
    return LiveBook(None, key, book, above)


def subject(person: str, kind: Subject, origin: str, book: str) -> str:
    return person if kind is Subject.PERSON else f"{kind}-{person}-{origin}-{book}"


def sub_for_book(person: str, origin: str) -> str:
    return sha256(f"{person} {origin}".encode()).hexdigest()


class Sessions:
    """An Authenticator whose cookies, tokens and tickets are the persons' names; and what the fast path asks.

    A cookie's session is kept once it was asked for, while the same is alive.
    """

    def __init__(self) -> None:
        self.living: dict[str, LiveBook] = {}
        self.asked = 0
        self._kept: dict[str, Known] = {}

    def kept(self, cookie_value: str) -> Known | None:
        known = self._kept.get(cookie_value)
        if known is None or self.living.get(cookie_value) is not known.live:
            return None
        self.asked += 1
        return known

    def ask(self, cookie_value: str, done: Callable[[Known | GatewayError | None], None]) -> None:
        self.asked += 1
        found = self.living.get(cookie_value)
        known = None if found is None else Known(found, caller_of(found), "nobody")
        if known is not None:
            self._kept[cookie_value] = known
        asyncio.get_running_loop().call_soon(done, known)

    def at_hand(self, _origin: str, _policy: Policy | None, _lines: Sequence[str]) -> Known | None:
        return None

    async def recognise(self, facts: Facts, policy: Policy | None) -> Known | None:
        self.asked += 1
        match credential(facts):
            case CookieCredential((name, *_)) | DpopCredential(name) | TicketCredential(name):
                found = self.living.get(name)
            case _:
                found = None
        if found is None or facts.origin is None or not admits(found.record, facts.origin, policy, NOW):
            return None
        return Known(found, caller_of(found), "nobody")

    async def still_alive(self, book: Alive, _: Matched) -> bool:
        return book in self.living.values()


class Proofs:
    """What the fast path asks about tokens, which are the persons' names here too; every proof is right."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def ask(
        self,
        _facts: Facts,
        _policy: Policy | None,
        token: str,
        done: Callable[[Known | GatewayError | None], None],
    ) -> None:
        self._sessions.ask(token, done)


class Tokens:
    """Everybody has one: what it is of the person's."""

    async def fresh(self, live: LiveSignIn) -> str | None:
        return f"token-of-{live.record.person}"

    def seen(self, live: LiveSignIn) -> None:
        pass


@dataclass
class Table:
    current: PolicyTable


TABLE = Table(PolicyTable(exact=POLICIES, wildcards={}, any_port={}, unlisted=None, generation="g1"))


class Nowhere(StringIO):
    """Where log lines go that no test reads."""

    def write(self, text: str) -> int:
        return len(text)


class _Default:
    """way: `fast` or `plain`, where a test does not say."""

    way = "fast"


DEFAULT = _Default()


@dataclass
class DataPath:
    port: int
    sessions: Sessions
    streams: Streams
    app: web.Application
    upstreams: Upstreams
    runner: Runner

    @property
    def fronts(self) -> Fronts:
        """Of the fast path: its connections."""
        assert isinstance(self.runner.server, Server)
        assert isinstance(self.runner.server.front, Fronts)
        return self.runner.server.front

    @property
    def front(self) -> Front:
        """The only connection that is open."""
        (found,) = self.fronts.open
        return found

    def sign_in(self, person: str, origin: str = BOOK) -> LiveBook:
        self.sessions.living[person] = live(person, origin)
        return self.sessions.living[person]

    async def ask(
        self,
        target: str = "/storage/v1/items/1",
        *lines: str,
        method: str = "GET",
        origin: str | None = BOOK,
        person: str | None = "ada",
        body: bytes = b"",
        host: str = "gw.test",
    ) -> RawAnswer:
        client = await RawClient.connect(self.port)
        try:
            await client.send(
                head(target, *lines, method=method, origin=origin, person=person, host=host) + body
            )
            return await client.answer(method)
        finally:
            client.close()


def head(
    target: str,
    *lines: str,
    method: str = "GET",
    origin: str | None = BOOK,
    person: str | None = "ada",
    host: str = "gw.test",
) -> bytes:
    """A request's head as a browser in a book would send it, and whatever lines besides."""
    said = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    if origin is not None:
        said.append(f"Origin: {origin}")
        if person is not None:
            said.append(f"Cookie: {book_name(origin)}={person}")
    return "\r\n".join([*said, *lines, "", ""]).encode("utf-8", "surrogateescape")


@asynccontextmanager
async def data_path(
    *backends: Backend,
    routes: tuple[Route, ...] = ROUTES,
    tokens: Tokens | None = None,
    sessions: Sessions | None = None,
    way: str | None = None,
) -> AsyncGenerator[DataPath, None]:
    named = {one.name: one for one in backends}
    usable = tuple(sorted((r for r in routes if r.backend in named), key=lambda r: -len(r.path)))
    site = Site.of(PUBLIC, RouteTable(usable, named))
    sessions = sessions or Sessions()
    streams = Streams(sessions.still_alive, every=0.05)
    upstreams = Upstreams(site.routes, site.authority, make_log(Nowhere()))

    wiring = Wiring(
        site=site,
        max_head=MAX_HEAD,
        authenticator=sessions,
        provider_tokens=tokens or Tokens(),
        assertions=Assertions(
            (SigningKey.generate(NOW),), PUBLIC, lambda: NOW, lambda length: b"x" * length, 1, subject
        ),
        upstreams=upstreams,
        streams=streams,
        budgets=Budgets(Limits(), time.monotonic),
        sub_for_book=sub_for_book,
    )
    app = application(wiring)
    runner = public_runner(
        app, MAX_HEAD, 0.2, fast=fast_path(wiring, sessions) if (way or DEFAULT.way) == "fast" else None
    )
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        yield DataPath(runner.addresses[0][1], sessions, streams, app, upstreams, runner)
    finally:
        streams.end_all()
        await runner.cleanup()
        await upstreams.close()


class NoDoor:
    """There are no applications here."""

    async def enter(self, *_: object, **__: object) -> web.StreamResponse:
        raise AssertionError

    finish = arrive = enter

    def leave(self) -> web.StreamResponse:
        raise AssertionError


def token(length: int) -> bytes:
    return b"i" * length


def fast_path(wiring: Wiring, sessions: Sessions) -> Fast:
    shared = Shared(wiring, lambda *_: None, AnswerBytes(secure=False, clock=time.time), make_log(Nowhere()))
    return Fast(
        shared,
        sessions,
        Proofs(sessions),
        Reception(TABLE, PUBLIC, TRUSTED_PROXIES, lambda: NOW, token),
        lambda: NOW,
    )


def application(wiring: Wiring) -> web.Application:
    log = make_log(Nowhere())
    requests = RequestLog(log, asyncio.get_running_loop().call_later, lambda _: None)
    renderer = make_renderer(Pages(), None, lambda length: b"n" * length)
    reception = Reception(TABLE, PUBLIC, TRUSTED_PROXIES, lambda: NOW, token)
    refusals = Refusals(renderer, PUBLIC, log)
    applications = Applications("gw.test", {}, NoDoor())
    middlewares = [
        facts(reception, log, requests, Addresses.TRUNCATED),
        errors(refusals),
        host(applications),
        cross_origin(),
    ]
    app = web.Application(middlewares=middlewares, client_max_size=0)
    app.on_response_prepare.append(on_prepare(PUBLIC))
    forward = forwarding(wiring)
    app.router.add_route("*", "/{path:.*}", proxy_handler(forward), expect_handler=expect_handler)
    app[ENTRANCE] = Entrance(reception, refusals, applications, requests, forward)
    return app
