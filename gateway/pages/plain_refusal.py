"""The page of a silent sign-in that a book may not ask for."""

from aiohttp import web

from gateway.pages.language import say
from gateway.pages.render import Renderer
from gateway.request_context import ASKED


def plain_refusal(request: web.Request, renderer: Renderer) -> web.Response:
    """prompt=none from an origin that nobody here approved: the page tells nothing of who is signed in."""
    request[ASKED].reason = "consent_required: prompt=none"
    values = {
        "title": say("Sign in from the book"),
        "lines": [
            say("This book may not sign anybody in without a question."),
            say("Close this window and use the book's own sign-in button."),
        ],
        "origin": None,
        "book": None,
        "request_id": None,
    }
    return renderer.page("message.html", values, status=403)
