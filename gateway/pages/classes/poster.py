"""/auth/classes/of/ID/poster: the link of a class as a wall shows it, in letters for the last row."""

from aiohttp import web

from gateway.pages.authorize import Handler
from gateway.pages.classes.codes import join_address, join_code
from gateway.pages.classes.forms import Page, Said, shown_to
from gateway.pages.classes.room import taught
from gateway.pages.flow import Parts
from gateway.sessions import LiveSignIn


def poster_handler(parts: Parts) -> Handler:
    return shown_to(parts, _page(parts))


def _page(parts: Parts) -> Page:
    async def page(request: web.Request, live: LiveSignIn, _said: Said) -> web.Response:
        one = await taught(request, parts, live)
        link = join_address(parts.public_url, one.code)
        short = f"{parts.public_url}/auth/classes/join".partition("://")[2]
        values = {"one": one, "link": link, "short": short, "qr": join_code(link)}
        return parts.renderer.page("classes/poster.html", values, in_flow=False)

    return page
