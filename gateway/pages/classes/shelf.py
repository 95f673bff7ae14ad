"""/auth/classes: the classes that somebody teaches or is in, and making one."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.classes_rules import BookPlace, books_of, may_create, parse_address, parse_name, place_in
from gateway.directory import Class
from gateway.errors import ForbiddenError
from gateway.pages.authorize import Handler
from gateway.pages.classes.forms import Act, Page, Said, answered, form_page, restate, shown_to
from gateway.pages.flow import Parts, policy_of
from gateway.pages.language import mark, say
from gateway.request_context import ASKED
from gateway.roles import roles_anywhere, roles_in
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

_NO_NAME: Final = mark("Give the class a name: up to 60 letters, digits and signs.")
_NO_ADDRESS: Final = mark(
    "That is not the address of a book. Open the book and copy what stands in the browser's address bar."
)
_NOT_HERE: Final = mark("The book at that address is not connected here, so nobody could sign in from it.")


def shelf_handler(parts: Parts) -> Handler:
    return shown_to(parts, _page(parts))


def shelf_form_handler(parts: Parts) -> Handler:
    return answered(parts, _page(parts), _make(parts))


def _may_create(parts: Parts, live: LiveSignIn, book: str) -> bool:
    return may_create(parts.classes.create, roles_in(live.record.roles, book))


def _page(parts: Parts) -> Page:
    async def page(request: web.Request, live: LiveSignIn, said: Said) -> web.Response:
        may = may_create(parts.classes.create, roles_anywhere(live.record.roles))
        values = {
            "classes": await parts.directory.classes.list_of(live.record.person),
            "may_create": may,
            "books": books_of(request[ASKED].policies, parts.today()) if may else (),
            "address": request.query.get("book", "") if request.method == "GET" else "",
        }
        return await form_page(request, parts, live, "shelf.html", values, said)

    return page


def _make(parts: Parts) -> Act:
    async def act(request: web.Request, live: LiveSignIn, form: Mapping[str, str]) -> Said | web.Response:
        name = parse_name(form.get("name", ""))
        if name is None:
            return Said(trouble=say(_NO_NAME), status=400)
        place = _place(request, parts, form.get("address", ""))
        if isinstance(place, str):
            return Said(trouble=say(place), status=400)
        if not _may_create(parts, live, place.book):
            raise ForbiddenError(f"may not make classes of {place.book}")
        made = await parts.directory.classes.make(name, place, live.record.person)
        request[AUDIT].note(Audited.CLASS_MADE, who=live.record.person, of=made.id, book=made.book)
        await restate(parts, [live.record.person])
        return to_room(made)

    return act


def _place(request: web.Request, parts: Parts, text: str) -> BookPlace | str:
    """Where the book is; a text: why there is none."""
    address = parse_address(text)
    if address is None:
        return _NO_ADDRESS
    origin, path = address
    policy = policy_of(request, parts, origin)
    return (None if policy is None else place_in(policy, origin, path)) or _NOT_HERE


def to_room(one: Class) -> web.Response:
    headers = {"Location": f"/auth/classes/of/{one.id}", "Cache-Control": "no-store"}
    return web.Response(status=303, headers=headers)
