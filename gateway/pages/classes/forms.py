"""What every form of the class pages keeps to: our own page, once, by the session that it was made for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.errors import ClassFullError, InvalidGrantError, LastTeacherError, NotFoundError
from gateway.forms import read_form, required
from gateway.origins import Policy, Rate
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts, sign_in_page, ways_in
from gateway.pages.language import mark, say
from gateway.pages.sections import CHANGED, STALE
from gateway.pages.shell import signed_in
from gateway.pages.transactions import forget
from gateway.pages.ways import Way
from gateway.records import Form
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn

ACTS: Final = Rate(300, 600)  # of one person: a teacher may empty a class of thirty by hand
_AT_ONCE: Final = 16  # people whose sessions are told together
_LOOKS: Final = 5  # at one person's classes: whoever changes them without an end is not followed

_REFUSED: Final[Mapping[type[Exception], str]] = {
    ClassFullError: mark("There is no room for more."),
    LastTeacherError: mark("A class keeps at least one teacher. Make somebody else a teacher first."),
    NotFoundError: mark("That person was not in the class any more."),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a page says of the act before it. done: what happened; trouble: why nothing did."""

    done: str | None = None
    trouble: str | None = None
    status: int = 200


NOTHING: Final = Said()

Page = Callable[[web.Request, LiveSignIn, Said], Awaitable[web.Response]]
Act = Callable[[web.Request, LiveSignIn, Mapping[str, str]], Awaitable[Said | web.Response]]


def shown_to(parts: Parts, page: Page) -> Handler:
    """The page, of whoever is signed in; others sign in first and come back to it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        live = await signed_in(request, parts.public_url)
        if live is None:
            return who_page(request, parts)
        return await page(request, live, NOTHING)

    return handle


def answered(parts: Parts, page: Page, act: Act) -> Handler:
    """The page's form: does what it asks, then shows the page as it is then."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        live = await signed_in(request, parts.public_url)
        if live is None:
            return who_page(request, parts)
        try:
            record = await parts.transactions.take(Form, transaction, request)
        except InvalidGrantError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            return await page(request, live, Said(trouble=say(STALE), status=error.status))
        if record.parent != live.key:
            request[ASKED].reason = "forbidden: the page was made for another sign-in session"
            response = await page(request, live, Said(trouble=say(CHANGED), status=403))
        else:
            response = await _done(request, parts, live, form, page, act)
        forget(response, transaction)
        return response

    return handle


async def _done(
    request: web.Request, parts: Parts, live: LiveSignIn, form: Mapping[str, str], page: Page, act: Act
) -> web.Response:
    await parts.grants.limit("class acts", live.record.person, ACTS)
    try:
        said = await act(request, live, form)
    except (ClassFullError, LastTeacherError, NotFoundError) as error:
        request[ASKED].reason = f"{error.code}: {error.detail}"
        said = Said(trouble=say(_REFUSED[type(error)]), status=error.status)
    return said if isinstance(said, web.Response) else await page(request, live, said)


async def form_page(
    request: web.Request,
    parts: Parts,
    live: LiveSignIn,
    template: str,
    values: Mapping[str, object],
    said: Said,
) -> web.Response:
    """A page with forms that are good once, for this browser and this session."""
    begun = await parts.transactions.begin(Form(parent=live.key), request)
    told = {
        "person": live.record.name,
        "own_device": live.record.own_device,
        "transaction": begun.id,
        "done": said.done,
        "trouble": said.trouble,
        **values,
    }
    response = parts.renderer.page(f"classes/{template}", told, status=said.status, in_flow=False)
    response.headers.add("Set-Cookie", begun.line)
    return response


def who_page(request: web.Request, parts: Parts) -> web.Response:
    """Sign in first."""
    ways = ways_in(parts, None)
    return sign_in_page(request, parts, ways, origin=None, transaction="", trouble=None, back=request.path)


def ways_back(
    parts: Parts, back: str, policy: Policy | None, *, not_you: bool
) -> list[Mapping[str, str | Way]]:
    """Each way in and the address of it that leads back to that page of ours.

    policy: of the class's book. not_you: the provider is to ask which account.
    """
    more = "&not_you=1" if not_you else ""
    return [
        {"way": way, "href": way.address(None, back) + more}
        for way in ways_in(parts, policy)
        if way.href is not None
    ]


async def restate(parts: Parts, people: Iterable[str]) -> None:
    """Whoever is signed in is in other classes from the next request on, in every browser and book."""
    waiting = list(people)
    for first in range(0, len(waiting), _AT_ONCE):
        await asyncio.gather(*(_restate(parts, person) for person in waiting[first : first + _AT_ONCE]))


async def _restate(parts: Parts, person: str) -> None:
    """Told, then looked at once more: by then somebody else may have been told otherwise."""
    told = None
    for _ in range(_LOOKS):
        now = await parts.directory.classes.of_person(person)
        if now == told:
            return
        await parts.sessions.restate(person, classes=now)
        told = now
