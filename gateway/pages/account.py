"""GET and POST /auth/account, GET /auth/logout: who is signed in here, and how to leave."""

from dataclasses import replace

from aiohttp import web

from gateway.authorize_rules import parameters
from gateway.errors import ForbiddenError, InvalidRequestError
from gateway.forms import read_form, required
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts, sign_in_page, ways_in
from gateway.pages.shell import old_cookie, replace_session, signed_in
from gateway.pages.transactions import forget
from gateway.records import Form, Leaving
from gateway.sessions import LiveSignIn


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
            return sign_in_page(parts, ways_in(parts, None), origin=None, transaction="", trouble=None)
        return await _page(request, parts, live, leaving=leaving, saved=False)

    return handle


async def _page(
    request: web.Request, parts: Parts, live: LiveSignIn, *, leaving: bool, saved: bool
) -> web.Response:
    begun = await parts.transactions.begin(Form(parent=live.key), request)
    way = parts.ways.get(live.record.provider)
    values = {
        "name": live.record.name,
        "provider": way.label if way else live.record.provider,
        "own_device": live.record.own_device,
        "transaction": begun.id,
        "leaving": leaving,
        "saved": saved,
    }
    response = parts.renderer.page("account.html", values, in_flow=False)
    response.headers.add("Set-Cookie", begun.line)
    return response


def _signed_out(parts: Parts) -> web.Response:
    values = {
        "title": "You are signed out",
        "lines": ["Nobody is signed in to this service in this browser. Work that was saved stays."],
        "origin": None,
        "book": None,
        "request_id": None,
    }
    return parts.renderer.page("message.html", values, in_flow=False)


def account_form_handler(parts: Parts) -> Handler:
    """What the account page's form asks: keep the device, sign out here, sign out everywhere."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        record = await parts.transactions.take(Form, transaction, request)
        live = await signed_in(request, parts.public_url)
        if live is None:
            response: web.StreamResponse = _signed_out(parts)
        elif live.key != record.parent:
            raise ForbiddenError("the page was made for another sign-in session")
        else:
            response = await _act(request, parts, live, form.get("act", ""), form.get("own_device") == "1")
        forget(response, transaction)
        return response

    return handle


async def _act(
    request: web.Request,
    parts: Parts,
    live: LiveSignIn,
    act: str,
    own_device: bool,  # ruff: ignore[boolean-type-hint-positional-argument]
) -> web.StreamResponse:
    match act:
        case "device":
            kept = await parts.sessions.set_own_device(live, own_device=own_device)
            await replace_session(request, replace(kept, id=await old_cookie(request)))
            return await _page(request, parts, kept, leaving=False, saved=True)
        case "sign-out":
            # The dead id stays in the browser: the next sign-in asks the provider for the account.
            await parts.sessions.end_sign_in(live.key)
        case "everywhere":
            await parts.sessions.end_everywhere(live.record.person)
        case _:
            raise InvalidRequestError("act is not one of the page's")
    return await _leave(parts, live.record.provider)


async def _go_on_to_provider(parts: Parts, mark: str) -> web.Response:
    """A book's sign-out sent the reader here."""
    leaving = await parts.grants.take(Leaving, mark)
    if leaving is None:
        return _signed_out(parts)
    return await _leave(parts, leaving.provider)


async def _leave(parts: Parts, provider: str) -> web.Response:
    """Where the provider's block says so, on to its own sign-out; by a page, as the answer to a form."""
    way = parts.ways.get(provider)
    if way is None:
        return _signed_out(parts)
    url = await way.provider.logout_url(None, f"{parts.public_url}/auth/logout")
    if url is None:
        return _signed_out(parts)
    return parts.renderer.page("leave.html", {"provider": way.label, "target": url})
