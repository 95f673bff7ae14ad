"""aiohttp's server, but what is no HTTP gets no echo of itself and no version, and no bytes in a log.

The only module that reads private attributes of aiohttp; misfit.py finds out whether they mean what they did.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol

import orjson
from aiohttp import web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo  # ruff: ignore[import-private-name]  # as its queue has it

from gateway.errors import GatewayError, HeadTooLargeError, InvalidRequestError
from gateway.middleware import ENTRANCE, Entrance, takes
from gateway.proxy.delivery import has_left
from gateway.request_context import ASKED
from gateway.server.addresses import Addresses

_LOOK: Final = 0.5  # seconds between two looks at a client that is not read from

Serving = Callable[[Any], Awaitable[web.StreamResponse]]  # of requests of whatever kind a server makes


class Client(Protocol):
    """A client's connection."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request; one whose head has begun to arrive waits for it too."""

    def force_close(self) -> None:
        """Once what was written is gone."""


class Front(Protocol):
    """What stands before the stock handlers of a listener. closing: no connection outlives its request."""

    closing: bool

    @property
    def clients(self) -> Sequence[Client]: ...

    def connection(self) -> asyncio.Protocol:
        """The protocol of a connection that was just accepted."""

    def begin_end(self) -> None:
        """No more requests."""

    async def end(self, grace: float) -> None:
        """Nothing is open any more. grace: seconds for requests in flight."""


class Runner(web.AppRunner):
    """An application's runner whose connections are ours.

    front: what stands before them, given what makes a stock handler, and counts. addresses: counts where
    nothing does.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        front: Callable[[Callable[[], "Connection"]], Front] | None = None,
        addresses: Addresses | None = None,
        **how: object,
    ) -> None:
        super().__init__(app, **how)  # type: ignore[arg-type]  # handed on as they came
        self._front = front
        self._addresses = addresses

    @property
    def connections(self) -> Sequence[Client]:
        """Those that are open."""
        if not isinstance(self.server, Server):
            return []
        if self.server.front is not None:
            return self.server.front.clients
        return [found for found in self.server.connections if isinstance(found, Connection)]

    def stop_keeping(self) -> None:
        """No connection is kept after its request; of the stock handlers whoever prepares answers says so."""
        if isinstance(self.server, Server) and self.server.front is not None:
            self.server.front.closing = True

    async def _make_server(self) -> web.Server:  # the library has no public way to give a handler's class
        made = await super()._make_server()
        loop, entrance = made._loop, self.app.get(ENTRANCE)  # ruff: ignore[private-member-access]
        size = self.app._client_max_size  # ruff: ignore[private-member-access]
        server = Server(
            made.request_handler if entrance is None else _by(entrance, made.request_handler),
            request_factory=partial(Request, loop=loop, client_max_size=size),
            handler_cancellation=made.handler_cancellation,
            loop=loop,
            **made._kwargs,  # ruff: ignore[private-member-access]
        )
        server.app = self.app
        server.at_once = None if entrance is None else entrance.serve
        if self._front is not None:
            server.front = self._front(server.stock)
        server.addresses = self._addresses
        return server


def _by(entrance: Entrance, rest: Serving) -> Serving:
    """rest: the application's own, which also tells who is crowded out."""

    def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
        crowded = isinstance(request.protocol, Connection) and request.protocol.crowded
        if not crowded and takes(request.method, request.raw_path, request.headers):
            return entrance.serve(request)
        return rest(request)

    return handle


