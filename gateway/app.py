"""The only module that wires: which parts there are, the middlewares in order, the routes."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import aiohttp_session
from aiohttp import web

from gateway import __file__ as package_file
from gateway.access import admits
from gateway.assertions import Assertions
from gateway.authentication import Authenticator
from gateway.budgets import Budgets
from gateway.config.settings import Keys, Settings
from gateway.config.watch import Origins
from gateway.directory import Directory
from gateway.directory.ids import pairwise, pseudonym
from gateway.errors import MethodNotAllowedError
from gateway.expectation import expect_handler
from gateway.grants import Grants
from gateway.health import private_app
from gateway.keyring import AssertionKeys, RootKeys
from gateway.merges import Merges, Telling
from gateway.middleware import PROXIED_PATHS, cross_origin, errors, facts, host, on_prepare
from gateway.opening import open_sessions
from gateway.origin_history import OriginHistory
from gateway.origins import parse_origin
from gateway.pages.account import account_form_handler, account_handler
from gateway.pages.assets import assets_handler
from gateway.pages.authorize import authorize_handler, consent_handler
from gateway.pages.doctor import doctor_handler, window_handler
from gateway.pages.flow import Parts as PageParts
from gateway.pages.flow import Way
from gateway.pages.login import callback_handler, continue_handler, login_handler
from gateway.pages.render import Renderer, make_renderer
from gateway.pages.shell import SignInStorage
from gateway.pages.transactions import Transactions, forget_surplus
from gateway.protocol.client_library import client_handler, entry_handler, read_library
from gateway.protocol.confirm import confirm_handler
from gateway.protocol.context import Parts as ProtocolParts
from gateway.protocol.documents import about_handler, fixed, keys_handler, metadata
from gateway.protocol.provider_logout import (
    ProviderLogout,
    back_channel_handler,
    front_channel_handler,
)
from gateway.protocol.session import (
    logout_handler,
    return_code_handler,
    session_handler,
    ticket_handler,
)
from gateway.protocol.token import Handler, token_handler
from gateway.provider_tokens import ProviderTokens
from gateway.providers import Provider, open_session
from gateway.providers import build as build_providers
from gateway.proxy.decide import Site
from gateway.proxy.plain import proxy_handler
from gateway.proxy.streams import Streams
from gateway.proxy.upstream import Upstreams
from gateway.proxy.wiring import Wiring
from gateway.records import LiveBook
from gateway.revocations import Revocations
from gateway.routes import Subject
from gateway.sealing import Sealer, encoded
from gateway.sessions import Sessions
from gateway.signing_keys import open_ring
from gateway.store import Store
from gateway.telemetry import Log

VERSION = version("bookgate")
ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the two listeners serve.

    ping: raises StoreUnavailableError while Redis does not answer. end_streams: ends politely what does not.
    """

    public: web.Application
    private: web.Application
    ping: Callable[[], Awaitable[None]]
    end_streams: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Core:
    """The parts that more than one room needs."""

    settings: Settings
    origins: Origins
    log: Log
    store: Store
    sealer: Sealer
    sessions: Sessions
    revocations: Revocations
    grants: Grants
    authenticator: Authenticator
    directory: Directory
    assertions: Assertions
    clock: Callable[[], float]
    token: Callable[[int], bytes]

    def today(self) -> date:
        return datetime.fromtimestamp(self.clock(), UTC).date()


def client_folder() -> Path:
    """Where the client library lies: inside the installed package, or beside it in a checkout."""
    package = Path(package_file).parent
    inside = package / "client"
    return inside if inside.is_dir() else package.parent / "client"


