"""/auth/login, /auth/callback/<provider> and /auth/continue: to a provider and back."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from gateway.authorize_rules import Proof, parameters, parse_client_id
from gateway.errors import (
    CrossSiteRefusedError,
    InvalidGrantError,
    InvalidRequestError,
    NotFoundError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from gateway.forms import read_form
from gateway.pages.arrivals import Arrival, begin_session, go_on
from gateway.pages.authorize import Handler
from gateway.pages.back import parse_back
from gateway.pages.flow import (
    Parts,
    ask_who,
    declined,
    policy_of,
    sign_in_page,
    start_login,
    unavailable,
    ways_in,
)
from gateway.pages.keys.passkey_making import making_again, offer
from gateway.pages.language import say
from gateway.pages.linking import PAGE as LINK_PAGE
from gateway.pages.lti import arrive, to_book
from gateway.pages.shell import has_dead_cookie
from gateway.pages.transactions import forget
from gateway.pages.ways import Kind, Way
from gateway.providers import Expected, ProviderIdentity
from gateway.records import Authorization, Continuation, Login
from gateway.request_context import ASKED
from gateway.roles import roles_of
from gateway.session_ids import provider_session


def login_handler(parts: Parts) -> Handler:
    """Begin at a provider; a link of our own pages leads here."""

    async def handle(request: web.Request) -> web.StreamResponse:
        params = parameters(request.query.items())
        transaction = params.get("transaction") or None
        if transaction is None:
            return await _login_alone(request, parts, params)
        asked = await parts.transactions.peek(Authorization, transaction, request)
        policy = policy_of(request, parts, parse_client_id(asked.origin))
        if policy is None:
            raise InvalidRequestError("the origin was denied meanwhile")
        if params.get("not_you") == "1":
            other = msgspec.structs.replace(asked, not_you=True, prompt=_asked_again(asked.prompt))
            return await ask_who(request, parts, other, policy)
        way = _way(parts, params.get("provider", ""), ways_in(parts, policy))
        own_device = params.get("own_device") == "1"
        try:
            return await start_login(
                request,
                parts,
                way,
                transaction,
                select_account=asked.not_you,
                own_device=own_device,
                proof=Proof(asked.max_age, asked.acr_values),
            )
        except ProviderUnavailableError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            return await ask_who(request, parts, asked, policy, trouble=unavailable(way))

    return handle


def _asked_again(prompt: str | None) -> str | None:
    return None if prompt == "none" else prompt


async def _login_alone(request: web.Request, parts: Parts, params: Mapping[str, str]) -> web.Response:
    """Sign in without a book, to the account page: only from our own page, so nobody is sent here."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise CrossSiteRefusedError("login without a transaction from another site")
    way = _way(parts, params.get("provider", ""), list(parts.ways.values()))
    select = await has_dead_cookie(request) or params.get("not_you") == "1"
    own_device, back = params.get("own_device") == "1", parse_back(params.get("back"))
    return await _begin_alone(request, parts, way, select=select, own_device=own_device, back=back)


async def _begin_alone(
    request: web.Request, parts: Parts, way: Way, *, select: bool, own_device: bool, back: str | None
) -> web.Response:
    try:
        return await start_login(
            request, parts, way, None, select_account=select, own_device=own_device, back=back
        )
    except ProviderUnavailableError as error:
        request[ASKED].reason = f"{error.code}: {error.detail}"
        return sign_in_page(
            request,
            parts,
            ways_in(parts, None),
            origin=None,
            transaction="",
            trouble=unavailable(way),
            back=back,
        )


def _way(parts: Parts, provider: str, offered: list[Way]) -> Way:
    way = parts.ways.get(provider)
    if way is None or way not in offered or way.kind is not Kind.PROVIDER:
        raise NotFoundError("no such way to sign in")
    return way


def _is_unasked(request: web.Request, params: Mapping[str, str]) -> bool:
    """Whether an answer came to a question that nobody asked: a code, and no word of a login here."""
    return request.method == "GET" and "code" in params and "state" not in params


def callback_handler(parts: Parts) -> Handler:
    """The provider's answer, by query (GET) or form_post (POST, cross-site: no first-party cookie there)."""

    async def handle(request: web.Request) -> web.StreamResponse:
        way = _way(parts, request.match_info["provider"], list(parts.ways.values()))
        if request.method == "POST":
            params = await read_form(request)
        else:
            params = parameters(request.query.items())
        if _is_unasked(request, params) and way.its_provider().starts_elsewhere:
            # Whose code that is nobody knows (RFC 9700 section 4.7.1): it is dropped, and whoever sits here
            # signs in by a login of their own, for which the portal asks nothing.
            return await _begin_alone(request, parts, way, select=False, own_device=False, back=None)
        state = params.get("state", "")
        login = await parts.transactions.take(Login, state, request)
        if login.provider != way.id:
            raise InvalidGrantError("the transaction belongs to another provider")
        expected = Expected(
            state=state,
            nonce=login.nonce,
            verifier=login.verifier,
            redirect_uri=parts.callback(way.id),
            max_age=login.max_age,
            acr_values=login.acr_values,
        )
        try:
            identity = await way.its_provider().finish(params, expected)
        except (ProviderUnavailableError, ProviderRefusedError) as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            response = await _offer_again(request, parts, login, way, error)
            forget(response, state)
            return response
        begun = await parts.transactions.begin(_continuation(parts, way, login, identity), request)
        # A navigation of its own, where the SameSite=Lax cookie is visible again.
        location = f"/auth/continue?transaction={begun.id}"
        response = web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
        response.headers.add("Set-Cookie", begun.line)
        forget(response, state)
        return response

    return handle