class Request(web.Request):
    """One whose answer is told to the application, also where its router was not asked."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        await super()._prepare_hook(response)
        server = self.protocol._manager  # ruff: ignore[private-member-access]
        if self._match_info is None and ASKED in self and isinstance(server, Server) and server.app:
            await server.app.on_response_prepare.send(self, response)


class Server(web.Server):
    """app: whose answers these are. at_once: serves requests to backends, past its router.

    front: takes the connections first; None: all are stock handlers'.
    """

    app: web.Application | None = None
    at_once: Serving | None = None
    front: Front | None = None
    addresses: Addresses | None = None

    def stock(self) -> "Connection":
        return Connection(self, loop=self._loop, **self._kwargs)

    def __call__(self) -> asyncio.Protocol:  # type: ignore[override]  # all that a listener asks of it
        if self.front is not None:
            return self.front.connection()
        made = self.stock()
        made.addresses = self.addresses
        return made

    def pre_shutdown(self) -> None:
        if self.front is not None:
            self.front.begin_end()
        super().pre_shutdown()

    async def shutdown(self, timeout: float | None = None) -> None:  # ruff: ignore[async-function-with-timeout]  # the library's
        if self.front is not None:
            await self.front.end(timeout or 0)
        await super().shutdown(timeout)


class Connection(web.RequestHandler):
    """One client's connection, or the part of one that a front hands over.

    addresses: where it is counted; None: it is not, or by whoever handed it over. crowded: it is one more
    than its address may have, and is told so.
    """

    __slots__ = ("_asleep", "_at_once", "_serving", "_watching", "_whose", "addresses", "crowded")

    addresses: Addresses | None
    crowded: bool

    def __init__(self, *given: Any, **named: Any) -> None:  # ruff: ignore[any-type]  # handed on as they came
        super().__init__(*given, **named)
        self.addresses = None
        self.crowded = False
        self._whose: str | None = None
        self._at_once = self._manager.at_once if isinstance(self._manager, Server) else None
        # A request that is served past `start`, and what that waits for meanwhile.
        self._serving: asyncio.Task[tuple[web.StreamResponse, bool]] | None = None
        self._asleep: asyncio.Future[None] | None = None
        self._watching: asyncio.TimerHandle | None = None  # a client that is not read from

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.addresses is not None:
            name = transport.get_extra_info("peername")
            seat = self.addresses.enter(name[0] if isinstance(name, tuple) else None)
            if seat is None:
                self.force_close()
            else:
                self._whose, self.crowded = seat

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._serving is not None:
            self._serving.cancel()
        if self.addresses is not None:
            self.addresses.leave(self._whose)
            self._whose = None

    def data_received(self, data: bytes) -> None:
        """Tells whoever reads a body that its framing broke: aiohttp only queues that behind the request.

        What comes after it is nothing: counted as messages it would stop the reading, which hides a
        client's end.
        """
        messages, waiter = self._messages, self._waiter
        if messages and isinstance(messages[-1][0], _ErrInfo):
            return
        if waiter is None or messages or self._at_once is None:
            super().data_received(data)
            _end_with_upgrades(messages)
            if messages and isinstance(messages[-1][0], _ErrInfo) and self._current_request is not None:
                content = self._current_request.content
                if not content.is_eof():
                    content.set_exception(web.RequestPayloadError("framing"))
                    content.feed_eof()  # the rest is not drained
            return
        self._waiter = None  # so that `start` is not woken
        super().data_received(data)
        self._waiter = waiter
        _end_with_upgrades(messages)
        if messages and not self._serve_at_once(self._at_once, *messages[0]) and not waiter.done():
            waiter.set_result(None)

    def _serve_at_once(self, serve: Serving, message: RawRequestMessage | _ErrInfo, payload: object) -> bool:
        """A request without a body and for a backend needs none of what `start` does for all others."""
        if isinstance(message, _ErrInfo) or payload is not EMPTY_PAYLOAD or self.crowded or self._close:
            return False
        if not takes(message.method, message.path, message.headers):
            return False
        parser, server, factory, task = self._parser, self._manager, self._request_factory, self._task_handler
        if parser is None or server is None or factory is None or task is None:
            return False
        self._messages.popleft()
        parser.message_consumed()
        server.requests_count += 1
        self._asleep, self._waiter = self._waiter, None
        request = factory(message, EMPTY_PAYLOAD, self, StreamWriter(self, self._loop), task)
        self._serving = self._loop.create_task(self._handle_request(request, None, serve))
        self._serving.add_done_callback(self._served)
        return True

    def _served(self, task: "asyncio.Task[tuple[web.StreamResponse, bool]]") -> None:
        """As `start` does after a request."""
        self._serving = None
        waiter, self._asleep = self._asleep, None
        if task.cancelled():  # the connection is gone
            return
        failure = task.exception()
        if failure is not None:
            if not isinstance(failure, ConnectionError):
                self.log_exception("Unhandled exception", exc_info=failure)
            self.force_close()
            return
        response, has_left = task.result()
        self._keepalive = not has_left and bool(response.keep_alive)
        if not self._keepalive or self._close or self._force_close:
            self._close = True
            if self.transport is not None:
                self.transport.close()
            return
        self._waiter = waiter
        if self._messages and waiter is not None and not waiter.done():
            waiter.set_result(None)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )

    def _pause_transport_reading(self) -> None:
        super()._pause_transport_reading()
        if self._watching is None:
            self._watching = self._loop.call_later(_LOOK, self._look_for_client)

    def _look_for_client(self) -> None:
        """Whoever is not read from may leave unseen."""
        self._watching = None
        if self.transport is None or self.transport.is_reading():
            return
        if has_left(self.transport):
            self.transport.abort()
        else:
            self._watching = self._loop.call_later(_LOOK, self._look_for_client)

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request; one whose head has begun to arrive waits for it too."""
        return self._waiter is not None and not self._messages

    @property
    def is_done(self) -> bool:
        """Whether it is idle and could go on: nothing was begun, nothing is paused, held back or closing."""
        return (
            self.is_idle
            and self._payload_parser is None
            and not self._upgraded
            and not self._message_tail
            and not self._reading_paused
            and not self._buffer_paused
            and not self._close
            and not self._force_close
        )

    def leave(self) -> None:
        """Ends the handler and leaves its connection open: whoever handed it over goes on with it."""
        self.transport = None
        self.connection_lost(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what never became a request; the stock one tells and logs its bytes, cookies too."""
        if status != HTTPStatus.BAD_REQUEST or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        refusal: GatewayError = HeadTooLargeError() if _is_too_long(exc) else InvalidRequestError()
        response = web.Response(
            body=orjson.dumps({"error": refusal.code, "error_description": refusal.description}),
            status=refusal.status,
            content_type="application/json",
            headers={"Server": "bookgate", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )
        response.force_close()
        return response


def _end_with_upgrades(messages: deque[tuple[RawRequestMessage | _ErrInfo, Any]]) -> None:
    """Makes what asks for an upgrade that nobody here knows the last request of its connection.

    aiohttp drops what came with it and lay behind its head, and would take what comes next, perhaps the
    middle of a body, for the beginning of a request.
    """
    for place, (message, payload) in enumerate(messages):
        if isinstance(message, _ErrInfo) or "Upgrade" not in message.headers:
            continue
        if [line.lower() for line in message.headers.getall("Upgrade")] != ["websocket"]:
            messages[place] = (message._replace(should_close=True), payload)


def _is_too_long(error: BaseException | None) -> bool:
    return isinstance(error, LineTooLong)
