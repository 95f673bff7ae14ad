"""What launches from courses and the picking of pages share: which page a target is, and refusals."""

from collections.abc import Sequence

from aiohttp import web

from gateway.access import LTI, offers
from gateway.classes_rules import BookPlace, parse_address, place_in
from gateway.pages.flow import Parts, policy_of
from gateway.pages.language import say
from gateway.request_context import ASKED


def place_of(request: web.Request, parts: Parts, target: str) -> BookPlace | None:
    """The page of a book that policy grants and that takes people from courses; None: it is none."""
    address = parse_address(target)
    # by the very text: it becomes a Location, and a teacher's blanks around an address are nothing to keep
    if address is None or target != target.strip() or not target.startswith(("https://", "http://")):
        return None
    policy = policy_of(request, parts, address[0])
    if policy is None or policy.application or not offers(policy, LTI):
        return None
    return place_in(policy, *address)


def refused(
    request: web.Request,
    parts: Parts,
    line: str,
    why: str,
    status: int = 403,
    *,
    framed_by: Sequence[str] = (),
    title: str | None = None,
) -> web.Response:
    """A page that says so. line: for people; why: for the log. framed_by: where a frame shows it."""
    request[ASKED].reason = f"lti: {why}"
    values = {
        "title": title or say("You were not signed in"),
        "lines": [line],
        "origin": None,
        "book": None,
        "request_id": request[ASKED].id,
    }
    return parts.renderer.page("message.html", values, status=status, framed_by=framed_by)
