"""WebSockets to a backend, by aiohttp's client."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import aiohttp
from aiohttp import ClientSession, ClientTimeout, ClientWebSocketResponse, hdrs
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import BackendBrokenError, BackendTimeoutError, ForbiddenError
from gateway.routes import Address, Timeouts

MESSAGE: Final = 4 << 20  # bytes of one message
HEARTBEAT: Final = 30.0  # seconds between pings of ours
CLOSING: Final = 2.0  # seconds that the other end has to answer a close
_HEAD: Final = 1 << 15  # bytes of one line of a backend's head
_SILENT: Final = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)

Headers = tuple[tuple[str, str], ...]


class UnreachableError(BackendBrokenError):
    """Nobody is there; the handshake was not sent."""


class Sockets:
    """Of one URL; what it needs is made for the first one."""

    def __init__(self, address: Address, context: ssl.SSLContext | None, timeouts: Timeouts) -> None:
        self._address = address
        self._context = context
        self._timeouts = timeouts
        self._session: ClientSession | None = None

    @asynccontextmanager
    async def open(
        self, target: str, headers: Headers, protocols: tuple[str, ...]
    ) -> AsyncGenerator[ClientWebSocketResponse]:
        """Raises BackendBrokenError (UnreachableError), BackendTimeoutError; ForbiddenError: it refuses."""
        if self._session is None:
            self._session = self._make()
        scheme = "https" if self._address.tls else "http"
        with _errors():
            async with asyncio.timeout(self._timeouts.first_byte):
                socket = await self._session.ws_connect(
                    URL(f"{scheme}://{self._address.authority}{target}", encoded=True),
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

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _make(self) -> ClientSession:
        return ClientSession(
            connector=self._connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_SILENT,
            max_line_size=_HEAD,
            max_field_size=_HEAD,
            max_headers=256,
            timeout=ClientTimeout(total=None, sock_connect=self._timeouts.connect),
        )

    def _connector(self) -> aiohttp.BaseConnector:
        if self._address.unix is not None:
            return aiohttp.UnixConnector(self._address.unix, limit=0)
        # no limit but the bulkhead's; a name is looked up for each, as sockets are few and stay
        return aiohttp.TCPConnector(limit=0, ttl_dns_cache=10, ssl=self._context or True)


@contextmanager
def _errors() -> Generator[None]:
    """The library's errors become ours; they name internal addresses, so only the log may see them."""
    try:
        yield
    except aiohttp.WSServerHandshakeError as error:
        if 400 <= error.status <= 499:
            raise ForbiddenError(f"the backend answered the handshake with {error.status}") from error
        raise BackendBrokenError(repr(error)) from error
    except TimeoutError as error:
        raise BackendTimeoutError(repr(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise UnreachableError(repr(error)) from error
    except aiohttp.ClientError as error:
        raise BackendBrokenError(repr(error)) from error
