"""/auth/account and /auth/logout: where a person is signed in, what they allowed, and how to leave."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
from gateway.pages.account_view import Moment, shown
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts, sign_in_page, ways_in
from gateway.pages.shell import old_cookie, replace_session, signed_in
from gateway.pages.transactions import forget
from gateway.records import Form, Leaving, SignInSummary
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

STALE = "This page was open for a while or was used before, so nothing was done. Here it is as it is now."
CHANGED = (
    "Somebody has signed in here since this page was opened, so nothing was done. Here it is as it is now."
)


@dataclass(frozen=True, slots=True)
class _Stay:
    """The account page again. done: what happened; trouble: why nothing did."""

    live: LiveSignIn
    done: str | None = None
    trouble: str | None = None
    status: int = 200


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
        if leaving:
            return await _page(request, parts, live, "sign_out.html", {})
        return await _account_page(request, parts, _Stay(live))

    return handle


async def _account_page(request: web.Request, parts: Parts, stay: _Stay) -> web.Response:
    live, now = stay.live, int(parts.clock())
    person = live.record.person
    labels = {way.id: way.label for way in parts.ways.values()}
    values = {
        "own_device": live.record.own_device,
        "sessions": shown(await parts.sessions.of_person(person), live.key, labels, now),
        "approvals": await _approvals(request, parts, person, now),
        "done": stay.done,
        "trouble": stay.trouble,
    }
    return await _page(request, parts, live, "account.html", values, stay.status)


async def _approvals(
    request: web.Request, parts: Parts, person: str, now: int
) -> list[Mapping[str, object]] | None:
    """None: the directory does not answer. Who wants to sign out must not wait for that."""
    try:
        found = await parts.directory.approvals(person)
    except DirectoryUnavailableError as error:
        request[ASKED].reason = f"{error.code}: {error.detail}"
        return None
    return [
        {
            "origin": each.origin,
            "approved": Moment.of(each.approved, now),
            "used": Moment.of(each.used, now),
        }
        for each in found
    ]


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
        "provider": way.label if way else live.record.provider,
        "transaction": begun.id,
        **values,
    }
    response = parts.renderer.page(template, told, status=status, in_flow=False)
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
            return await _account_page(request, parts, _Stay(live, trouble=STALE, status=error.status))
        if live is None:
            response: web.StreamResponse = _signed_out(parts)
        elif live.key != record.parent:
            request[ASKED].reason = "forbidden: the page was made for another sign-in session"
            response = await _account_page(request, parts, _Stay(live, trouble=CHANGED, status=403))
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
    try:
        stay = await _act(request, parts, live, form)
    except (DirectoryUnavailableError, StoreUnavailableError) as error:
        return _half_done(request, parts, error)
    if stay is None:
        return await _leave(parts, live.record.provider, hint)
    return await _account_page(request, parts, stay)


def _half_done(request: web.Request, parts: Parts, error: GatewayError) -> web.Response:
    """Sessions end in two places; one of them did not answer. Nothing is lost by doing it once more."""
    request[ASKED].reason = f"{error.code}: {error.detail}"
    line = (
        "A part of this service does not answer at the moment, so what you asked for may not be done "
        "everywhere yet. Open your account again in a few minutes and do it once more."
    )
    values = {"title": "That is not quite done", "lines": [line], "origin": None, "book": None}
    told = {**values, "request_id": request[ASKED].id}
    response = parts.renderer.page("not_done.html", told, status=error.status, in_flow=False)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _act(request: web.Request, parts: Parts, live: LiveSignIn, form: Mapping[str, str]) -> _Stay | None:
    """None: the person is signed out here."""
    act, _, what = form.get("act", "").partition(":")
    match act:
        case "device":
            kept = await parts.sessions.set_own_device(live, own_device=form.get("own_device") == "1")
            await replace_session(request, replace(kept, id=await old_cookie(request)))
            return _Stay(kept, done="Saved.")
        case "sign-out":
            # The dead id stays in the browser: the next sign-in asks the provider for the account.
            request[AUDIT].note(Audited.SIGN_OUT_BROWSER, who=live.record.person, session=live.key)
            await parts.sessions.end_sign_in(live.key)
            return None
        case "everywhere":
            request[AUDIT].note(Audited.SIGN_OUT_EVERYWHERE, who=live.record.person)
            await parts.sessions.end_everywhere(live.record.person)
            return None
        case "end" | "others":
            return await _end_others(request, parts, live, what if act == "end" else None)
        case "withdraw":
            return await _withdraw(request, parts, live, what)
        case _:
            raise InvalidRequestError("act is not one of the page's")


async def _end_others(request: web.Request, parts: Parts, live: LiveSignIn, only: str | None) -> _Stay:
    """End the other sign-in sessions of this person, or the one of them that has this key."""
    found = [
        each
        for each in await parts.sessions.of_person(live.record.person)
        if isinstance(each, SignInSummary) and each.key != live.key and only in {None, each.key}
    ]
    ended = [each.key for each in found]
    if ended:
        request[AUDIT].note(Audited.SESSIONS_ENDED, who=live.record.person, by="self", sessions=ended)
    await parts.sessions.end_sign_ins(ended)
    if only is None:
        return _Stay(live, done="You are signed out everywhere but here.")
    gone = "That browser is signed out." if found else "That browser was signed out already."
    return _Stay(live, done=gone)


async def _withdraw(request: web.Request, parts: Parts, live: LiveSignIn, origin: str) -> _Stay:
    person = live.record.person
    if origin not in {each.origin for each in await parts.directory.approvals(person)}:
        return _Stay(live, done="That book had no permission any more.")
    request[AUDIT].note(Audited.CONSENT_WITHDRAWN, who=person, origin=origin)
    try:
        await parts.directory.withdraw(person, origin)
    finally:  # its sessions end all the same
        await parts.sessions.end_books(person, origin)
    return _Stay(live, done=f"{origin} may not save your work any more.")


async def _go_on_to_provider(parts: Parts, mark: str) -> web.Response:
    """A book's sign-out sent the reader here."""
    leaving = await parts.grants.take(Leaving, mark)
    if leaving is None:
        return _signed_out(parts)
    return await _leave(parts, leaving.provider, leaving.id_token_hint)


async def _leave(parts: Parts, provider: str, id_token_hint: str | None) -> web.Response:
    """Where the provider's block says so, on to its own sign-out; by a page, as the answer to a form."""
    way = parts.ways.get(provider)
    if way is None:
        return _signed_out(parts)
    url = await way.provider.logout_url(id_token_hint, f"{parts.public_url}/auth/logout")
    if url is None:
        return _signed_out(parts)
    return parts.renderer.page("leave.html", {"provider": way.label, "target": url})
