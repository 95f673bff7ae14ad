"""The section of the account page on what somebody is called: their way in proposes it, they decide."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from aiohttp import web

from gateway.classes_rules import NAME_LENGTH, parse_name
from gateway.limits import CHANGES
from gateway.pages.flow import Parts
from gateway.pages.language import say
from gateway.pages.sections import Stay, Submitted
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited


async def name_of(_: web.Request, parts: Parts, _live: LiveSignIn) -> Mapping[str, object] | None:
    """None where the site keeps no names."""
    return {"longest": NAME_LENGTH} if parts.directory.keeps_names else None


async def rename(request: web.Request, parts: Parts, live: LiveSignIn, submitted: Submitted) -> Stay:
    """An empty field gives the word back to the provider. Raises TooManyRequestsError."""
    text, person = submitted.fields.get("name", ""), live.record.person
    name = parse_name(text)
    if not parts.directory.keeps_names or (name is None and text.strip()):
        trouble = say("A name has 1 to %(number)s letters, digits or signs.", number=NAME_LENGTH)
        return Stay(live, trouble=trouble, status=422)
    await parts.grants.limit("names", person, CHANGES)
    await parts.directory.rename(person, name)
    request[AUDIT].note(Audited.RENAMED, who=person)
    if name is None:
        return Stay(live, done=say("From your next sign-in on the name from there is used."))
    await parts.sessions.restate(person, name=name)
    renamed = replace(live, record=msgspec.structs.replace(live.record, name=name))
    return Stay(renamed, done=say("Saved. Books call you so when they next look."))
