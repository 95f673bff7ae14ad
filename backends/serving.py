"""What both services have in common over HTTP: the middleware, health, the listener and its end.

Only /health/live and /health/ready answer without an assertion. There are no CORS headers: the gateway alone
makes them.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from backends import assertion, problem
from backends.problem import Problem, Unavailable

ASSERTION = web.RequestKey("assertion", assertion.Assertion)
INTERNAL = web.RequestKey("internal", assertion.Internal)
REQUEST_ID = web.RequestKey("request_id", str)

HEALTH: Final = frozenset({"/health/live", "/health/ready"})
INTERNAL_PATHS: Final = "/v1/internal/"
REQUEST_ID_FORM: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
GRACE: Final = 10.0  # seconds that requests in flight have after SIGTERM

# The gateway puts answers into a sandbox as well; this holds behind any other gateway too.
ALWAYS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Server": "bookgate",
    "X-Content-Type-Options": "nosniff",
}

Log = structlog.typing.FilteringBoundLogger
Ready = Callable[[], Awaitable[None]]  # raises a Problem when the service cannot do its work


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: a TCP address (port 0: any free one) or the path of a Unix socket."""

    host: str
    port: int
    socket: Path | None = None

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """`127.0.0.1:8001`, `[::1]:8001` or `unix:PATH`; raises ValueError."""
        if text.startswith("unix:") and len(text) > len("unix:"):
            return cls("", 0, Path(text.removeprefix("unix:")))
        form = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", text)
        if form is None or int(form[3]) > 65535:
            raise ValueError(f"{text!r} is neither HOST:PORT nor unix:PATH")
        return cls(form[1] or form[2], int(form[3]))


class Draining:
    """Whether the service is about to end, and what it still has to finish."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def request(self) -> Generator[None, None, None]:
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def finished(self) -> None:
        """Returns when no request is in flight, or when those that are had their time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self._idle.wait()


def application(
    routes: Iterable[web.RouteDef], verifier: assertion.Verifier, ready: Ready, draining: Draining, log: Log
) -> web.Application:
    app = web.Application(
        middlewares=[
            tracing(log, draining),  # outermost: it names and counts every request, also the refused ones
            refusing(log),  # turns what is raised inside into an answer
            identifying(verifier),  # innermost: nothing but health is served without an identity
        ]
    )
    app.on_response_prepare.append(_finish)

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def is_ready(_request: web.Request) -> web.Response:
        if draining.begun.is_set():
            raise Unavailable("The service is about to end.")
        await ready()
        return web.json_response({"status": "ready"})

    app.add_routes([web.get("/health/live", live), web.get("/health/ready", is_ready), *routes])
    return app


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in ALWAYS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.headers["X-Request-Id"] = request[REQUEST_ID]


def tracing(log: Log, draining: Draining) -> Middleware:
    """The request's id, and its one log line (no person: the assertion's jti leads to the gateway's log)."""

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("X-Request-Id", "")
        request[REQUEST_ID] = given if REQUEST_ID_FORM.fullmatch(given) else secrets.token_hex(8)
        began = time.perf_counter()
        with draining.request():
            response = await handler(request)
        if draining.begun.is_set():
            response.force_close()
        proved = request.get(ASSERTION) or request.get(INTERNAL)
        log.info(
            "request",
            request_id=request[REQUEST_ID],
            method=request.method,
            path=request.rel_url.raw_path,
            status=response.status,
            ms=round((time.perf_counter() - began) * 1000, 1),
            jti=None if proved is None else proved.jti,
        )
        return response

    return trace


def refusing(log: Log) -> Middleware:
    """Every refusal as problem+json. This is where an exception becomes an answer, and the only place."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as refused:
            return _answer(refused, request)
        except web.HTTPException as refused:
            return _answer(_translate(refused), request)
        except Exception:  # the entry point of a request
            log.exception("fault", request_id=request[REQUEST_ID])
            return _answer(Problem(), request)

    return refuse


def _answer(refused: Problem, request: web.Request) -> web.Response:
    return web.Response(
        status=refused.status,
        reason=HTTPStatus(refused.status).phrase,
        body=problem.document(refused, request[REQUEST_ID]),
        headers={"Content-Type": problem.CONTENT_TYPE, **refused.headers},
    )


def _translate(refused: web.HTTPException) -> Problem:
    """What aiohttp's router refused, in the words of this family."""
    match refused:
        case web.HTTPMethodNotAllowed():
            return problem.MethodNotAllowed(headers={"Allow": ", ".join(sorted(refused.allowed_methods))})
        case web.HTTPNotFound():
            return problem.NotFound()
        case _:
            return problem.InvalidRequest()


def identifying(verifier: assertion.Verifier) -> Middleware:
    """Below `/v1/internal/` only the gateway's own calls are taken, and they nowhere else."""

    @web.middleware
    async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
        lines = request.headers.getall(assertion.HEADER, [])
        if request.path.startswith(INTERNAL_PATHS):  # as the router reads it: `%69nternal` is that too
            purpose = request.path.removeprefix(INTERNAL_PATHS)
            request[INTERNAL] = await verifier.verify_internal(lines, purpose)
        elif request.rel_url.raw_path not in HEALTH:
            request[ASSERTION] = await verifier.verify(lines)
        return await handler(request)

    return identify


async def serve(app: web.Application, listen: Listen, draining: Draining, log: Log) -> None:
    """Listens until `draining` begins, then lets requests in flight finish."""
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=GRACE,
        keepalive_timeout=75.0,  # aiohttp's header time-out too
        max_field_size=16 * 1024,  # assertions that name many classes are long
        auto_decompress=False,
    )
    await runner.setup()
    try:
        if listen.socket is None:
            await web.TCPSite(runner, listen.host, listen.port).start()
        else:
            await web.UnixSite(runner, listen.socket).start()
        log.info("listening", address=_address(runner))
        await draining.begun.wait()
        log.info("draining")
        # aiohttp's own shutdown ignores what still arrives of a body, so requests are waited for here.
        for site in tuple(runner.sites):
            await site.stop()
        await draining.finished()
    finally:
        await runner.cleanup()
    log.info("ended")


def _address(runner: web.AppRunner) -> str:
    address = runner.addresses[0]
    if isinstance(address, str):
        return f"unix:{address}"
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"
