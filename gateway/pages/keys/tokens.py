"""/auth/tokens: a person's tokens, seen and revoked; /auth/tokens/new: a new one, shown once."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.directory import ListedToken, Wanted
from gateway.errors import ForbiddenError, InvalidGrantError, TooManyTokensError
from gateway.forms import read_form, required
from gateway.origins import parse_origin
from gateway.pages.account_view import Moment
from gateway.pages.arrivals import ACCOUNT
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts, policy_of
from gateway.pages.language import mark, say
from gateway.pages.recent import recent
from gateway.pages.sections import CHANGED, STALE
from gateway.pages.shell import signed_in
from gateway.personal_tokens import LIVES, NAME, parse_backends, parse_life, parse_name
from gateway.records import Form
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

LIST: Final = "/auth/tokens"
NEW: Final = "/auth/tokens/new"
_BACKEND: Final = "backend:"  # how the names of its ticks begin

_NO_NAME: Final = mark("Give the token a name: up to 60 letters, digits and signs.")
_NO_BACKEND: Final = mark("Choose at least one service that the token is for.")
_NO_LIFE: Final = mark("Choose how long the token is good for.")
_TOO_MANY: Final = mark("You have as many tokens as one may have. Revoke one first.")
_NO_PLACE: Final = mark("Choose one of your books, or none.")
_BEYOND: Final = mark("That book may not use every service that you chose.")


def tokens_handler(parts: Parts) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        live = await signed_in(request, parts.public_url)
        return _to_account() if live is None else await _list(request, parts, live)

    return handle


def tokens_form_handler(parts: Parts) -> Handler:
    """`act=revoke:ID`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        live = await signed_in(request, parts.public_url)
        if live is None:
            return _to_account()
        trouble = await _not_of(request, parts, live, form)
        if trouble is not None:
            return await _list(request, parts, live, trouble=trouble)
        act, _, token_id = form.get("act", "").partition(":")
        name = await parts.directory.personal_tokens.revoke(live.record.person, token_id)
        if act != "revoke" or name is None:
            return await _list(request, parts, live, trouble=say("That token was revoked already."))
        request[AUDIT].note(Audited.TOKEN_REVOKED, who=live.record.person, token=token_id)
        done = say("%(name)s is revoked: it reaches nothing any more.", name=name)
        return await _list(request, parts, live, done=done)

    return handle


def making_handler(parts: Parts) -> Handler:
    """For whoever proved within the last ten minutes who they are: a token is as good as they are."""

    async def handle(request: web.Request) -> web.StreamResponse:
        live = await signed_in(request, parts.public_url)
        if live is None:
            return _to_account()
        return await recent(request, parts, live, NEW) or await _new(request, parts, live)

    return handle


def making_form_handler(parts: Parts) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        live = await signed_in(request, parts.public_url)
        if live is None:
            return _to_account()
        if (answer := await recent(request, parts, live, NEW)) is not None:
            return answer
        trouble = await _not_of(request, parts, live, form)
        wanted = await _wanted(request, parts, live, form)
        if trouble is not None or isinstance(wanted, str):
            told = trouble or (say(wanted) if isinstance(wanted, str) else None)
            return await _new(request, parts, live, form, told)
        try:
            text = await parts.directory.personal_tokens.make(live.record.person, wanted)
        except TooManyTokensError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            return await _new(request, parts, live, form, say(_TOO_MANY))
        request[AUDIT].note(Audited.TOKEN_MADE, who=live.record.person, backends=sorted(wanted.backends))
        values = {"token": text, "name": wanted.name, "url": parts.public_url}
        return parts.renderer.page("keys/token_made.html", values, in_flow=False)

    return handle


async def _not_of(
    request: web.Request, parts: Parts, live: LiveSignIn, form: Mapping[str, str]
) -> str | None:
    """Why the form does not count, in words: it is used up, or was made for another session."""
    try:
        record = await parts.transactions.take(Form, required(form, "transaction"), request)
    except InvalidGrantError as error:
        request[ASKED].reason = f"{error.code}: {error.detail}"
        return say(STALE)
    return None if record.parent == live.key else say(CHANGED)


async def _wanted(
    request: web.Request, parts: Parts, live: LiveSignIn, form: Mapping[str, str]
) -> Wanted | str:
    """What the form asks for; a text: what is missing."""
    name, life = parse_name(form.get("name", "")), parse_life(form.get("life", ""))
    chosen = [field.removeprefix(_BACKEND) for field in form if field.startswith(_BACKEND)]
    backends = parse_backends(chosen, parts.script_backends)
    place = form.get("place", "")
    origin, _, book = place.partition(" ")
    if name is None:
        return _NO_NAME
    if backends is None:
        return _NO_BACKEND
    if life is None:
        return _NO_LIFE
    if place and place not in await _places(parts, live):
        return _NO_PLACE
    of_book = parse_origin(origin)
    policy = None if of_book is None else policy_of(request, parts, of_book)
    if place and (policy is None or not backends <= policy.backends):
        return _BEYOND
    record = live.record
    return Wanted(name, record.provider, record.auth_time, backends, origin, book, life)


async def _places(parts: Parts, live: LiveSignIn) -> list[str]:
    """The books that they have been in, each as `ORIGIN BOOK`."""
    been = await parts.directory.orders.places_of(live.record.person)
    return sorted({f"{one.origin} {one.book}" for one in been if one.book})


async def _new(
    request: web.Request,
    parts: Parts,
    live: LiveSignIn,
    form: Mapping[str, str] | None = None,
    trouble: str | None = None,
) -> web.Response:
    """form: what was filled in already."""
    if not parts.script_backends:
        raise ForbiddenError("no service takes personal tokens")
    begun = await parts.transactions.begin(Form(parent=live.key), request)
    values = {
        "transaction": begun.id,
        "backends": parts.script_backends,
        "places": [each.split(" ") for each in await _places(parts, live)],
        "lives": LIVES,
        "longest": NAME,
        "filled": form or {},
        "trouble": trouble,
    }
    response = parts.renderer.page(
        "keys/token_new.html", values, status=400 if trouble else 200, in_flow=False
    )
    response.headers.add("Set-Cookie", begun.line)
    return response


async def _list(
    request: web.Request,
    parts: Parts,
    live: LiveSignIn,
    *,
    done: str | None = None,
    trouble: str | None = None,
) -> web.Response:
    begun = await parts.transactions.begin(Form(parent=live.key), request)
    now = int(parts.clock())
    found = await parts.directory.personal_tokens.of(live.record.person)
    values = {
        "transaction": begun.id,
        "tokens": [_shown(one, now) for one in found],
        "may_make": bool(parts.script_backends),
        "done": done,
        "trouble": trouble,
    }
    status = 400 if trouble else 200
    response = parts.renderer.page("keys/tokens.html", values, status=status, in_flow=False)
    response.headers.add("Set-Cookie", begun.line)
    return response


def _shown(token: ListedToken, now: int) -> Mapping[str, object]:
    return {
        "it": token,
        "made": Moment(token.created, now),
        "used": None if token.used is None else Moment(token.used, now),
    }


def _to_account() -> web.Response:
    return web.Response(status=303, headers={"Location": ACCOUNT, "Cache-Control": "no-store"})
