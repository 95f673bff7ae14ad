"""Pages are for windows: nothing of another site's begins one of ours by showing it."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.errors import ForbiddenError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# pictures of our pages, and what learning platforms show in frames of theirs, which have rules of their own
_SHOWN: Final = ("/auth/assets/", "/auth/lti/")


@web.middleware
async def for_windows(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what is no top-level document (Fetch Metadata, Sec-Fetch-Dest), before anything begins for it.

    X-Frame-Options comes too late: a page with a hundred pictures of our sign-in page would leave as many
    cookies here, before which those of a sign-in that is under way give way, and use up what an address may
    begin.
    """
    dest = request.headers.get("Sec-Fetch-Dest", "document")
    if dest != "document" and not request.path.startswith(_SHOWN):
        raise ForbiddenError(f"a page of ours as {dest[:20]!r}")
    return await handler(request)