@asynccontextmanager
async def build(
    settings: Settings,
    origins: Origins,
    redis_url: str,
    log: Log,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[Gateway]:
    """Open every part, yield the applications, close the parts again in reverse order.

    clock: Unix seconds, which may be stepped while it runs.
    """
    async with AsyncExitStack() as stack:
        core = await _core(stack, settings, origins, redis_url, log, clock)
        session = await stack.enter_async_context(open_session(settings.outbound.proxy, settings.outbound.ca))
        providers = build_providers(settings.providers, session, core.clock)
        ways = {block.id: Way(block.id, block.label, providers[block.id]) for block in settings.providers}
        renderer = make_renderer(settings.pages, settings.contact, core.token)
        app = web.Application(
            middlewares=[
                # the id and the verdict on Origin, which every later refusal's answer needs
                facts(origins, settings.public_url, settings.trusted_proxies, core.today, core.token, log),
                # outside all that may refuse
                errors(renderer, settings.public_url, log),
                # before anything is done for a name that is not ours
                host(settings.public_url.partition("://")[2]),
                # before sessions and routing: a preflight has no cookie and an unknown path may be asked for
                cross_origin(),
            ],
            client_max_size=0,
        )
        app.on_response_prepare.append(on_prepare(settings.public_url))
        tokens = ProviderTokens.over(
            core.store.connection, settings, core.sealer, core.sessions, providers, clock, core.token, log
        )
        stack.push_async_callback(tokens.close)
        pages = _page_parts(core, ways, renderer, tokens)
        upstreams = Upstreams(settings.routes)
        stack.push_async_callback(upstreams.close)
        merges = _merges(core, upstreams)
        await stack.enter_async_context(_task(merges.run()))
        _add_protocol(app, core, merges, tokens)
        _add_provider_logout(app, core, providers)
        _add_documents(app, core)
        app.add_subapp("/auth/", _pages(pages, core))
        streams = await _add_proxy(stack, app, core, upstreams, tokens)
        private = private_app(core.store, core.origins, core.sealer, core.assertions)
        yield Gateway(app, private, core.store.ping, streams.end_all)


async def _core(
    stack: AsyncExitStack,
    settings: Settings,
    origins: Origins,
    redis_url: str,
    log: Log,
    clock: Callable[[], float],
) -> _Core:
    token = secrets.token_bytes
    opened = await stack.enter_async_context(open_sessions(settings, redis_url, log, clock, token))
    store, sealer, sessions, directory = opened.store, opened.sealer, opened.sessions, opened.directory
    root_keys = RootKeys(settings.keys, sealer, time.monotonic, log)
    await stack.enter_async_context(_task(root_keys.watch()))
    await stack.enter_async_context(_task(opened.revocations.run()))
    await stack.enter_async_context(_task(opened.link.run()))
    history = OriginHistory(directory.origin_entries, origins, clock, log)
    await history.look()
    await stack.enter_async_context(_task(history.run()))
    grants = Grants(store, sealer, clock, token, settings.sessions.access)
    ring = await open_ring(directory.key_ring, sealer, int(clock()))
    assertions = Assertions(ring, settings.public_url, clock, token, settings.research_cap)
    following = AssertionKeys(directory.key_ring, sealer, assertions, settings.keys.assertion, clock, log)
    await stack.enter_async_context(_task(following.watch()))
    return _Core(
        settings=settings,
        origins=origins,
        log=log,
        store=store,
        sealer=sealer,
        sessions=sessions,
        revocations=opened.revocations,
        grants=grants,
        authenticator=Authenticator(sessions, grants, clock, sealer),
        directory=directory,
        assertions=assertions,
        clock=clock,
        token=token,
    )


def _page_parts(
    core: _Core, ways: Mapping[str, Way], renderer: Renderer, tokens: ProviderTokens
) -> PageParts:
    def secret() -> str:
        return encoded(core.token(32))

    return PageParts(
        public_url=core.settings.public_url,
        renderer=renderer,
        sessions=core.sessions,
        grants=core.grants,
        directory=core.directory,
        ways=ways,
        transactions=Transactions(core.grants, secret, core.settings.sign_in.per_address),
        limits=core.settings.sign_in,
        secret=secret,
        today=core.today,
        clock=core.clock,
        provider_tokens=tokens,
    )


def refuse_method(allow: tuple[str, ...]) -> Handler:
    """405 with the methods that the address takes (RFC 9110 section 15.5.6)."""

    async def handle(_: web.Request) -> web.StreamResponse:
        raise MethodNotAllowedError(allow)

    return handle


def _add(app: web.Application, routes: Iterable[tuple[str, str, Handler]]) -> None:
    for method, path, handler in routes:
        app.router.add_route(method, path, handler, expect_handler=expect_handler)


def _pages(parts: PageParts, core: _Core) -> web.Application:
    """What people see, with aiohttp-session as its shell; nothing else of the gateway uses that."""
    pages = web.Application(client_max_size=0)
    storage = SignInStorage(core.sessions, core.clock)
    aiohttp_session.setup(pages, storage)
    pages.on_response_prepare.append(storage.write_cookie)
    pages.on_response_prepare.append(forget_surplus)
    callback = callback_handler(parts)
    _add(
        pages,
        [
            ("GET", "/authorize", authorize_handler(parts)),
            ("POST", "/consent", consent_handler(parts)),
            ("GET", "/login", login_handler(parts)),
            ("GET", "/callback/{provider}", callback),
            ("POST", "/callback/{provider}", callback),
            ("GET", "/continue", continue_handler(parts)),
            ("GET", "/account", account_handler(parts, leaving=False)),
            ("POST", "/account", account_form_handler(parts)),
            ("GET", "/assets/{name}", assets_handler()),
            ("GET", "/logout", account_handler(parts, leaving=True)),
            ("GET", "/doctor", doctor_handler(parts, core.settings.routes, core.clock)),
            ("GET", "/doctor/window", window_handler(parts)),
        ],
    )
    return pages


def _merges(core: _Core, upstreams: Upstreams) -> Merges:
    telling = Telling(core.settings.routes, upstreams, core.assertions, partial(_subject, core.settings.keys))
    return Merges(core.directory.guests, telling, core.sessions.end_everywhere, core.clock, core.log)


def _add_protocol(app: web.Application, core: _Core, merges: Merges, tokens: ProviderTokens) -> None:
    left_too = (block.id for block in core.settings.providers if block.logout_at_provider)
    parts = ProtocolParts(
        public_url=core.settings.public_url,
        sessions=core.sessions,
        grants=core.grants,
        authenticator=core.authenticator,
        sealer=core.sealer,
        clock=core.clock,
        pairwise=partial(pairwise, core.settings.keys.people),
        logout_at_provider=frozenset(left_too),
        id_token_hint=tokens.id_token_hint,
        guests=core.settings.guests,
        guest_life=core.settings.sessions.guest.absolute,
        guest_records=core.directory.guests,
        merges=merges,
        approved=core.directory.approved,
    )
    endpoints = {
        "/auth/token": ("POST", token_handler(parts)),
        "/auth/confirm": ("POST", confirm_handler(parts)),
        "/auth/session": ("GET", session_handler(parts)),
        "/auth/logout": ("POST", logout_handler(parts)),
        "/auth/ws-ticket": ("POST", ticket_handler(parts)),
        "/auth/guest-code": ("POST", return_code_handler(parts)),
    }
    for path, (method, handler) in endpoints.items():
        # GET of the sign-out is a page; without the refusals the pages below /auth/ would answer 404
        taken = ("GET", "POST") if path == "/auth/logout" else (method,)
        refused = [(other, path, refuse_method(taken)) for other in ALL_METHODS if other not in taken]
        _add(app, [(method, path, handler), *refused])


def _add_provider_logout(app: web.Application, core: _Core, providers: Mapping[str, Provider]) -> None:
    parts = ProviderLogout(providers, core.sessions, core.grants, core.directory)
    _add_endpoint(app, "/auth/backchannel-logout/{provider}", "POST", back_channel_handler(parts))
    _add_endpoint(app, "/auth/frontchannel-logout/{provider}", "GET", front_channel_handler(parts))


def _add_endpoint(app: web.Application, path: str, method: str, handler: Handler) -> None:
    """Without the refusals the pages below /auth/ would answer 404."""
    refused = [(other, path, refuse_method((method,))) for other in ALL_METHODS if other != method]
    _add(app, [(method, path, handler), *refused])


def _add_documents(app: web.Application, core: _Core) -> None:
    library = read_library(client_folder())
    guests = core.settings.guests.welcome
    about = about_handler(VERSION, core.settings.contact, core.today)
    documents = [
        ("/bookgate.js", entry_handler(library[max(library)])),
        ("/client/{version}/{name:.+}", client_handler(library)),
        ("/.well-known/oauth-authorization-server", fixed(metadata(core.settings.public_url, guests=guests))),
        ("/.well-known/jwks.json", keys_handler(core.assertions.jwks)),
        ("/.well-known/bookgate", about),
    ]
    _add(app, [(method, path, handler) for path, handler in documents for method in ("GET", "HEAD")])


async def _add_proxy(
    stack: AsyncExitStack, app: web.Application, core: _Core, upstreams: Upstreams, tokens: ProviderTokens
) -> Streams:
    """Whatever nothing else claims is a backend's, or nobody's."""
    keys, routes = core.settings.keys, core.settings.routes

    async def still_alive(live: LiveBook) -> bool:
        found = await core.sessions.load_book_key(live.key, live.record.parent)
        origin = parse_origin(live.record.origin)
        policy = None if origin is None else core.origins.current.find(origin, core.today())
        return found is not None and admits(found.record, found.record.origin, policy, int(core.clock()))

    streams = Streams(still_alive)
    core.sessions.on_end.append(streams.cut)
    core.revocations.on_rows.append(streams.look)
    await stack.enter_async_context(_task(streams.watch()))

    async def end_streams(_: web.Application) -> None:
        streams.end_all()

    app.on_shutdown.append(end_streams)
    wiring = Wiring(
        site=Site.of(core.settings.public_url, routes),
        max_head=core.settings.max_head,
        authenticator=core.authenticator,
        provider_tokens=tokens,
        assertions=core.assertions,
        upstreams=upstreams,
        streams=streams,
        budgets=Budgets(time.monotonic),
        subject=partial(_subject, keys),
        sub_for_book=partial(pairwise, keys.people),
    )
    app.router.add_route("*", PROXIED_PATHS, proxy_handler(wiring), expect_handler=expect_handler)
    return streams


def _subject(keys: Keys, person: str, kind: Subject, origin: str, book: str) -> str:
    """The person's id in a backend's own terms."""
    match kind:
        case Subject.PERSON:
            return person
        case Subject.PAIRWISE:
            return pairwise(keys.people, person, origin)
        case Subject.PSEUDONYM:
            return pseudonym(keys.research, person, book)


@asynccontextmanager
async def _task(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Runs beside the block and ends with it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
