"""A WebSocket to a backend on the plain path: a place at its bulkhead, one of its URLs, one more try."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import ClientWebSocketResponse

from gateway.errors import GatewayError
from gateway.proxy.bulkhead import Bulkhead
from gateway.proxy.sockets import Headers, UnreachableError
from gateway.proxy.upstream import Upstream


class Place:
    """A place at the bulkhead for what is no call; left once."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held = False

    async def enter(self, now: float) -> None:
        """Raises BackendBusyError."""
        if self._bulkhead.enter(self, now, uploads=False):
            self._held = True
            return
        try:
            await self._waiting
        except asyncio.CancelledError:
            self._bulkhead.give_up(self)
            self.leave()
            raise

    def let_in(self) -> None:
        self._held = True
        if not self._waiting.done():
            self._waiting.set_result(None)

    def turned_away(self, error: GatewayError) -> None:
        if not self._waiting.done():
            self._waiting.set_exception(error)

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._bulkhead.leave(uploads=False)


@asynccontextmanager
async def place(upstream: Upstream) -> AsyncGenerator[Place]:
    """A place at the bulkhead for what is no call. Raises BackendBusyError."""
    seat = Place(upstream.bulkhead)
    upstream.stay_awake()
    await seat.enter(upstream.clock())
    try:
        yield seat
    finally:
        seat.leave()


@asynccontextmanager
async def websocket(
    upstream: Upstream, target: str, headers: Headers, protocols: tuple[str, ...]
) -> AsyncGenerator[ClientWebSocketResponse]:
    """Raises what `Sockets.open` raises; where nobody is there another URL is tried, once."""
    index = upstream.choose()
    async with AsyncExitStack() as stack:
        try:
            socket = await stack.enter_async_context(_at(upstream, index, target, headers, protocols))
        except UnreachableError:
            upstream.failed(index)
            if upstream.urls == 1:
                raise
            index = upstream.choose(index)
            socket = await stack.enter_async_context(_at(upstream, index, target, headers, protocols))
        yield socket


@asynccontextmanager
async def _at(
    upstream: Upstream, index: int, target: str, headers: Headers, protocols: tuple[str, ...]
) -> AsyncGenerator[ClientWebSocketResponse]:
    upstream.standings[index].outstanding += 1
    try:
        async with upstream.sockets[index].open(target, headers, protocols) as socket:
            yield socket
    finally:
        upstream.standings[index].outstanding -= 1
