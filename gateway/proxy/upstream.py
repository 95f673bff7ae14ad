"""One backend: its URLs, which is asked next, how many requests at once; swept for what takes too long."""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, ClientWebSocketResponse, hdrs
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import (
    BackendBrokenError,
    BackendBusyError,
    BackendTimeoutError,
    ForbiddenError,
    GatewayError,
)
from gateway.proxy import balance
from gateway.proxy.body import FirstByte, Upload
from gateway.proxy.bulkhead import Bulkhead
from gateway.proxy.call import Call, Receiver
from gateway.proxy.connection import Connection
from gateway.proxy.pool import Pool
from gateway.routes import Address, Backend, BackendTls, RouteTable

EVERY: Final = 0.25  # seconds between two looks at all deadlines
IDLE_CONNECTION: Final = 4.0  # seconds; servers begin to close idle connections after 5
BUFFER: Final = 1 << 16  # bytes held of a body, each way
HEAD: Final = 1 << 15  # bytes of one line of a backend's head
MESSAGE: Final = 4 << 20  # bytes of one WebSocket message
HEARTBEAT: Final = 30.0  # seconds between pings of ours
CLOSING: Final = 2.0  # seconds that the other end of a WebSocket has to answer a close
_SILENT: Final = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)
_CLOSING: Final = 20  # turns of the loop in which connections that were cut off come to their end


Headers = tuple[tuple[str, str], ...]


