"""The section of the account page on the ways in: which there are, adding one, taking one away."""

from collections.abc import Mapping

from aiohttp import web

from gateway.directory import Identity
from gateway.errors import InvalidRequestError, ProviderUnavailableError
from gateway.pages.account_view import Moment
from gateway.pages.flow import Parts, start_login, unavailable
from gateway.pages.language import say
from gateway.pages.onward import onward
from gateway.pages.recent import recent
from gateway.pages.sections import Stay, Submitted
from gateway.pages.ways import Kind, Way
from gateway.records import SignInSummary
from gateway.request_context import ASKED
from gateway.sealing import hashed
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited


async def ways_of(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    now, person = int(parts.clock()), live.record.person
    found = await parts.directory.identities.of_person(person)
    shown = [
        {
            "mark": _mark(each),
            "title": _title(parts, each.provider),
            "added": Moment(each.created, now),
            "used": Moment(each.seen, now),
        }
        for each in found
    ]
    merges = await parts.lifecycle.merges_of(person)
    return {
        "identities": shown,
        "removable": len(found) > 1,
        "more": _addable(parts),
        "merges": [{"id": each.id, "when": Moment(each.decided, now)} for each in merges],
    }


async def add_way(
    request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted
) -> Stay | web.Response:
    """Off to the other provider; what comes back is asked about before anything is added (linking.py)."""
    way = next((way for way in _addable(parts) if way.id == submitted.what), None)
    if way is None:
        raise InvalidRequestError("no such way in")
    if (answer := await recent(request, parts, live, "/auth/account")) is not None:
        return answer
    try:
        begun = await start_login(
            request, parts, way, None, select_account=True, own_device=False, link=live.record.person
        )
    except ProviderUnavailableError as error:
        request[ASKED].reason = f"{error.code}: {error.detail}"
        return Stay(live, trouble=unavailable(way), status=502)
    return onward(request, parts, begun, say(way.label))


async def remove_way(
    request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted
) -> Stay | web.Response:
    """Whoever comes by it from now on is somebody else, and is signed out here."""
    if (answer := await recent(request, parts, live, "/auth/account")) is not None:
        return answer
    person = live.record.person
    mine = await parts.directory.identities.of_person(person)
    one = next((each for each in mine if _mark(each) == submitted.what), None)
    if one is None:
        return Stay(live, done=say("That way in was gone already."))

    def keeps(staying: list[Identity]) -> bool:
        return any(each.provider in parts.ways for each in staying)

    if not await parts.directory.identities.unlink(one.issuer, one.subject, person, keeps):
        return Stay(live, trouble=say("That is the last way in: add another one first."), status=409)
    request[AUDIT].note(Audited.WAY_REMOVED, who=person, provider=one.provider)
    found = await parts.sessions.of_person(person)
    ended = [
        each.key
        for each in found
        if isinstance(each, SignInSummary) and each.provider == one.provider and each.key != live.key
    ]
    await parts.sessions.end_sign_ins(ended)
    return Stay(
        live, done=say("%(way)s is no way in to this account any more.", way=_title(parts, one.provider))
    )


async def undo_merge(
    request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted
) -> Stay | web.Response:
    """Both sign in again: all sessions of the one that they were end."""
    if (answer := await recent(request, parts, live, "/auth/account")) is not None:
        return answer
    receipt = await parts.lifecycle.unmerge(submitted.what, live.record.person)
    request[AUDIT].note(Audited.UNMERGED, who=live.record.person, person=receipt.person)
    line = say("The two accounts are two again. Sign in to the one that you want.")
    values = {"title": say("Done"), "lines": [line], "origin": None, "book": None, "request_id": None}
    return parts.renderer.page("not_done.html", values, in_flow=False)


def _mark(identity: Identity) -> str:
    """By which a form names it without saying it."""
    return hashed(f"{identity.issuer} {identity.subject}")[:22]


def _title(parts: Parts, provider: str) -> str:
    way = parts.ways.get(provider)
    return provider if way is None else say(way.title)


def _addable(parts: Parts) -> list[Way]:
    return [way for way in parts.ways.values() if way.kind is Kind.PROVIDER]