def _continuation(parts: Parts, way: Way, login: Login, identity: ProviderIdentity) -> Continuation:
    """Who came back, for the navigation that follows."""
    return Continuation(
        provider=way.id,
        issuer=identity.issuer,
        subject=identity.subject,
        name=identity.name,
        claims=dict(identity.claims),
        auth_time=identity.auth_time,
        proved=identity.proved,
        authorization=login.authorization,
        own_device=login.own_device,
        provider_session=identity.session and provider_session(identity.issuer, identity.session),
        tokens=parts.provider_tokens.kept(way.id, identity, login.nonce),
        back=login.back,
        again=login.again,
        link=login.link,
        held=login.held,
        roles=roles_of(parts.roles, way.id, identity.said),
        acr=identity.acr,
    )


async def _offer_again(
    request: web.Request,
    parts: Parts,
    login: Login,
    way: Way,
    error: ProviderUnavailableError | ProviderRefusedError,
) -> web.Response:
    """The sign-in page once more, saying what went wrong and offering the others."""
    trouble = unavailable(way) if isinstance(error, ProviderUnavailableError) else declined(way)
    if login.link is not None:
        return _not_done(parts, say("No way in was added"), trouble, error.status)
    if login.authorization is None:
        ways = ways_in(parts, None)
        return sign_in_page(
            request, parts, ways, origin=None, transaction="", trouble=trouble, back=login.back
        )
    asked = await parts.transactions.peek(Authorization, login.authorization, request)
    policy = policy_of(request, parts, parse_client_id(asked.origin))
    if policy is None:
        raise InvalidRequestError("the origin was denied meanwhile")
    return await ask_who(request, parts, asked, policy, trouble=trouble)


def somebody_else(request: web.Request, parts: Parts, name: str | None) -> web.Response:
    """Asked to prove once more who they are, they proved to be another: whoever is signed in stays it."""
    request[ASKED].reason = "forbidden: another person proved who they are"
    line = say(
        "You are signed in here as somebody else than %(name)s, so nothing was done.", name=name or "?"
    )
    return _not_done(parts, say("That was somebody else"), line, 403)


def _not_done(parts: Parts, title: str, line: str, status: int) -> web.Response:
    values = {"title": title, "lines": [line], "origin": None, "book": None, "request_id": None}
    return parts.renderer.page("not_done.html", values, status=status, in_flow=False)


def continue_handler(parts: Parts) -> Handler:
    """Make the person's session under a new id, then go on with what the book asked."""

    async def handle(request: web.Request) -> web.StreamResponse:
        transaction = parameters(request.query.items()).get("transaction", "")
        known = await parts.transactions.peek(Continuation, transaction, request)
        if known.link is not None:  # nobody signs in by it yet
            location = f"{LINK_PAGE}?transaction={transaction}"
            return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
        # The directory first: when it is down, the transaction is still good for another try.
        person = await parts.directory.sign_in(known.issuer, known.subject, known.name, known.provider)
        await arrive(request, parts, known, person.id)
        await parts.grants.limit("person", person.id, parts.limits.per_person)
        await parts.transactions.take(Continuation, transaction, request)
        if known.again not in {None, person.id}:
            refused = somebody_else(request, parts, person.name)
            forget(refused, transaction)
            return refused
        arrival = Arrival(
            person=person,
            way=known.provider,
            auth_time=known.auth_time,
            proved=known.proved,
            own_device=known.own_device,
            claims=known.claims,
            provider_session=known.provider_session,
            tokens=known.tokens,
            roles=known.roles,
            acr=known.acr,
            held=known.held,
        )
        live = await begin_session(request, parts, arrival)
        if known.launch is not None:
            response: web.StreamResponse = to_book(known.launch)
            forget(response, transaction)
            return response
        going = live, known.authorization, known.back
        # asked once more for a book: it was offered already, and that was the proof for it
        offering = making_again if known.again is not None else offer
        offered = await offering(request, parts, *going)
        response = offered or await go_on(request, parts, *going)
        forget(response, transaction)
        return response

    return handle
