"""The section of the account page on the books that a person allowed to save their work."""

from collections.abc import Mapping

from aiohttp import web

from gateway.pages.account_view import Moment
from gateway.pages.flow import Parts
from gateway.pages.language import say
from gateway.pages.sections import Stay, Submitted
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited


async def approved_books(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    now = int(parts.clock())
    found = await parts.directory.approvals(live.record.person)
    shown = [
        {"origin": each.origin, "approved": Moment(each.approved, now), "used": Moment(each.used, now)}
        for each in found
    ]
    return {"approvals": shown} if shown else None


async def withdraw(request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted) -> Stay:
    person, origin = live.record.person, submitted.what
    if origin not in {each.origin for each in await parts.directory.approvals(person)}:
        return Stay(live, done=say("That book had no permission any more."))
    request[AUDIT].note(Audited.CONSENT_WITHDRAWN, who=person, origin=origin)
    try:
        await parts.directory.withdraw(person, origin)
        await parts.directory.personal_tokens.revoke_for(person, origin)
    finally:  # its sessions end all the same
        await parts.sessions.end_books(person, origin)
    return Stay(live, done=say("%(origin)s may not save your work any more.", origin=origin))
