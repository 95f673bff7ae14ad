"""The sections of the account page on where a person is signed in, and how to leave."""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from gateway.pages.account_view import Shown, shown
from gateway.pages.flow import Parts
from gateway.pages.language import say
from gateway.pages.sections import Gone, Stay, Submitted
from gateway.pages.shell import old_cookie, replace_session
from gateway.records import SignInSummary
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited


async def this_browser(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    found = await _shown(parts, live)
    return {"session": found.this, "own_device": live.record.own_device}


async def other_browsers(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    others = (await _shown(parts, live)).others
    return {"sessions": others, "count": len(others)}


async def everywhere(_: web.Request, _parts: Parts, _live: LiveSignIn) -> Mapping[str, object] | None:
    return {}


async def _shown(parts: Parts, live: LiveSignIn) -> Shown:
    labels = {way.id: say(way.label) for way in parts.ways.values()}
    of_person = await parts.sessions.of_person(live.record.person)
    return shown(of_person, live.key, labels, int(parts.clock()))


async def save_device(request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted) -> Stay:
    own_device = submitted.fields.get("own_device") == "1"
    kept = await parts.sessions.set_own_device(live, own_device=own_device)
    await replace_session(request, replace(kept, id=await old_cookie(request)))
    return Stay(kept, done=say("Saved."))


async def sign_out(request: web.Request, parts: Parts, live: LiveSignIn, _: Submitted) -> Gone:
    """The dead id stays in the browser: the next sign-in asks the provider for the account."""
    request[AUDIT].note(Audited.SIGN_OUT_BROWSER, who=live.record.person, session=live.key)
    await parts.sessions.end_sign_in(live.key)
    return Gone()


async def sign_out_everywhere(request: web.Request, parts: Parts, live: LiveSignIn, _: Submitted) -> Gone:
    request[AUDIT].note(Audited.SIGN_OUT_EVERYWHERE, who=live.record.person)
    await parts.sessions.end_everywhere(live.record.person)
    return Gone()


async def end_others(request: web.Request, parts: Parts, live: LiveSignIn, _: Submitted) -> Stay:
    await _end(request, parts, live, None)
    return Stay(live, done=say("You are signed out everywhere but here."))


async def end_one(request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted) -> Stay:
    if await _end(request, parts, live, submitted.what):
        return Stay(live, done=say("That browser is signed out."))
    return Stay(live, done=say("That browser was signed out already."))


async def _end(request: web.Request, parts: Parts, live: LiveSignIn, only: str | None) -> list[str]:
    """End the other sign-in sessions of this person, or the one of them that has this key."""
    ended = [
        each.key
        for each in await parts.sessions.of_person(live.record.person)
        if isinstance(each, SignInSummary) and each.key != live.key and only in {None, each.key}
    ]
    if ended:
        request[AUDIT].note(Audited.SESSIONS_ENDED, who=live.record.person, by="self", sessions=ended)
    await parts.sessions.end_sign_ins(ended)
    return ended
