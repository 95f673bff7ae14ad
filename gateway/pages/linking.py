"""/auth/account/link: what somebody just proved becomes another way in to their account, if they say so.

Both sides are proved: the account by a sign-in within ten minutes, the other by the login that ends here.
Never by e-mail. Nothing is added without a click on this page: a browser that is led through a login of
somebody else's would let them into the account.
"""

from aiohttp import web

from gateway.authorize_rules import parameters
from gateway.errors import ForbiddenError, InvalidRequestError
from gateway.forms import read_form, required
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.classes.forms import restate
from gateway.pages.flow import Parts
from gateway.pages.language import say
from gateway.pages.recent import recent
from gateway.pages.shell import signed_in
from gateway.pages.transactions import forget
from gateway.records import Continuation
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

PAGE = "/auth/account/link"


def link_handler(parts: Parts) -> Handler:
    """The question; the identity waits in its transaction."""

    async def handle(request: web.Request) -> web.StreamResponse:
        transaction = parameters(request.query.items()).get("transaction", "")
        known = await parts.transactions.peek(Continuation, transaction, request)
        live = await _whose(request, parts, known)
        return await _page(parts, live, known, transaction)

    return handle


def link_form_handler(parts: Parts) -> Handler:
    """`act=link` adds the way in, `act=merge` makes the two people one, `act=leave` does nothing."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        known = await parts.transactions.peek(Continuation, transaction, request)
        live = await _whose(request, parts, known)
        if (answer := await recent(request, parts, live, "/auth/account")) is not None:
            return answer
        await parts.transactions.take(Continuation, transaction, request)
        match form.get("act"):
            case "link":
                await _link(request, parts, live, known)
            case "merge":
                await _merge(request, parts, live, known)
            case "leave":
                pass
            case _:
                raise InvalidRequestError("act is not one of the page's")
        response = web.Response(
            status=303, headers={"Location": "/auth/account", "Cache-Control": "no-store"}
        )
        forget(response, transaction)
        return response

    return handle


async def _whose(request: web.Request, parts: Parts, known: Continuation) -> LiveSignIn:
    live = await signed_in(request, parts.public_url)
    if live is None or known.link is None or known.link != live.record.person:
        raise ForbiddenError("the login was begun for another account")
    return live


async def _page(parts: Parts, live: LiveSignIn, known: Continuation, transaction: str) -> web.Response:
    has = await parts.directory.person_of(known.issuer, known.subject)
    way = parts.ways.get(known.provider)
    values = {
        "name": live.record.name,
        "there": known.name,
        "provider": known.provider if way is None else say(way.label),
        "state": "new" if has is None else "mine" if has == live.record.person else "other",
        "transaction": transaction,
    }
    return parts.renderer.page("link.html", values, in_flow=False)


async def _link(request: web.Request, parts: Parts, live: LiveSignIn, known: Continuation) -> None:
    person = live.record.person
    now_of = await parts.directory.identities.link(known.issuer, known.subject, known.provider, person)
    if now_of != person:
        raise ForbiddenError("somebody else came by it meanwhile")
    request[AUDIT].note(Audited.WAY_ADDED, who=person, provider=known.provider)


async def _merge(request: web.Request, parts: Parts, live: LiveSignIn, known: Continuation) -> None:
    """MergeRefusedError: one of the two is somebody else already."""
    other = await parts.directory.person_of(known.issuer, known.subject)
    if other is None or other == live.record.person:
        raise InvalidRequestError("there are no two accounts")
    receipt = await parts.lifecycle.merge(other, live.record.person)
    await restate(parts, [live.record.person])  # the other one's classes, too
    request[AUDIT].note(Audited.MERGED, who=live.record.person, person=other, receipt=receipt.id)
