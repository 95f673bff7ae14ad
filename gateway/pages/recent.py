"""Whoever does something grave must have proved who they are within the last ten minutes."""

from typing import Final

from aiohttp import web

from gateway.pages.flow import Parts, start_login
from gateway.pages.language import say
from gateway.pages.onward import onward
from gateway.pages.ways import Kind, Way
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn

RECENT: Final = 600  # seconds


async def recent(
    request: web.Request, parts: Parts, live: LiveSignIn, back: str | None = None
) -> web.Response | None:
    """None: they proved it recently. Else the answer to give: off to prove it, and back to this page.

    back: the page of ours to come back to, by GET; None: the one that was asked for.
    Raises ProviderUnavailableError, TooManyRequestsError.
    """
    proved = live.record.proved_at
    if proved is not None and parts.clock() - proved < RECENT:
        return None
    place = back or request.path
    way = parts.ways.get(live.record.provider) or await _another(parts, live)
    if way is None or way.href is None:
        return _from_there(request, parts, way.label if way else live.record.provider)
    if way.kind is not Kind.PROVIDER:
        again = "&again=1" if way.kind is Kind.PASSKEY else ""
        headers = {"Location": way.address(None, place) + again, "Cache-Control": "no-store"}
        return web.Response(status=303, headers=headers)
    begun = await start_login(
        request,
        parts,
        way,
        None,
        select_account=False,
        own_device=live.record.own_device,
        back=place,
        again=live.record.person,
    )
    return onward(request, parts, begun, say(way.label))


async def _another(parts: Parts, live: LiveSignIn) -> Way | None:
    """Of a person whose provider is not in gateway.yaml any more: another way in of theirs; None: none."""
    for identity in await parts.directory.identities.of_person(live.record.person):
        way = parts.ways.get(identity.provider)
        if way is not None and way.kind is Kind.PROVIDER:
            return way
    return None


def _from_there(request: web.Request, parts: Parts, label: str) -> web.Response:
    """A way in that does not begin here: they have to come by it once more."""
    request[ASKED].reason = "signed in too long ago"
    values = {
        "title": say("Sign in once more"),
        "lines": [
            say("This needs a sign-in within the last ten minutes."),
            say("Come in by %(way)s again, as you did the last time, then open this page.", way=say(label)),
        ],
        "origin": None,
        "book": None,
        "request_id": None,
    }
    return parts.renderer.page("message.html", values, status=403, in_flow=False)
