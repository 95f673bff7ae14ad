"""/auth/account and /auth/logout: the account page as a frame for its sections, and how to leave."""

from collections.abc import Mapping

from aiohttp import web

from gateway.authorize_rules import parameters
from gateway.errors import (
    DirectoryUnavailableError,
    GatewayError,
    InvalidGrantError,
    InvalidRequestError,
    StoreUnavailableError,
)
from gateway.forms import read_form, required
from gateway.pages.account_sections import SECTIONS
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts, sign_in_page, ways_in
from gateway.pages.language import say
from gateway.pages.sections import CHANGED, STALE, Gone, Section, Stay, Submitted
from gateway.pages.shell import signed_in
from gateway.pages.transactions import forget
from gateway.records import Form, Leaving
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn

_ACTS = {name: act for section in SECTIONS for name, act in section.acts.items()}


def account_handler(parts: Parts, *, leaving: bool) -> Handler:
    """The account page; leaving: only its sign-out part (`/auth/logout`)."""

    async def handle(request: web.Request) -> web.StreamResponse:
        mark = parameters(request.query.items()).get("leave") if leaving else None
        if mark is not None:
            return await _go_on_to_provider(parts, mark)
        live = await signed_in(request, parts.public_url)
        if live is None and leaving:
            return _signed_out(parts)
        if live is None:
            return sign_in_page(
                request, parts, ways_in(parts, None), origin=None, transaction="", trouble=None
            )
        if leaving:
            return await _page(request, parts, live, "sign_out.html", {})
        return await _account_page(request, parts, Stay(live))

    return handle


async def _account_page(request: web.Request, parts: Parts, stay: Stay) -> web.Response:
    sections = [await _filled(request, parts, stay.live, section) for section in SECTIONS]
    values = {
        "sections": [section for section in sections if section is not None],
        "done": stay.done,
        "trouble": stay.trouble,
    }
    return await _page(request, parts, stay.live, "account.html", values, stay.status)


async def _filled(
    request: web.Request, parts: Parts, live: LiveSignIn, section: Section
) -> Mapping[str, object] | None:
    """Who wants to sign out must not wait for a directory that does not answer: such a section says so."""
    template = f"account/{section.id}.html"
    try:
        it = await section.fill(request, parts, live)
    except DirectoryUnavailableError as error:
        request[ASKED].reason = f"{error.code}: {error.detail}"
        it, template = {}, "account/unavailable.html"
    if it is None:
        return None
    return {"id": section.id, "title": say(section.title), "template": template, "it": it}


async def _page(
    request: web.Request,
    parts: Parts,
    live: LiveSignIn,
    template: str,
    values: Mapping[str, object],
    status: int = 200,
) -> web.Response:
    """A page with a form that is good once, for this browser and this session."""
    begun = await parts.transactions.begin(Form(parent=live.key), request)
    way = parts.ways.get(live.record.provider)
    told = {
        "name": live.record.name,
        "provider": say(way.label) if way else live.record.provider,
        "transaction": begun.id,
        **values,
    }
    response = parts.renderer.page(template, told, status=status, in_flow=False)
    response.headers.add("Set-Cookie", begun.line)
    return response


def _signed_out(parts: Parts) -> web.Response:
    values = {
        "title": say("You are signed out"),
        "lines": [say("Nobody is signed in to this service in this browser. Work that was saved stays.")],
        "origin": None,
        "book": None,
        "request_id": None,
    }
    return parts.renderer.page("message.html", values, in_flow=False)


def account_form_handler(parts: Parts) -> Handler:
    """What the account page's form asks: one act, `act=NAME` or `act=NAME:OF WHAT`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        live = await signed_in(request, parts.public_url)
        try:
            record = await parts.transactions.take(Form, transaction, request)
        except InvalidGrantError as error:
            if live is None:
                raise
            request[ASKED].reason = f"{error.code}: {error.detail}"
            return await _account_page(request, parts, Stay(live, trouble=say(STALE), status=error.status))
        if live is None:
            response: web.StreamResponse = _signed_out(parts)
        elif live.key != record.parent:
            request[ASKED].reason = "forbidden: the page was made for another sign-in session"
            response = await _account_page(request, parts, Stay(live, trouble=say(CHANGED), status=403))
        else:
            response = await _answer(request, parts, live, form)
        forget(response, transaction)
        return response

    return handle


async def _answer(
    request: web.Request, parts: Parts, live: LiveSignIn, form: Mapping[str, str]
) -> web.StreamResponse:
    # before the act: what is kept ends with the session
    hint = await parts.provider_tokens.id_token_hint(live.key, live.record.provider)
    name, _, what = form.get("act", "").partition(":")
    act = _ACTS.get(name)
    if act is None:
        raise InvalidRequestError("act is not one of the page's")
    try:
        outcome = await act(request, parts, live, Submitted(what, form))
    except (DirectoryUnavailableError, StoreUnavailableError) as error:
        return _half_done(request, parts, error)
    match outcome:
        case Gone():
            return await _leave(parts, live.record.provider, hint)
        case Stay():
            return await _account_page(request, parts, outcome)
        case response:
            return response


def _half_done(request: web.Request, parts: Parts, error: GatewayError) -> web.Response:
    """Sessions end in two places; one of them did not answer. Nothing is lost by doing it once more."""
    request[ASKED].reason = f"{error.code}: {error.detail}"
    line = say(
        "A part of this service does not answer at the moment, so what you asked for may not be done "
        "everywhere yet. Open your account again in a few minutes and do it once more."
    )
    values = {"title": say("That is not quite done"), "lines": [line], "origin": None, "book": None}
    told = {**values, "request_id": request[ASKED].id}
    response = parts.renderer.page("not_done.html", told, status=error.status, in_flow=False)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _go_on_to_provider(parts: Parts, mark: str) -> web.Response:
    """A book's sign-out sent the reader here."""
    leaving = await parts.grants.take(Leaving, mark)
    if leaving is None:
        return _signed_out(parts)
    return await _leave(parts, leaving.provider, leaving.id_token_hint)


async def _leave(parts: Parts, provider: str, id_token_hint: str | None) -> web.Response:
    """Where the provider's block says so, on to its own sign-out; by a page, as the answer to a form."""
    way = parts.ways.get(provider)
    if way is None or way.provider is None:
        return _signed_out(parts)
    url = await way.provider.logout_url(id_token_hint, f"{parts.public_url}/auth/logout")
    if url is None:
        return _signed_out(parts)
    return parts.renderer.page("leave.html", {"provider": way.label, "target": url})
