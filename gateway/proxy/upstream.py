"""The connections to backends: one client session each, its time-outs, its bulkhead, its errors made ours."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, ClientWebSocketResponse, hdrs
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import BackendBrokenError, BackendBusyError, BackendTimeoutError, ForbiddenError
from gateway.proxy.body import FirstByte, Upload
from gateway.routes import Backend, BackendTls, InFlight, RouteTable

IDLE_CONNECTION: Final = 4.0  # seconds; servers begin to close idle connections after 5
BUFFER: Final = 1 << 16  # bytes held of a body, each way
HEAD: Final = 1 << 15  # bytes of one line of a backend's head
MESSAGE: Final = 4 << 20  # bytes of one WebSocket message
HEARTBEAT: Final = 30.0  # seconds between pings of ours
CLOSING: Final = 2.0  # seconds that the other end of a WebSocket has to answer a close
_SILENT: Final = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)

Headers = tuple[tuple[str, str], ...]


class Place:
    """A request's place at a bulkhead; given back once, when it ends or becomes a long stream."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._held = True

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._places.release()


class Bulkhead:
    """A backend that hangs takes so many requests and no more: the others stay as they are."""

    def __init__(self, limit: InFlight) -> None:
        self._limit = limit
        self._places = asyncio.Semaphore(limit.max)
        self._waiting = 0

    @asynccontextmanager
    async def enter(self) -> AsyncGenerator[Place, None]:
        await self._acquire()
        place = Place(self._places)
        try:
            yield place
        finally:
            place.leave()

    async def _acquire(self) -> None:
        if not self._places.locked():
            await self._places.acquire()  # at once: a timer would be made for nothing
            return
        if self._waiting >= self._limit.queue:
            raise BackendBusyError("the queue is full", retry_after=1)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limit.wait):
                await self._places.acquire()
        except TimeoutError:
            raise BackendBusyError("no place in time", retry_after=1) from None
        finally:
            self._waiting -= 1


class Upstream:
    """One backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.bulkhead = Bulkhead(backend.in_flight)
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

    async def close(self) -> None:
        await self._session.close()

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


class Upstreams:
    """All backends by name."""

    def __init__(self, routes: RouteTable) -> None:
        self._upstreams = {name: Upstream(backend) for name, backend in routes.backends.items()}

    def __getitem__(self, name: str) -> Upstream:
        return self._upstreams[name]

    async def close(self) -> None:
        for upstream in self._upstreams.values():
            await upstream.close()


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
