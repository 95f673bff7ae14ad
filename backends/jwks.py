"""The gateway's public keys: fetched from its JWKS, remembered, and never asked for too often.

Known keys go on working while the JWKS cannot be read. An unknown key id causes a fetch, at most one in
`PAUSE` seconds, so that made-up key ids cannot become a flood towards the gateway.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from backends.problem import KeysUnavailable

PAUSE: Final = 5.0  # seconds between two fetches
PAUSE_AT_START: Final = 0.5  # the same while no key was ever read
FRESH: Final = 300.0  # seconds after which known keys are looked up again
DEADLINE: Final = 5.0
LARGEST: Final = 256 * 1024


class FetchFailedError(Exception):
    """The JWKS could not be had; what is known stays."""


class _Key(msgspec.Struct, frozen=True):
    """RFC 7517 and 7518 section 6.2: the members of a public EC key that are used here."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str = "sig"
    alg: str = "ES256"


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[msgspec.Raw]


def parse(document: bytes) -> dict[str, ECKey]:
    """The ES256 keys of a JWKS by id. Keys of other kinds, or broken ones, do not spoil the rest."""
    try:
        raw_keys = msgspec.json.decode(document, type=_KeySet).keys
    except (ValueError, msgspec.MsgspecError) as error:
        raise FetchFailedError("the answer is no JWKS") from error
    found: dict[str, ECKey] = {}
    for raw in raw_keys:
        key = _public_key(raw)
        if key is not None:
            found[key[0]] = key[1]
    return found


def _public_key(raw: msgspec.Raw) -> tuple[str, ECKey] | None:
    try:
        key = msgspec.json.decode(raw, type=_Key)
        if (key.kty, key.crv, key.use, key.alg) != ("EC", "P-256", "sig", "ES256"):
            return None
        public = ECKey.import_key({"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y, "kid": key.kid})
        public.check_use("sig")
        _ = public.public_key  # made here, so that a point off the curve is refused here
    except (ValueError, msgspec.MsgspecError, JoseError):
        return None
    return key.kid, public


class RemoteKeys:
    """Keys behind a URL. `clock` must never run backwards (time.monotonic)."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Callable[[], float]) -> None:
        self._session = session
        self._url = url
        self._clock = clock
        self._known: dict[str, ECKey] = {}
        self._asked = float("-inf")
        self._read = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    @property
    def known(self) -> bool:
        return bool(self._known)

    async def find(self, kid: str) -> ECKey | None:
        """The key of this id, or None when the gateway does not publish it."""
        if kid in self._known:
            if self._clock() - self._read > FRESH:
                self._refresh()  # beside the request, which must not wait for it
            return self._known[kid]
        await self.refresh()
        if not self._known:
            raise KeysUnavailable(headers={"Retry-After": "5"})
        return self._known.get(kid)

    async def refresh(self) -> None:
        """Waits for a fetch that runs, or for a new one if the last is long enough ago."""
        fetching = self._refresh()
        if fetching is not None:
            await asyncio.shield(fetching)

    def _refresh(self) -> asyncio.Task[None] | None:
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if self._clock() - self._asked < (PAUSE if self._known else PAUSE_AT_START):
            return None
        self._asked = self._clock()
        self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            self._known = parse(await self._fetch()) or self._known
        except FetchFailedError:
            return
        self._read = self._clock()

    async def _fetch(self) -> bytes:
        try:
            async with (
                asyncio.timeout(DEADLINE),
                self._session.get(self._url, allow_redirects=False) as response,
            ):
                body = b""
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > LARGEST:
                        raise FetchFailedError("the JWKS is too large")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise FetchFailedError("the JWKS cannot be reached") from error
        if response.status != 200:
            raise FetchFailedError("the JWKS answered with an error")
        return body

    async def close(self) -> None:
        """Ends a fetch that still runs."""
        if self._fetching is not None and not self._fetching.done():
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
