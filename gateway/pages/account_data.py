"""The section of the account page that leads to what is kept of a person."""

from collections.abc import Mapping

from aiohttp import web

from gateway.pages.flow import Parts
from gateway.session_limits import DAY
from gateway.sessions import LiveSignIn


async def data_of(_: web.Request, parts: Parts, __: LiveSignIn) -> Mapping[str, object]:
    """days: without a sign-in, after which a person is deleted; None: never."""
    after = parts.lifecycle.inactive_after
    return {"days": None if after is None else after // DAY}
