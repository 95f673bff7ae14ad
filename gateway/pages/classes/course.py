"""/auth/classes/of/ID/course: who of a course has not come yet, asked of its platform and kept nowhere."""

from aiohttp import web

from gateway.directory import Class
from gateway.errors import NotFoundError, ProviderUnavailableError
from gateway.limits import ROSTERS
from gateway.lti.members import Missing
from gateway.pages.authorize import Handler
from gateway.pages.classes.forms import Page, Said, shown_to
from gateway.pages.classes.room import taught
from gateway.pages.flow import Parts
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn


def course_handler(parts: Parts) -> Handler:
    return shown_to(parts, _page(parts))


def _page(parts: Parts) -> Page:
    async def page(request: web.Request, live: LiveSignIn, _said: Said) -> web.Response:
        one = await taught(request, parts, live)
        if one.platform is None or one.memberships is None or one.archived is not None:
            raise NotFoundError("no platform says who is in it")
        await parts.grants.limit("rosters", live.record.person, ROSTERS)
        missing = await _missing(request, parts, one, one.platform, one.memberships)
        values = {"one": one, "missing": missing, "person": live.record.name}
        status = 200 if missing is not None else 502
        return parts.renderer.page("classes/course.html", values, status=status, in_flow=False)

    return page


async def _missing(
    request: web.Request, parts: Parts, one: Class, platform: str, memberships: str
) -> Missing | None:
    """None: the platform does not say at the moment."""
    came = await parts.directory.classes.came_from(one)
    try:
        return await parts.rosters.missing(platform, memberships, came)
    except ProviderUnavailableError as error:
        request[ASKED].reason = f"{error.code}: {error.detail}"
        return None
