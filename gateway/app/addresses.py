"""Which addresses the gateway itself serves: the endpoints for books, the pages, the documents."""

from collections.abc import Iterable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

import aiohttp_session
from aiohttp import web

from gateway import __file__ as package_file
from gateway.app.core import Core
from gateway.directory.ids import pairwise
from gateway.errors import MethodNotAllowedError
from gateway.expectation import expect_handler
from gateway.lifecycle import Lifecycle
from gateway.lti import Gradebook, Registry, Rosters, ToolKey
from gateway.origins import Policy
from gateway.pages.account import account_form_handler, account_handler
from gateway.pages.assets import assets_handler
from gateway.pages.authorize import authorize_handler, consent_handler
from gateway.pages.classes.card_sign_in import card_form_handler, card_handler
from gateway.pages.classes.cards import sheet_handler
from gateway.pages.classes.course import course_handler
from gateway.pages.classes.joining import join_form_handler, join_handler
from gateway.pages.classes.poster import poster_handler
from gateway.pages.classes.room import room_form_handler, room_handler
from gateway.pages.classes.shelf import shelf_form_handler, shelf_handler
from gateway.pages.doctor import doctor_handler, window_handler
from gateway.pages.flow import Parts as PageParts
from gateway.pages.keys.passkey_making import making_form_handler as passkey_making_form_handler
from gateway.pages.keys.passkey_making import making_handler as passkey_making_handler
from gateway.pages.keys.passkey_sign_in import passkey_form_handler, passkey_handler
from gateway.pages.keys.tokens import making_form_handler as token_making_form_handler
from gateway.pages.keys.tokens import making_handler as token_making_handler
from gateway.pages.keys.tokens import tokens_form_handler, tokens_handler
from gateway.pages.linking import link_form_handler, link_handler
from gateway.pages.login import callback_handler, continue_handler, login_handler
from gateway.pages.lti import lti_launch_handler, lti_login_handler
from gateway.pages.lti_pick import links_form_handler
from gateway.pages.lti_register import register_form_handler, register_handler
from gateway.pages.own_data import data_form_handler, data_handler, receipt_handler
from gateway.pages.render import Renderer
from gateway.pages.shell import SignInStorage
from gateway.pages.studies import studies_form_handler, studies_handler
from gateway.pages.transactions import Transactions, forget_surplus
from gateway.pages.ways import Way
from gateway.pages.windows import for_windows
from gateway.passkeys import RelyingParty
from gateway.protocol.client_library import client_handler, entry_handler, read_library
from gateway.protocol.confirm import confirm_handler
from gateway.protocol.context import Parts as ProtocolParts
from gateway.protocol.documents import about_handler, fixed, keys_handler, metadata
from gateway.protocol.provider_logout import (
    ProviderLogout,
    back_channel_handler,
    front_channel_handler,
)
from gateway.protocol.scores import score_handler
from gateway.protocol.session import (
    logout_handler,
    return_code_handler,
    session_handler,
    ticket_handler,
)
from gateway.protocol.token import Handler, token_handler
from gateway.provider_tokens import ProviderTokens
from gateway.providers import Provider
from gateway.providers.transport import Transport
from gateway.sealing import encoded

VERSION = version("bookgate")

ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def client_folder() -> Path:
    """Where the client library lies: inside the installed package, or beside it in a checkout."""
    package = Path(package_file).parent
    inside = package / "client"
    return inside if inside.is_dir() else package.parent / "client"


def page_parts(
    core: Core,
    ways: Mapping[str, Way],
    renderer: Renderer,
    tokens: ProviderTokens,
    applications: Mapping[str, Policy],
    lifecycle: Lifecycle,
    rosters: Rosters,
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
        applications=applications,
        roles=core.settings.roles,
        lifecycle=lifecycle,
        studies=core.settings.studies,
        classes=core.settings.classes,
        passkeys=_relying_party(core),
        script_backends=sorted(
            backend.name for backend in core.settings.routes.backends.values() if backend.personal_tokens
        ),
        rosters=rosters,
    )


def _relying_party(core: Core) -> RelyingParty | None:
    if not core.settings.passkeys:
        return None
    return RelyingParty.of(core.settings.public_url, core.settings.pages.name, core.token)


def refuse_method(allow: tuple[str, ...]) -> Handler:
    """405 with the methods that the address takes (RFC 9110 section 15.5.6)."""

    async def handle(_: web.Request) -> web.StreamResponse:
        raise MethodNotAllowedError(allow)

    return handle


def _add(app: web.Application, routes: Iterable[tuple[str, str, Handler]]) -> None:
    for method, path, handler in routes:
        app.router.add_route(method, path, handler, expect_handler=expect_handler)


def add_pages(parts: PageParts, core: Core) -> web.Application:
    """What people see, with aiohttp-session as its shell; nothing else of the gateway uses that."""
    spoken = parts.renderer.languages.middleware()
    pages = web.Application(client_max_size=0, middlewares=[for_windows, spoken])
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
            ("GET", "/account/link", link_handler(parts)),
            ("POST", "/account/link", link_form_handler(parts)),
            ("GET", "/assets/{name}", assets_handler(core.settings.pages.logo)),
            ("GET", "/logout", account_handler(parts, leaving=True)),
            ("GET", "/doctor", doctor_handler(parts, core.settings.routes, core.clock)),
            ("GET", "/doctor/window", window_handler(parts)),
        ],
    )
    _add_own_data(pages, parts)
    _add_classes(pages, parts)
    _add_keys(pages, parts)
    if parts.classes.cards:
        _add_cards(pages, parts)
    return pages


