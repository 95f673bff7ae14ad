"""/auth/account/data: what is kept of a person, handed out or deleted; and the receipt of a deletion."""

from collections.abc import Mapping

from aiohttp import web

from gateway.errors import InvalidGrantError, InvalidRequestError, NotFoundError
from gateway.forms import read_form, required
from gateway.limits import EXPORTS
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts
from gateway.pages.language import say
from gateway.pages.recent import recent
from gateway.pages.sections import CHANGED, STALE
from gateway.pages.shell import signed_in
from gateway.pages.transactions import forget
from gateway.records import Form
from gateway.request_context import ASKED
from gateway.routes import Purpose
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

PAGE = "/auth/account/data"
RECEIPT = "/auth/account/receipt"
FILE = "my-data.zip"


def data_handler(parts: Parts) -> Handler:
    """The page, for whoever proved within the last ten minutes who they are."""

    async def handle(request: web.Request) -> web.StreamResponse:
        live = await signed_in(request, parts.public_url)
        if live is None:
            return web.Response(
                status=303, headers={"Location": "/auth/account", "Cache-Control": "no-store"}
            )
        return await recent(request, parts, live) or await _page(request, parts, live)

    return handle


async def _page(
    request: web.Request, parts: Parts, live: LiveSignIn, trouble: str | None = None, status: int = 200
) -> web.Response:
    begun = await parts.transactions.begin(Form(parent=live.key), request)
    been = await parts.directory.orders.places_of(live.record.person)
    values = {
        "name": live.record.name,
        "alone": await parts.directory.classes.taught_alone(live.record.person),
        "origins": sorted({place.origin for place in been}),
        "transaction": begun.id,
        "trouble": trouble,
    }
    response = parts.renderer.page("own_data.html", values, status=status, in_flow=False)
    response.headers.add("Set-Cookie", begun.line)
    return response


def data_form_handler(parts: Parts) -> Handler:
    """`act=export` answers the archive, `act=delete` with `sure=1` the receipt."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        live = await signed_in(request, parts.public_url)
        if live is None:
            return web.Response(
                status=303, headers={"Location": "/auth/account", "Cache-Control": "no-store"}
            )
        if (answer := await recent(request, parts, live, PAGE)) is not None:
            return answer
        # the browser stays on the page while a copy comes: what the page can do then is still to be done
        of = parts.transactions.peek if form.get("act") == "export" else parts.transactions.take
        try:
            record = await of(Form, transaction, request)
        except InvalidGrantError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            return await _page(request, parts, live, say(STALE), error.status)
        if record.parent != live.key:
            request[ASKED].reason = "forbidden: the page was made for another sign-in session"
            return await _page(request, parts, live, say(CHANGED), 403)
        return await _act(request, parts, live, form, transaction)

    return handle


async def _act(
    request: web.Request, parts: Parts, live: LiveSignIn, form: Mapping[str, str], transaction: str
) -> web.StreamResponse:
    match form.get("act"):
        case "export":
            return await _export(request, parts, live)
        case "delete" if form.get("sure") == "1":
            response = await _delete(request, parts, live)
        case "delete":
            response = await _page(request, parts, live, say("Nothing was deleted: the tick was missing."))
        case _:
            raise InvalidRequestError("act is not one of the page's")
    forget(response, transaction)
    return response


async def _export(request: web.Request, parts: Parts, live: LiveSignIn) -> web.StreamResponse:
    """Streamed: what a backend has may be long, and nothing of it is to lie here."""
    person = live.record.person
    await parts.grants.limit("exports", person, EXPORTS)
    exporting = await parts.lifecycle.export(person)
    request[AUDIT].note(Audited.EXPORTED, who=person)
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{FILE}"',
        "Cache-Control": "no-store",
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await exporting.send(response.write)
    await response.write_eof()
    return response


async def _delete(request: web.Request, parts: Parts, live: LiveSignIn) -> web.Response:
    person = live.record.person
    receipt = await parts.lifecycle.delete(person)
    request[AUDIT].note(Audited.DELETED, who=person, by="self", receipt=receipt.id)
    return await _receipt(parts, receipt.id)


def receipt_handler(parts: Parts) -> Handler:
    """Who deleted everything can sign in no more: the address is what they keep."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _receipt(parts, request.match_info["id"])

    return handle


async def _receipt(parts: Parts, number: str) -> web.Response:
    """Raises NotFoundError."""
    receipt = await parts.lifecycle.receipt(number)
    if receipt is None or receipt.purpose is not Purpose.DELETE:
        raise NotFoundError("no such receipt")
    values = {"receipt": receipt, "address": f"{parts.public_url}{RECEIPT}/{receipt.id}"}
    return parts.renderer.page("receipt.html", values, in_flow=False)
