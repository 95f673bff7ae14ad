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

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.client_address import Network, client_address
from gateway.cors import Surface, actual_headers, admit, is_preflight, judge, preflight
from gateway.errors import (
    GatewayError,
    InvalidRequestError,
    MethodNotAllowedError,
    MisdirectedError,
    NotFoundError,
    TooManyRequestsError,
    UseNonceError,
)
from gateway.expectation import meet_expectation
from gateway.origins import PolicyTable
from gateway.pages.refusals import REFUSALS
from gateway.pages.render import Renderer
from gateway.request_context import CLIENT, EMBED, POLICIES, REASON, REQUEST_ID, ROUTE, VERDICT
from gateway.telemetry import AUDIT, Audit, Log, request_line

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_PROTOCOL = frozenset(
    {
        "/auth/token", "/auth/confirm", "/auth/session", "/auth/logout", "/auth/ws-ticket",
        "/auth/guest-code",
    }
)  # fmt: skip
_PREFLIGHT = web.RequestKey("preflight", bool)
_CALLBACK = re.compile(r"/auth/callback/[a-z0-9-]+", re.ASCII)
_SERVER = re.compile(r"/auth/backchannel-logout/[a-z0-9-]+", re.ASCII)


class Policies(Protocol):
    """Where the current generation of origins.yaml is."""

    @property
    def current(self) -> PolicyTable: ...


def surface_of(path: str) -> Surface:
    """What kind of address a raw path is."""
    if path in _PROTOCOL:
        return Surface.PROTOCOL
    if _CALLBACK.fullmatch(path):
        return Surface.CALLBACK
    if _SERVER.fullmatch(path):
        return Surface.SERVER
    if path == "/auth" or path.startswith("/auth/"):
        return Surface.PAGE
    if path == "/bookgate.js" or path.startswith(("/client/", "/.well-known/")):
        return Surface.PUBLIC
    return Surface.PROXIED


# The same in aiohttp's router: what is ours is never a backend's, so there a wrong method is 405.
PROXIED_PATHS = r"/{path:(?!(?:auth|client|\.well-known)/|auth$|bookgate\.js$).*}"


def _surface(request: web.BaseRequest) -> Surface:
    surface = surface_of(request.raw_path.partition("?")[0])
    # GET /auth/logout is a page; only its POST is an endpoint for books.
    if request.method in {"GET", "HEAD"} and request.raw_path.startswith("/auth/logout"):
        return Surface.PAGE
    return surface


def check_target(raw_path: str, path: str) -> None:
    """Raises where the router could take a request to another address than the one that is judged.

    raw_path: as it came, which every rule goes by. path: decoded, which aiohttp's router goes by. None of our
    own addresses has anything to encode.
    """
    if not raw_path.startswith("/"):
        raise InvalidRequestError("not an origin-form target", close=True)  # RFC 9112 section 3.2.1
    if "%" in raw_path and surface_of(path) is not Surface.PROXIED:
        raise NotFoundError("an address of ours in disguise")


def facts(
    policies: Policies,
    own_origin: str,
    trusted_proxies: Sequence[Network],
    today: Callable[[], date],
    token: Callable[[int], bytes],
    log: Log,
) -> Middleware:
    """First: the request's id and the one decision about its Origin, before anything can be refused.

    The decision is taken once against one immutable table, so a reload in mid-request changes nothing.
    Last to see the answer, so it writes the log line.
    """

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = request.headers.get("X-Request-Id", "")
        request[REQUEST_ID] = asked if _REQUEST_ID.fullmatch(asked) else token(12).hex()
        table = policies.current
        verdict = judge(request.headers.getall("Origin", []), table, own_origin, today())
        request[POLICIES], request[VERDICT] = table, verdict
        client = client_address(
            request.remote, request.headers.getall("X-Forwarded-For", []), trusted_proxies
        )
        if client is not None:
            request[CLIENT] = client
        request[AUDIT] = Audit(log, request[REQUEST_ID], client)
        began = time.perf_counter()
        status = 499  # the client left before there was an answer
        try:
            response = await handler(request)
            status = response.status
        finally:
            line = {
                "id": request[REQUEST_ID],
                "method": request.method,
                "route": request.get(ROUTE, _surface(request).value),
                "origin": verdict.origin,
                "status": status,
                "reason": request.get(REASON),
                "ms": round((time.perf_counter() - began) * 1000, 1),
            }
            request_line(log, line)
        return response

    return handle


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
        request[REASON] = f"{refusal.code}: {refusal.detail}" if refusal.detail else refusal.code
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
    if _surface(request) in {Surface.PAGE, Surface.CALLBACK}:
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


def _common(refusal: GatewayError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, MethodNotAllowedError):
        headers["Allow"] = ", ".join(refusal.allow)
    if isinstance(refusal, TooManyRequestsError) and refusal.rate_limit:
        headers["RateLimit"] = refusal.rate_limit
        headers["RateLimit-Policy"] = refusal.rate_limit_policy
    return headers


def _json(request: web.Request, refusal: GatewayError, public_url: str) -> web.Response:
    headers = _common(refusal)
    if isinstance(refusal, UseNonceError):
        headers["DPoP-Nonce"] = refusal.nonce
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        # RFC 9110 section 11.6.1: every 401 says what would help (RFC 9449 section 7.1).
        told = ', error="use_dpop_nonce"' if isinstance(refusal, UseNonceError) else ""
        headers["WWW-Authenticate"] = f'DPoP realm="{public_url}", algs="ES256"{told}'
    fields = {
        "error": refusal.code,
        "error_description": refusal.description,
        "request_id": request[REQUEST_ID],
    }
    return web.Response(
        body=orjson.dumps(fields), status=refusal.status, content_type="application/json", headers=headers
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
    response.headers.update(_common(refusal))
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
        surface, verdict, headers = _surface(request), request[VERDICT], request.headers
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
            _surface(request),
            headers.popall("Vary", []),
            embed=request.get(EMBED, False),
        )
        for name, value in ours:
            headers[name] = value

    return prepare
