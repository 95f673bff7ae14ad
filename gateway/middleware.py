"""The middlewares, each binding one rule to HTTP: facts, errors, host, cross-origin; and all of them in one.

CORS headers go on `on_response_prepare` of the root application: only that reaches streamed answers,
errors and everything that a middleware cannot see.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict

from gateway.applications import Applications
from gateway.client_address import Addresses, kept
from gateway.cors import Surface, actual_headers, admit, is_preflight, preflight
from gateway.errors import (
    GatewayError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
)
from gateway.expectation import meet_expectation
from gateway.pages.language import say, spoken
from gateway.pages.refusals import DID_NOT_WORK, REFUSALS
from gateway.pages.render import Renderer
from gateway.proxy.plain import Forwarding
from gateway.proxy.trace import trace_id
from gateway.reception import Reception
from gateway.refusals import common_headers, json_body, json_headers, reason
from gateway.request_context import ASKED, Asked
from gateway.request_log import Ended, RequestLog, milliseconds
from gateway.surfaces import check_target, surface_of
from gateway.telemetry import AUDIT, Audit, Log

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _surface(request: web.Request) -> Surface:
    surface = surface_of(request.raw_path.partition("?")[0])
    # GET /auth/logout is a page; only its POST is an endpoint for books.
    if request.method in {"GET", "HEAD"} and request.raw_path.startswith("/auth/logout"):
        return Surface.PAGE
    return surface


def _receive(reception: Reception, request: web.Request, surface: Surface) -> Asked:
    """The decision about its Origin is taken once, by one table: a reload in mid-request changes nothing."""
    headers, table = request.headers, reception.policies.current
    return Asked(
        reception.request_id(headers.get("X-Request-Id")),
        table,
        reception.verdict(headers.getall("Origin", ()), table),
        surface,
        # of a Unix socket asyncio says '', not None
        reception.client(request.remote or None, headers.getall("X-Forwarded-For", ())),
    )


def facts(reception: Reception, log: Log, requests: RequestLog, addresses: Addresses) -> Middleware:
    """First: the request's id and the decision about its Origin, before anything can be refused.

    Last to see the answer, so it writes the log line.
    """

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        asked = request[ASKED] = _receive(reception, request, _surface(request))
        address = None if asked.client is None else kept(asked.client, addresses)
        request[AUDIT] = Audit(log, asked.id, address)
        status = 499  # the client left before there was an answer
        try:
            response = await handler(request)
            status = response.status
        finally:
            requests.note(_ended(request.method, asked, status, began))
        return response

    return handle


def _ended(method: str, asked: Asked, status: int, began: float) -> Ended:
    relayed, now = asked.relayed, time.perf_counter()
    first = None if relayed is None else relayed.first_byte
    return Ended(
        asked.id,
        method,
        asked.route or asked.surface.value,
        asked.verdict.origin,
        status,
        asked.reason,
        milliseconds(now - began),
        None if first is None else milliseconds(first - began),
        None if first is None or relayed is None else milliseconds(first - relayed.asked),
        None if relayed is None else relayed.bytes_in,
        None if relayed is None else relayed.bytes_out,
        asked.person,
        None if relayed is None else relayed.url,
        None if relayed is None else trace_id(relayed.trace),
    )


class Refusals:
    """The one place that turns exceptions into answers: JSON for books, a page for people."""

    def __init__(self, renderer: Renderer, public_url: str, log: Log) -> None:
        self._renderer = renderer
        self._public_url = public_url
        self._log = log

    def answer(self, request: web.Request, asked: Asked, refusal: GatewayError) -> web.Response:
        asked.reason = reason(refusal)
        if _is_for_a_person(request, asked, refusal):
            with spoken(self._renderer.languages.of(request)):
                response = _page(self._renderer, asked, refusal)
        else:
            response = _json(asked, refusal, self._public_url)
        if refusal.close:
            response.force_close()
        return response

    def unforeseen(self, request: web.Request, asked: Asked) -> web.Response:
        """What is handled now is logged whole and told as nothing."""
        self._log.exception("unforeseen", id=asked.id)
        return self.answer(request, asked, GatewayError())


def errors(refusals: Refusals) -> Middleware:
    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except GatewayError as error:
            refusal = error
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            refusal = _ours(error)
        except Exception:  # ruff: ignore[blind-except]  # the entry point
            return refusals.unforeseen(request, request[ASKED])
        return refusals.answer(request, request[ASKED], refusal)

    return handle


def _is_for_a_person(request: web.Request, asked: Asked, refusal: GatewayError) -> bool:
    """Whether a page answers: on our pages, and where an address that was typed in leads nowhere."""
    if asked.surface in {Surface.PAGE, Surface.CALLBACK}:
        return True
    typed = request.headers.get("Sec-Fetch-Mode") == "navigate"  # no script can set it (Fetch Metadata)
    policy = asked.verdict.policy
    return typed and (isinstance(refusal, NotFoundError) or (policy is not None and policy.application))


def _ours(error: web.HTTPException) -> GatewayError:
    """What aiohttp's router and reader refuse, in our words."""
    match error:
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowedError(tuple(sorted(error.allowed_methods)))
        case web.HTTPNotFound():
            return NotFoundError()
        case _:
            return InvalidRequestError(f"aiohttp: {error.status}")


