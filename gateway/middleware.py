"""The middlewares, each binding one rule to HTTP: facts, errors, host, cross-origin.

CORS headers go on `on_response_prepare` of the root application: only that reaches streamed answers,
errors and everything that a middleware cannot see.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from http import HTTPStatus
from typing import Protocol

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict

from gateway.client_address import Clients, Network
from gateway.cors import Surface, actual_headers, admit, is_preflight, preflight
from gateway.errors import (
    GatewayError,
    InvalidRequestError,
    MethodNotAllowedError,
    MisdirectedError,
    NotFoundError,
)
from gateway.expectation import meet_expectation
from gateway.origins import PolicyTable
from gateway.pages.refusals import REFUSALS
from gateway.pages.render import Renderer
from gateway.proxy.trace import trace_id
from gateway.refusals import common_headers, json_body, json_headers, reason
from gateway.request_context import (
    CLIENT,
    EMBED,
    PERSON,
    POLICIES,
    REASON,
    RELAYED,
    REQUEST_ID,
    ROUTE,
    SURFACE,
    VERDICT,
    Relayed,
)
from gateway.request_log import Ended, RequestLog
from gateway.surfaces import check_target, surface_of
from gateway.telemetry import AUDIT, Audit, Log
from gateway.verdicts import Verdicts

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_PREFLIGHT = web.RequestKey("preflight", bool)


class Policies(Protocol):
    """Where the current generation of origins.yaml is."""

    @property
    def current(self) -> PolicyTable: ...


def _surface(request: web.Request) -> Surface:
    surface = surface_of(request.raw_path.partition("?")[0])
    # GET /auth/logout is a page; only its POST is an endpoint for books.
    if request.method in {"GET", "HEAD"} and request.raw_path.startswith("/auth/logout"):
        return Surface.PAGE
    return surface


def facts(
    policies: Policies,
    own_origin: str,
    trusted_proxies: Sequence[Network],
    today: Callable[[], date],
    token: Callable[[int], bytes],
    log: Log,
    requests: RequestLog,
) -> Middleware:
    """First: the request's id and the one decision about its Origin, before anything can be refused.

    The decision is taken once against one immutable table, so a reload in mid-request changes nothing.
    Last to see the answer, so it writes the log line.
    """
    clients, verdicts = Clients(trusted_proxies), Verdicts(own_origin)

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = request.headers.get("X-Request-Id", "")
        request[REQUEST_ID] = asked if _REQUEST_ID.fullmatch(asked) else token(12).hex()
        table = policies.current
        verdict = verdicts.of(request.headers.getall("Origin", ()), table, today())
        request[POLICIES], request[VERDICT], request[SURFACE] = table, verdict, _surface(request)
        client = clients.of(request.remote, request.headers.getall("X-Forwarded-For", ()))
        if client is not None:
            request[CLIENT] = client
        request[AUDIT] = Audit(log, request[REQUEST_ID], client)
        began = time.perf_counter()
        status = 499  # the client left before there was an answer
        try:
            response = await handler(request)
            status = response.status
        finally:
            relayed = request.get(RELAYED)
            ended = Ended(
                request[REQUEST_ID],
                request.method,
                request.get(ROUTE, request[SURFACE].value),
                verdict.origin,
                status,
                request.get(REASON),
                _ms(began, time.perf_counter()),
                person=request.get(PERSON),
            )
            requests.note(ended if relayed is None else _with(ended, relayed, began))
        return response

    return handle


def _with(ended: Ended, relayed: Relayed, began: float) -> Ended:
    """And what its backend had to do with it."""
    first = relayed.first_byte
    return msgspec.structs.replace(
        ended,
        first_byte_ms=None if first is None else _ms(began, first),
        backend_ms=None if first is None else _ms(relayed.asked, first),
        bytes_in=relayed.bytes_in,
        bytes_out=relayed.bytes_out,
        url=relayed.url,
        trace=trace_id(relayed.trace),
    )


def _ms(began: float, ended: float) -> float:
    return round((ended - began) * 1000, 1)


def errors(renderer: Renderer, public_url: str, log: Log) -> Middleware:
    """The one place that turns exceptions into answers: JSON for books, a page for people."""

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
        except Exception:  # the entry point: whatever nobody foresaw is logged whole and told as nothing
            log.exception("unforeseen", id=request.get(REQUEST_ID))
            refusal = GatewayError()
        request[REASON] = reason(refusal)
        if _is_for_a_person(request, refusal):
            response = _page(renderer, request, refusal)
        else:
            response = _json(request, refusal, public_url)
        if refusal.close:
            response.force_close()
        return response

    return handle


def _is_for_a_person(request: web.Request, refusal: GatewayError) -> bool:
    """Whether a page answers: on our pages, and where an address that was typed in leads nowhere."""
    if request[SURFACE] in {Surface.PAGE, Surface.CALLBACK}:
        return True
    typed = request.headers.get("Sec-Fetch-Mode") == "navigate"  # no script can set it (Fetch Metadata)
    return typed and isinstance(refusal, NotFoundError)


def _ours(error: web.HTTPException) -> GatewayError:
    """What aiohttp's router and reader refuse, in our words."""
    match error:
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowedError(tuple(sorted(error.allowed_methods)))
        case web.HTTPNotFound():
            return NotFoundError()
        case _:
            return InvalidRequestError(f"aiohttp: {error.status}")


