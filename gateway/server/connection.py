"""aiohttp's server, but what is no HTTP gets no echo of itself and no version, and no bytes in a log."""

from collections.abc import Sequence
from http import HTTPStatus

import orjson
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from gateway.errors import GatewayError, HeadTooLargeError, InvalidRequestError


class Runner(web.AppRunner):
    """An application's runner whose connections are ours."""

    @property
    def connections(self) -> Sequence["Connection"]:
        """Those that are open."""
        found = [] if self.server is None else self.server.connections
        return [connection for connection in found if isinstance(connection, Connection)]

    async def _make_server(self) -> web.Server:  # the library has no public way to give a handler's class
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,  # ruff: ignore[private-member-access]
            **made._kwargs,  # ruff: ignore[private-member-access]
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request; one whose head has begun to arrive waits for it too."""
        return self._waiter is not None and not self._messages

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


def _is_too_long(error: BaseException | None) -> bool:
    return isinstance(error, LineTooLong)
