"""The one place that speaks to identity providers: deadlines, sizes, and what counts as an answer."""

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from gateway.errors import ProviderUnavailableError

DEADLINE = 5.0  # seconds, for a whole exchange
LARGEST = 256 * 1024  # bytes of a body


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer: a JSON object, whatever the status."""

    status: int
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Linked:
    """A page of a list. next: the address of the one after it, as its head says (RFC 8288)."""

    answer: Answer
    next: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser would be shown. text: its beginning. date: the provider's clock, as it says it."""

    status: int
    location: str | None
    date: str | None
    text: str


def in_words(error: ProviderUnavailableError) -> str:
    """Why a provider could not be asked, for whoever runs the gateway."""
    match error.__cause__:
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known here (DNS)"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not believed here"
        case aiohttp.ClientConnectorError() | ConnectionRefusedError():
            return "nobody listens there, or a firewall is between"
        case TimeoutError():
            return f"it did not answer within {DEADLINE:.0f} seconds"
        case _:
            return error.detail


def open_session(proxy: str | None = None, ca: Path | None = None) -> aiohttp.ClientSession:
    """A client for providers: no cookies, nothing from the environment, a CA bundle beside the system's."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(cafile=ca)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        proxy=proxy,
    )


class Transport:
    """Asks a provider and reads no more than is sound. Everything wrong is ProviderUnavailableError."""

    def __init__(
        self, session: aiohttp.ClientSession, deadline: float = DEADLINE, largest: int = LARGEST
    ) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=deadline)
        self._largest = largest

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("GET", url, headers or {}, None)

    async def page(self, url: str) -> Page:
        """What stands at an address, as a browser without cookies sees it; redirects are not followed."""
        asked = {"Accept": "text/html", "Accept-Encoding": "identity"}
        async with self._answered("GET", url, asked, None) as response:
            body = await self._read(url, response)
            headers = response.headers
            return Page(
                response.status, headers.get("Location"), headers.get("Date"), body.decode("utf-8", "replace")
            )

    async def get_list(self, url: str, headers: Mapping[str, str]) -> list[object]:
        """A JSON list that came with status 200."""
        status, document = await self._fetch("GET", url, headers, None)
        if status != 200 or not isinstance(document, list):
            raise ProviderUnavailableError(f"{url}: {status}, or not a JSON list")
        return document

    async def linked(self, url: str, headers: Mapping[str, str]) -> Linked:
        """A JSON object that may go on elsewhere; of another status than 200 whatever it is."""
        async with self._answered("GET", url, {"Accept-Encoding": "identity", **headers}, None) as response:
            body = await self._read(url, response)
            if response.status != 200:
                return Linked(Answer(response.status, {}), None)
            document = _json(url, body)
            if not isinstance(document, dict):
                raise ProviderUnavailableError(f"{url}: not a JSON object")
            return Linked(Answer(200, document), _next(url, response))

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of an answer whose body says nothing that counts."""
        async with self._answered("POST", url, {"Accept-Encoding": "identity", **headers}, body) as response:
            return response.status

    async def post(self, url: str, headers: Mapping[str, str], body: str) -> Answer:
        return await self._ask("POST", url, headers, body.encode())

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        status, document = await self._fetch(method, url, headers, body)
        if not isinstance(document, dict):
            raise ProviderUnavailableError(f"{url}: not a JSON object")
        return Answer(status, document)

    async def _fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, object]:
        asked = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        async with self._answered(method, url, asked, body) as response:
            return response.status, _json(url, await self._read(url, response))

    @asynccontextmanager
    async def _answered(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False, timeout=self._timeout
            ) as response:
                yield response
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise ProviderUnavailableError(f"{url}: {error!r}") from error

    async def _read(self, url: str, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            # We asked for none, and a bomb is refused before it is unpacked.
            raise ProviderUnavailableError(f"{url}: an encoded body")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._largest:
                response.close()
                raise ProviderUnavailableError(f"{url}: more than {self._largest} bytes")
        return bytes(body)


def _next(url: str, response: aiohttp.ClientResponse) -> str | None:
    try:
        said = response.links.get("next")
    except ValueError as error:  # of an address that is none
        raise ProviderUnavailableError(f"{url}: a Link that cannot be read") from error
    return None if said is None else str(said["url"])


def _json(url: str, body: bytes) -> object:
    try:
        return orjson.loads(body)  # refuses NaN, bad UTF-8 and deep nesting
    except orjson.JSONDecodeError as error:
        raise ProviderUnavailableError(f"{url}: not JSON") from error