class Place:
    """A place at the bulkhead for what is no call; left once."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held = False

    async def enter(self, now: float) -> None:
        """Raises BackendBusyError."""
        if self._bulkhead.enter(self, now):
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
            self._bulkhead.leave()


class Upstream:
    """One backend, of one event loop. clock: seconds, monotonic."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        self.backend = backend
        self.timeouts = backend.timeouts
        self.clock = clock
        self.bulkhead = Bulkhead(backend.in_flight)
        context = _tls(backend.tls) if any(address.tls for address in backend.addresses) else None
        self.pools = [
            Pool(address, context if address.tls else None, backend.timeouts.connect, clock)
            for address in backend.addresses
        ]
        self._standings = [pool.standing for pool in self.pools]
        self._turn = 0
        self._calls: set[Call] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._base = str(URL("http://localhost" if _is_unix(backend) else backend.addresses[0].url).origin())
        self._session = ClientSession(
            connector=_connector(backend),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_SILENT,
            read_bufsize=BUFFER,
            max_line_size=HEAD,
            max_field_size=HEAD,
            max_headers=256,
            timeout=ClientTimeout(total=None, sock_connect=backend.timeouts.connect),
        )

    def call(
        self,
        receiver: Receiver,
        head: Callable[[Address], bytes],
        *,
        method: str,
        has_body: bool = False,
        chunked: bool = False,
        switches: bool = False,
    ) -> Call:
        """Ask for an answer. head: the request's whole head, for the URL that was chosen.

        chunked: how the body that `send` is given is framed; the head says so too. switches: whether the
        answer may be 101. Whatever goes wrong is told to the receiver, later.
        """
        call = Call(self, receiver, head, method, has_body=has_body, chunked=chunked, switches=switches)
        self._calls.add(call)
        if self._sweeping is None:
            self._sweep_soon()
        try:
            if self.bulkhead.enter(call, self.clock()):
                call.let_in()
        except BackendBusyError as busy:
            asyncio.get_running_loop().call_soon(call.turned_away, busy)
        return call

    @asynccontextmanager
    async def exchange(
        self, method: str, target: str, headers: Headers, upload: Upload | None, first_byte: FirstByte
    ) -> AsyncGenerator[ClientResponse, None]:
        """Sends a request and gives its answer's head; what is left of both ends with the block."""
        try:
            with _errors(upload):
                async with first_byte:
                    response = await self._send(method, target, headers, upload)
            if upload is not None:
                upload.on_failure = response.close
            try:
                yield response
            finally:
                # at its end the connection went back to the pool; before it, it is of no use any more
                response.close()
        finally:
            if upload is not None:
                await upload.stop()

    @asynccontextmanager
    async def websocket(
        self, target: str, headers: Headers, protocols: tuple[str, ...]
    ) -> AsyncGenerator[ClientWebSocketResponse, None]:
        with _errors(None):
            async with asyncio.timeout(self.backend.timeouts.first_byte):
                socket = await self._session.ws_connect(
                    self._url(target),
                    headers=CIMultiDict(headers),
                    protocols=protocols,
                    heartbeat=HEARTBEAT,
                    max_msg_size=MESSAGE,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSING),
                )
        try:
            yield socket
        finally:
            await socket.close()

    async def _send(
        self, method: str, target: str, headers: Headers, upload: Upload | None
    ) -> ClientResponse:
        return await self._session.request(
            method,
            self._url(target),
            headers=CIMultiDict(headers),
            data=None if upload is None else upload.payload(),
            allow_redirects=False,
        )

    def _url(self, target: str) -> URL:
        return URL(self._base + target, encoded=True)

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[Place]:
        """A place at the bulkhead for what is no call. Raises BackendBusyError."""
        place = Place(self.bulkhead)
        if self._sweeping is None:
            self._sweep_soon()
        await place.enter(self.clock())
        try:
            yield place
        finally:
            place.leave()

    async def close(self) -> None:
        """Ends every connection, also those that are at work."""
        await self._session.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for call in tuple(self._calls):
            call.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pool in self.pools:
            await pool.close()
        for _ in range(_CLOSING):
            await asyncio.sleep(0)

    # --- of its calls

    def start(self, call: Call) -> None:
        pool = self.pools[0] if len(self.pools) == 1 else self._choose(call.tried)
        pool.standing.outstanding += 1
        connection = None if call.fresh else pool.take()
        if connection is not None:
            call.use(pool.address, connection)
            return
        task = asyncio.create_task(_connect(call, pool))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        call.begin(pool.address, task)

    def let_go(self, index: int, well: bool | None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        standing = self._standings[index]
        standing.outstanding -= 1
        if well:
            if standing.failures or standing.pauses:
                balance.answered(standing)
        elif well is not None:
            balance.failed(standing, self.clock())

    def over(self, call: Call, kept: Connection | None) -> None:
        self._calls.discard(call)
        if kept is not None:
            kept.pool.keep(kept)

    def has_others(self) -> bool:
        return len(self.pools) > 1

    def leave_queue(self, call: Call) -> None:
        self.bulkhead.give_up(call)

    def leave_bulkhead(self) -> None:
        self.bulkhead.leave()

    # --- inside

    def _choose(self, tried: int) -> Pool:
        self._turn = (self._turn + 1) % len(self.pools)
        index = balance.choose(self._standings, self._turn, self.clock(), tried)
        return self.pools[index]

    def _sweep(self) -> None:
        now = self.clock()
        self.bulkhead.sweep(now)
        for call in [call for call in self._calls if call.deadline <= now]:
            call.expired()
        for pool in self.pools:
            pool.sweep(now)
        self._sweeping = None
        if self._calls or self.bulkhead.inside or not all(pool.is_empty for pool in self.pools):
            self._sweep_soon()

    def _sweep_soon(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(EVERY, self._sweep)


class Upstreams:
    """All backends by name."""

    def __init__(self, routes: RouteTable) -> None:
        self._upstreams = {name: Upstream(backend) for name, backend in routes.backends.items()}

    def __getitem__(self, name: str) -> Upstream:
        return self._upstreams[name]

    async def close(self) -> None:
        for upstream in self._upstreams.values():
            await upstream.close()


async def _connect(call: Call, pool: Pool) -> None:
    try:
        connection = await pool.connect()
    except GatewayError as error:
        call.unconnected(error)
    else:
        call.use(pool.address, connection)


@contextmanager
def _errors(upload: Upload | None) -> Generator[None, None, None]:
    """The library's errors become ours; they name internal addresses, so only the log may see them."""
    try:
        yield
    except aiohttp.WSServerHandshakeError as error:
        if 400 <= error.status <= 499:
            raise ForbiddenError(f"the backend answered the handshake with {error.status}") from error
        raise BackendBrokenError(repr(error)) from error
    except TimeoutError as error:
        raise BackendTimeoutError(repr(error)) from error
    except aiohttp.ClientError as error:
        if upload is not None and upload.failure is not None:
            raise upload.failure from None
        raise BackendBrokenError(repr(error)) from error


def _is_unix(backend: Backend) -> bool:
    return backend.addresses[0].unix is not None


def _connector(backend: Backend) -> aiohttp.BaseConnector:
    if _is_unix(backend):
        path = backend.addresses[0].unix or ""
        return aiohttp.UnixConnector(path, limit=0, keepalive_timeout=IDLE_CONNECTION)
    return aiohttp.TCPConnector(
        limit=0,  # the bulkhead is the limit
        keepalive_timeout=IDLE_CONNECTION,
        ttl_dns_cache=10,
        ssl=_tls(backend.tls) if backend.addresses[0].tls else True,
    )


def _tls(tls: BackendTls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context
