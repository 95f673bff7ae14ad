"""What a worker serves, and how it leaves: its listeners, and the way down that fails no request."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from aiohttp import web

from gateway.app import Gateway
from gateway.errors import TooManyRequestsError
from gateway.protocol.token import Handler
from gateway.proxy.fast import Fast
from gateway.server.addresses import Addresses
from gateway.server.connection import Client, Connection, Runner
from gateway.server.front import LINGER, Fronts
from gateway.server.listening import QUEUE
from gateway.server.times import GRACE, KEEP_ALIVE, SETTLE

READINESS = "/health/ready"
MAX_HEADERS = 256  # aiohttp's 128 are few behind two proxies; `limits.head` bounds their bytes
_CROWDED = 10  # seconds, until somebody of the same address may have left
_AT_ONCE = 16  # connections that one worker takes before the others have had a chance
_LOOK = 0.05  # seconds between two looks at what is still open
_NEVER = 1e6  # seconds
_UNWIND = 1.0  # seconds for requests that are cancelled


class Listeners:
    """A worker's public and private listener."""

    def __init__(self, gateway: Gateway, max_head: int, fast: Fast | None, addresses: Addresses) -> None:
        """fast: the gateway's, where it can be used. addresses: count the public listener's connections."""
        self._gateway = gateway
        self._public = public_runner(gateway.public, max_head, _UNWIND, fast, addresses)
        self._private = Runner(
            gateway.private, access_log=None, keepalive_timeout=KEEP_ALIVE, shutdown_timeout=_UNWIND
        )
        gateway.metrics.show("bookgate_connections", lambda: len(self._public.connections))
        self._ready = True
        self._closing = False
        self._told = asyncio.Event()
        self._patient_until = float("inf")
        for app in (gateway.public, gateway.private):
            app.on_response_prepare.append(self._tell)
        gateway.private.middlewares.append(self._readiness)

    async def open(
        self, public: Sequence[int], private: Sequence[int], context: ssl.SSLContext | None
    ) -> None:
        """Accept from these inherited sockets. context: TLS of the public ones."""
        for runner, descriptors, tls in ((self._public, public, context), (self._private, private, None)):
            await runner.setup()
            for descriptor in descriptors:
                listener = socket.socket(fileno=descriptor)
                await web.SockSite(runner, listener, ssl_context=tls, backlog=_AT_ONCE).start()
                listener.listen(QUEUE)  # the loop takes `backlog` connections in one turn and queues as many

    def stop_being_ready(self) -> None:
        """The whole gateway will end: requests are taken, but their connections are not kept."""
        self._ready = False
        self._keep_no_more()

    def leave(self, patience: float) -> None:
        """Take no more connections; end when the requests have. patience: seconds that idle ones are kept."""
        until = asyncio.get_running_loop().time() + patience
        self._patient_until = min(self._patient_until, until)
        self._told.set()

    async def told_to_leave(self) -> None:
        await self._told.wait()

    async def left(self) -> None:
        """Leaves. The sockets stay with the parent and the other workers, so nobody is refused meanwhile."""
        self._keep_no_more()
        for runner in (self._public, self._private):
            for site in tuple(runner.sites):
                await site.stop()
        self._gateway.end_streams()
        await self._emptied()
        for runner in (self._public, self._private):
            await runner.cleanup()

    def _keep_no_more(self) -> None:
        self._closing = True
        self._gateway.keep_no_more()
        self._public.stop_keeping()

    async def _emptied(self) -> None:
        """Until no connection is open, or GRACE after the patience with idle ones is over."""
        time = asyncio.get_running_loop().time
        settled = time() + SETTLE
        while (now := time()) < self._patient_until + GRACE:
            left = self._connections()
            if not left and now >= settled:
                return
            if now >= self._patient_until:
                for connection in left:
                    if connection.is_idle:
                        connection.force_close()
            await asyncio.sleep(_LOOK)

    def _connections(self) -> list[Client]:
        return [*self._public.connections, *self._private.connections]

    async def _tell(self, _: web.Request, response: web.StreamResponse) -> None:
        """Clients keep no connection to who leaves: closed under their next request it would fail that."""
        if self._closing and response.status != HTTPStatus.SWITCHING_PROTOCOLS:
            response.force_close()
            response.headers["Connection"] = "close"

    @web.middleware
    async def _readiness(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who is about to end is not ready, however well all else is."""
        if request.path == READINESS and not self._ready:
            return web.json_response({"status": "draining"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
        return await handler(request)


@web.middleware
async def _refuse_crowd(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Innermost: an address that has too many connections is told so in a way that books understand."""
    if isinstance(request.protocol, Connection) and request.protocol.crowded:
        raise TooManyRequestsError("connections of an address", retry_after=_CROWDED, close=True)
    return await handler(request)


def public_runner(
    app: web.Application,
    max_head: int,
    grace: float,
    fast: Fast | None = None,
    addresses: Addresses | None = None,
) -> Runner:
    """The public listener's limits. max_head: bytes of a line; grace: seconds to finish at the end.

    fast: what takes the requests that it can; None: all are aiohttp's. addresses: count the connections.
    """
    if addresses is not None:
        app.middlewares.append(_refuse_crowd)
    return Runner(
        app,
        front=None if fast is None else partial(Fronts, fast, max_head, addresses),
        addresses=addresses,
        handler_cancellation=True,  # a client that leaves cancels its backend request
        access_log=None,
        keepalive_timeout=KEEP_ALIVE if fast is None else _NEVER,  # the front looks at the time itself
        lingering_time=LINGER,
        shutdown_timeout=grace,
        max_line_size=max_head,
        max_field_size=max_head,
        max_headers=MAX_HEADERS,
        auto_decompress=False,
    )
