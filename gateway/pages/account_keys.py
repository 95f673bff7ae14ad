"""The sections of the account page on what a person holds themselves: passkeys and tokens."""

from collections.abc import Mapping

from aiohttp import web

from gateway.access import PASSKEY
from gateway.pages.account_view import Moment
from gateway.pages.flow import Parts
from gateway.pages.language import say
from gateway.pages.sections import Stay, Submitted
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited


async def passkeys_of(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    """None where the site has none, which may have had some."""
    found, now = await parts.directory.passkeys.of(live.record.person), int(parts.clock())
    if PASSKEY not in parts.ways and not found:
        return None
    shown = [
        {
            "id": one.id,
            "name": one.name,
            "made": Moment(one.created, now),
            "used": None if one.used is None else Moment(one.used, now),
        }
        for one in found
    ]
    return {"passkeys": shown, "more": PASSKEY in parts.ways}


async def remove_passkey(request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted) -> Stay:
    if await parts.directory.passkeys.remove(live.record.person, submitted.what):
        request[AUDIT].note(Audited.PASSKEY_REMOVED, who=live.record.person)
        return Stay(live, done=say("That passkey signs nobody in any more. Delete it on the device too."))
    return Stay(live, done=say("That passkey was removed already."))


async def tokens_of(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    """Nothing where no service takes any."""
    found = await parts.directory.personal_tokens.of(live.record.person)
    return {"count": len(found)} if found or parts.script_backends else None
