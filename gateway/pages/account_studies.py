"""The section of the account page on research."""

from collections.abc import Mapping

from aiohttp import web

from gateway.pages.flow import Parts
from gateway.pages.studies import studies_for
from gateway.sessions import LiveSignIn


async def studies_of(_: web.Request, parts: Parts, live: LiveSignIn) -> Mapping[str, object] | None:
    found = await studies_for(parts, live.record.person)
    return {"studies": found} if found else None
