"""GET /auth/doctor and its window: what an author is told about a book's address, and a popup to try."""

import re
from collections.abc import Callable, Mapping
from itertools import groupby
from operator import itemgetter

from aiohttp import web

from gateway.authorize_rules import parameters, parse_client_id
from gateway.doctor_rules import (
    BookAddress,
    Diagnosis,
    Finding,
    UnreadableAddressError,
    diagnose,
    parse_book_address,
)
from gateway.errors import InvalidRequestError
from gateway.grant_rules import redirect_uri_ok
from gateway.origins import Policy, Trust
from gateway.pages.authorize import Handler
from gateway.pages.flow import Parts, denied_page, policy_of
from gateway.pages.language import say
from gateway.request_context import ASKED
from gateway.routes import RouteTable

_MARK = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def doctor_handler(parts: Parts, routes: RouteTable, clock: Callable[[], float]) -> Handler:
    """The page: `book` is an address that a person typed; `origin` and `path` come with the client's link.

    It reads no session and writes nothing: it costs no more than a refusal and has no limit of its own.
    An address that cannot be read: 400, the form again, and a code of AddressFault.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        params = parameters(request.query.items())
        typed = params.get("book", params.get("origin", "") + params.get("path", ""))
        values: dict[str, object] = {"typed": typed[:200], "now": int(clock()), "fault": None, "told": None}
        if not params:
            return parts.renderer.page("doctor.html", values, in_flow=False)
        try:
            address = parse_book_address(typed)
        except UnreadableAddressError as error:
            request[ASKED].reason = error.fault.value
            values["fault"] = error.fault.value
            return parts.renderer.page("doctor.html", values, status=400, in_flow=False)
        found = diagnose(address, request[ASKED].policies, parts.today(), routes.backends)
        if (entry := found.decided_by) is not None and found.listed:
            # for ops alone: the page names the request
            request[ASKED].reason = f"doctor: {entry.file}:{entry.line}"
        values["told"] = _told(parts, found, routes, request[ASKED].id)
        return parts.renderer.page("doctor.html", values, in_flow=False)

    return handle


def _told(parts: Parts, found: Diagnosis, routes: RouteTable, request_id: str) -> Mapping[str, object]:
    """The diagnosis in the words of the template."""
    policy = found.policy
    offered = policy.sign_in if policy else None
    ways = [say(way.title) for way in parts.ways.values() if offered is None or way.id in offered]
    return {
        "origin": str(found.address.origin),
        "finding": found.finding.value,
        "level": _LEVELS[found.finding],
        "listed": found.listed,
        "signs_in": found.signs_in,
        "ways": ways if found.signs_in else [],
        "backends": _paths(routes, policy) if policy else [],
        "reads_only": policy is not None and "PUT" not in policy.methods,
        "minutes": policy.max_age // 60 if policy else 0,
        "until": policy.expires if policy else None,
        "return_page": found.address.return_page,
        "return_page_accepted": found.return_page_accepted,
        "redirects": _redirects(policy, found.address) if policy else [],
        "contact": found.contact or parts.renderer.contact,
        "lines": found.lines,
        "request_id": request_id,
    }


_LEVELS: Mapping[Finding, str] = {
    Finding.TRUSTED: "ok",
    Finding.CONSENT: "ok",
    Finding.UNLISTED_CONSENT: "note",
    Finding.WITHOUT_SIGN_IN: "problem",
    Finding.DENIED: "problem",
    Finding.EXPIRED: "problem",
    Finding.UNLISTED: "problem",
    Finding.INSECURE: "problem",
}


def _redirects(policy: Policy, address: BookAddress) -> list[str]:
    """The listed return pages of this origin; a group's may be another book's."""
    return sorted(page for page in policy.redirects if page.startswith(f"{address.origin}/"))


def _paths(routes: RouteTable, policy: Policy) -> list[tuple[str, list[str]]]:
    """The services that the book may call, each with its paths."""
    granted = sorted(
        (route.backend, route.path) for route in routes.routes if route.backend in policy.backends
    )
    return [(name, [path for _, path in pairs]) for name, pairs in groupby(granted, itemgetter(0))]


def window_handler(parts: Parts) -> Handler:
    """What the sign-in window does, without a sign-in: tell the opener, or go to the book's return page.

    Nothing but the mark that the book itself made is told. A return page that nobody vouches for is only a
    link: without a click nobody is sent there (RFC 9700 section 4.11.2).
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        params = parameters(request.query.items())
        origin = parse_client_id(params.get("origin", ""))
        policy = policy_of(request, parts, origin)
        if policy is None:
            return denied_page(request, parts, str(origin))
        mark, page = params.get("mark", ""), params.get("return", "")
        if _MARK.fullmatch(mark) is None:
            raise InvalidRequestError("mark is missing or odd")
        if not redirect_uri_ok(page, origin, policy):
            raise InvalidRequestError("return is not one of this origin's return pages")
        answer = {
            "message": {"bookgate": "doctor", "mark": mark},
            "origin": str(origin),
            "target": f"{page}#state={mark}",
            "unasked": policy.trust is Trust.TRUSTED,
        }
        return parts.renderer.page("doctor_window.html", {"answer": answer})

    return handle
