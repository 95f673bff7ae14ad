"""/auth/backchannel-logout/<provider>, /auth/frontchannel-logout/<provider>: who left there leaves here."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from gateway.authorize_rules import parameters
from gateway.client_address import network
from gateway.directory import Directory
from gateway.errors import InvalidRequestError, NotFoundError, ProviderRefusedError
from gateway.forms import read_form, required
from gateway.grants import Grants
from gateway.origins import Rate
from gateway.protocol.token import Handler
from gateway.providers import LogoutToken, Provider, is_issuer
from gateway.request_context import ASKED
from gateway.session_ids import provider_session
from gateway.sessions import Sessions
from gateway.telemetry import AUDIT, Audited

# Of one address: a provider that ends a whole school's sessions at once sends from one.
PER_ADDRESS = Rate(6000, 60)

_FRAME = "<!doctype html><html lang=en><meta charset=utf-8><title>Signed out</title>"


@dataclass(frozen=True, slots=True)
class ProviderLogout:
    """What both ways need; providers by id."""

    providers: Mapping[str, Provider]
    sessions: Sessions
    grants: Grants
    directory: Directory

    def provider(self, request: web.Request) -> Provider:
        found = self.providers.get(request.match_info["provider"])
        if found is None:
            raise NotFoundError("no such provider")
        return found


def back_channel_handler(parts: ProviderLogout) -> Handler:
    """A provider's server says whom it signed out (OpenID Connect Back-Channel Logout 1.0 section 2.5).

    200 when it is done, also where there was nothing to do; 400 for a token that must not be believed
    (section 2.8). Redis or the directory down: 503, and the provider's next try finds its token unused.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        provider = parts.provider(request)
        await _limit(request, parts, "back-channel")
        form = await read_form(request)
        try:
            token = await provider.read_logout_token(required(form, "logout_token"))
        except ProviderRefusedError as error:
            raise InvalidRequestError(error.detail) from error
        if await parts.grants.knows_logout_token(token.issuer, token.id):
            raise InvalidRequestError("logout token: came before")
        await _end(request, parts, request.match_info["provider"], token)
        # Last: of two that come at once both are done, which is harmless; one that failed can come again.
        await parts.grants.remember_logout_token(token.issuer, token.id)
        return web.Response(headers={"Cache-Control": "no-store"})

    return handle


async def _limit(request: web.Request, parts: ProviderLogout, channel: str) -> None:
    client = request[ASKED].client
    if client is not None:
        await parts.grants.limit(channel, network(client), PER_ADDRESS)


async def _end(request: web.Request, parts: ProviderLogout, provider: str, token: LogoutToken) -> None:
    """Section 2.7: the session that is named; without one, all that this person began by this provider.

    A session or a person that is not known here is no fault: it ended before, or it never came this far.
    """
    if token.session is not None:
        session = provider_session(token.issuer, token.session)
        request[AUDIT].note(Audited.SIGN_OUT_PROVIDER, provider=provider, provider_session=session)
        await parts.sessions.end_provider_session(session, signed=True)
        return
    person = await parts.directory.person_of(token.issuer, token.subject or "")
    if person is not None:
        request[AUDIT].note(Audited.SIGN_OUT_PROVIDER, provider=provider, who=person)
        await parts.sessions.end_person_at_provider(person, provider)


def front_channel_handler(parts: ProviderLogout) -> Handler:
    """A frame of the provider's page says it (OpenID Connect Front-Channel Logout 1.0 section 2).

    No cookie is looked at: a frame of another site brings none. What counts is a `sid` that nobody can guess;
    so both parameters must be there, and the answer is the same whether the session was known. Whoever makes
    one up leaves no row in the directory, and as little in Redis as anybody who begins to sign in.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        provider = parts.provider(request)
        await _limit(request, parts, "front-channel")
        params = parameters(request.query.items())
        session = params.get("sid", "")
        issuer = params.get("iss", "")
        if not is_issuer(provider.issuer, issuer) or not session:
            raise InvalidRequestError("front-channel logout without our provider's iss and a sid")
        ended = provider_session(issuer, session)
        request[AUDIT].note(
            Audited.SIGN_OUT_PROVIDER, provider=request.match_info["provider"], provider_session=ended
        )
        await parts.sessions.end_provider_session(ended, signed=False)
        return web.Response(text=_FRAME, content_type="text/html", headers=_frame_headers(provider.issuer))

    return handle


def _frame_headers(issuer: str) -> Mapping[str, str]:
    """Only the provider's own page may hold the frame."""
    at = urlsplit(issuer)
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {at.scheme}://{at.netloc}"
    )
    return {"Cache-Control": "no-store", "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