def _json(request: web.Request, refusal: GatewayError, public_url: str) -> web.Response:
    return web.Response(
        body=json_body(refusal, request[REQUEST_ID]),
        status=refusal.status,
        headers=CIMultiDict(json_headers(refusal, public_url)),
    )


def _page(renderer: Renderer, request: web.Request, refusal: GatewayError) -> web.Response:
    title, line = REFUSALS.get(refusal.code, ("That did not work", refusal.description))
    values = {
        "title": title,
        "lines": [line],
        "origin": None,
        "book": "" if isinstance(refusal, InvalidRequestError) else None,
        "request_id": None if isinstance(refusal, NotFoundError) else request[REQUEST_ID],
    }
    response = renderer.page("message.html", values, status=refusal.status)
    response.headers.update(common_headers(refusal))
    return response


def host(public_host: str) -> Middleware:
    """A Host that is not ours is 421 (RFC 9110 section 15.5.20): a name rebound to us gets nothing."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.getall("Host", []) != [public_host]:
            raise MisdirectedError("Host is not the public URL's", close=True)
        return await handler(request)

    return handle


def cross_origin() -> Middleware:
    """Answers preflights, before sessions and routing; refuses what CORS does not stop."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_target(request.raw_path.partition("?")[0], request.path)
        surface, verdict, headers = request[SURFACE], request[VERDICT], request.headers
        asked = headers.getall("Access-Control-Request-Method", [])
        if is_preflight(request.method, headers.getall("Origin", []), asked):
            names = headers.getall("Access-Control-Request-Headers", [])
            answer = preflight(verdict, surface, asked, names)
            request[_PREFLIGHT] = True
            if answer.reason is not None:
                request[REASON] = answer.reason
            return web.Response(status=answer.status, headers=answer.headers)
        admit(verdict, surface, request.method, headers.get("Sec-Fetch-Site"))
        if surface is not Surface.PROXIED:
            await meet_expectation(request)
        return await handler(request)

    return handle


def on_prepare(public_url: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """What every answer carries: request id, our CORS headers and no others, isolation, HSTS."""
    secure = public_url.startswith("https://")

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers["Server"] = "bookgate"
        if secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if VERDICT not in request:
            return  # aiohttp refused an `Expect` that it does not know, before any middleware
        headers["X-Request-Id"] = request[REQUEST_ID]
        if request.get(_PREFLIGHT):
            return
        for name in [name for name in headers if name.lower().startswith("access-control-")]:
            headers.popall(name, None)
        ours = actual_headers(
            request[VERDICT],
            request[SURFACE],
            headers.popall("Vary", []),
            embed=request.get(EMBED, False),
        )
        for name, value in ours:
            headers[name] = value

    return prepare
