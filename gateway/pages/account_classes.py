"""The section of the account page on the classes that a person teaches or is in."""

from collections.abc import Mapping

from aiohttp import web

from gateway.classes_rules import may_create
from gateway.pages.flow import Parts
from gateway.roles import roles_anywhere
from gateway.sessions import LiveSignIn


async def classes_of(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    """Nothing of who is in none and may make none: most readers."""
    found = await parts.directory.classes.list_of(live.record.person)
    may = may_create(parts.classes.create, roles_anywhere(live.record.roles))
    return {"classes": found, "may_create": may} if found or may else None