def _json(asked: Asked, refusal: GatewayError, public_url: str) -> web.Response:
    return web.Response(
        body=json_body(refusal, asked.id),
        status=refusal.status,
        headers=CIMultiDict(json_headers(refusal, public_url)),
    )


def _page(renderer: Renderer, asked: Asked, refusal: GatewayError) -> web.Response:
    title, line = REFUSALS.get(refusal.code, (DID_NOT_WORK, refusal.description))
    values = {
        "title": say(title),
        "lines": [say(line)],
        "origin": None,
        "book": "" if isinstance(refusal, InvalidRequestError) else None,
        "request_id": None if isinstance(refusal, NotFoundError) else asked.id,
    }
    response = renderer.page("message.html", values, status=refusal.status)
    response.headers.update(common_headers(refusal))
    return response


def host(applications: Applications) -> Middleware:
    """To an application's host goes its own way: none of our addresses but a few is there."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        application = applications.of(request)
        if application is None:
            return await handler(request)
        return await applications.serve(request, request[ASKED], application)

    return handle


def _check_target(request: web.Request) -> None:
    raw = request.raw_path.partition("?")[0]
    check_target(raw, request.path if "%" in raw else raw)


def cross_origin() -> Middleware:
    """Answers preflights, before sessions and routing; refuses what CORS does not stop."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_target(request)
        asked, headers = request[ASKED], request.headers
        methods = headers.getall("Access-Control-Request-Method", [])
        if is_preflight(request.method, headers.getall("Origin", []), methods):
            names = headers.getall("Access-Control-Request-Headers", [])
            answer = preflight(asked.verdict, asked.surface, methods, names)
            asked.is_preflight, asked.reason = True, answer.reason
            return web.Response(status=answer.status, headers=answer.headers)
        admit(asked.verdict, asked.surface, request.method, headers.get("Sec-Fetch-Site"))
        if asked.surface is not Surface.PROXIED:
            await meet_expectation(request)
        return await handler(request)

    return handle


def takes(method: str, target: str, headers: Mapping[str, str]) -> bool:
    """Whether a request is the entrance's. target: as it came."""
    proxied = surface_of(target.partition("?")[0]) is Surface.PROXIED
    return proxied and method != "OPTIONS" and "Upgrade" not in headers


class Entrance:
    """What all of these do, for nearly all requests: those to backends, past the router.

    Preflights, and what may become no HTTP, go the long way.
    """

    def __init__(
        self,
        reception: Reception,
        refusals: Refusals,
        applications: Applications,
        requests: RequestLog,
        forward: Forwarding,
    ) -> None:
        self._reception = reception
        self._refusals = refusals
        self._applications = applications
        self._requests = requests
        self._forward = forward

    async def serve(self, request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        asked = _receive(self._reception, request, Surface.PROXIED)
        status = 499
        try:
            try:
                response = await self._served(request, asked)
            except GatewayError as refusal:
                request[ASKED] = asked  # for the headers that every answer has
                response = self._refusals.answer(request, asked, refusal)
            except Exception:  # ruff: ignore[blind-except]  # the entry point
                request[ASKED] = asked
                response = self._refusals.unforeseen(request, asked)
            status = response.status
        finally:
            self._requests.note(_ended(request.method, asked, status, began))
        return response

    async def _served(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        application = self._applications.of(request)
        if application is not None:
            return await self._applications.serve(request, asked, application)
        _check_target(request)
        return await self._forward(request, asked)


ENTRANCE = web.AppKey("entrance", Entrance)  # of an application whose requests need not all be routed


def on_prepare(public_url: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """What every answer carries: request id, our CORS headers and no others, isolation, HSTS."""
    secure = public_url.startswith("https://")

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers["Server"] = "bookgate"
        if secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        asked = request.get(ASKED)
        if asked is None:
            return  # aiohttp refused an `Expect` that it does not know, before any middleware
        headers["X-Request-Id"] = asked.id
        if asked.is_preflight:
            return
        for name in [name for name in headers if name.lower().startswith("access-control-")]:
            headers.popall(name, None)
        ours = actual_headers(asked.verdict, asked.surface, headers.popall("Vary", []), embed=asked.embed)
        for name, value in ours:
            headers[name] = value

    return prepare