def _add_own_data(pages: web.Application, parts: PageParts) -> None:
    _add(
        pages,
        [
            ("GET", "/account/data", data_handler(parts)),
            ("POST", "/account/data", data_form_handler(parts)),
            ("GET", "/account/receipt/{id}", receipt_handler(parts)),
            ("GET", "/studies", studies_handler(parts)),
            ("POST", "/studies", studies_form_handler(parts)),
        ],
    )


def add_courses(
    pages: web.Application,
    parts: PageParts,
    courses: Registry,
    tool: ToolKey | None,
    transport: Transport,
) -> None:
    """Launches from learning platforms; with a key to sign by, links for them and registrations too."""
    begins = lti_login_handler(parts, courses)
    routes = [("GET", begins), ("POST", begins)]
    _add(pages, [(method, "/lti/login", handler) for method, handler in routes])
    _add(pages, [("POST", "/lti/launch", lti_launch_handler(parts, courses, tool))])
    if tool is not None:
        name = parts.renderer.look.name
        _add(
            pages,
            [
                ("POST", "/lti/links", links_form_handler(parts, courses, tool)),
                ("GET", "/lti/register", register_handler(parts)),
                ("POST", "/lti/register", register_form_handler(parts, transport, name)),
            ],
        )


def _add_classes(pages: web.Application, parts: PageParts) -> None:
    _add(
        pages,
        [
            ("GET", "/classes", shelf_handler(parts)),
            ("POST", "/classes", shelf_form_handler(parts)),
            ("GET", "/classes/of/{id}", room_handler(parts)),
            ("POST", "/classes/of/{id}", room_form_handler(parts)),
            ("GET", "/classes/of/{id}/poster", poster_handler(parts)),
            ("GET", "/classes/of/{id}/course", course_handler(parts)),
            ("GET", "/classes/join", join_handler(parts)),
            ("GET", "/classes/join/{code}", join_handler(parts)),
            ("POST", "/classes/join/{code}", join_form_handler(parts)),
        ],
    )


def _add_keys(pages: web.Application, parts: PageParts) -> None:
    _add(
        pages,
        [
            ("GET", "/tokens", tokens_handler(parts)),
            ("POST", "/tokens", tokens_form_handler(parts)),
            ("GET", "/tokens/new", token_making_handler(parts)),
            ("POST", "/tokens/new", token_making_form_handler(parts)),
        ],
    )
    if parts.passkeys is not None:
        _add(
            pages,
            [
                ("GET", "/passkey", passkey_handler(parts, parts.passkeys)),
                ("POST", "/passkey", passkey_form_handler(parts, parts.passkeys)),
                ("GET", "/passkey/new", passkey_making_handler(parts, parts.passkeys)),
                ("POST", "/passkey/new", passkey_making_form_handler(parts, parts.passkeys)),
            ],
        )


def _add_cards(pages: web.Application, parts: PageParts) -> None:
    _add(
        pages,
        [
            ("GET", "/classes/sheet", sheet_handler(parts)),
            ("GET", "/classes/card", card_handler(parts)),
            ("POST", "/classes/card", card_form_handler(parts)),
        ],
    )


def add_protocol(
    app: web.Application, core: Core, lifecycle: Lifecycle, tokens: ProviderTokens, gradebook: Gradebook
) -> None:
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
        lifecycle=lifecycle,
        places=core.directory.places,
        approved=core.directory.approved,
        studies=core.settings.studies,
        today=core.today,
    )
    endpoints = {
        "/auth/token": ("POST", token_handler(parts)),
        "/auth/confirm": ("POST", confirm_handler(parts)),
        "/auth/session": ("GET", session_handler(parts)),
        "/auth/logout": ("POST", logout_handler(parts)),
        "/auth/ws-ticket": ("POST", ticket_handler(parts)),
        "/auth/guest-code": ("POST", return_code_handler(parts)),
        "/auth/lti/score": ("POST", score_handler(parts, gradebook)),
    }
    for path, (method, handler) in endpoints.items():
        # GET of the sign-out is a page; without the refusals the pages below /auth/ would answer 404
        taken = ("GET", "POST") if path == "/auth/logout" else (method,)
        refused = [(other, path, refuse_method(taken)) for other in ALL_METHODS if other not in taken]
        _add(app, [(method, path, handler), *refused])


def add_provider_logout(app: web.Application, core: Core, providers: Mapping[str, Provider]) -> None:
    parts = ProviderLogout(providers, core.sessions, core.grants, core.directory)
    _add_endpoint(app, "/auth/backchannel-logout/{provider}", "POST", back_channel_handler(parts))
    _add_endpoint(app, "/auth/frontchannel-logout/{provider}", "GET", front_channel_handler(parts))


def _add_endpoint(app: web.Application, path: str, method: str, handler: Handler) -> None:
    """Without the refusals the pages below /auth/ would answer 404."""
    refused = [(other, path, refuse_method((method,))) for other in ALL_METHODS if other != method]
    _add(app, [(method, path, handler), *refused])


def add_documents(app: web.Application, core: Core) -> None:
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
    # what a provider fetches that knows a client by its key
    keyed = ((block.id, block.published_keys) for block in core.settings.providers)
    documents.extend(
        (f"/auth/client-keys/{name}", fixed(keys.jwks())) for name, keys in keyed if keys is not None
    )
    if core.settings.keys.lti is not None:
        documents.append(("/auth/lti/jwks", fixed(core.settings.keys.lti.jwks())))
    _add(app, [(method, path, handler) for path, handler in documents for method in ("GET", "HEAD")])
