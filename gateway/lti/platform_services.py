"""`PlatformServices`: what platforms are asked and told, with tokens that are kept until they end."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import orjson

from gateway.errors import ProviderUnavailableError
from gateway.lti.services import read_token, token_claims, token_request
from gateway.lti.tool_key import ToolKey
from gateway.lti_platforms import Platform
from gateway.providers.transport import Linked, Transport
from gateway.sealing import encoded

EARLY: Final = 60  # seconds before its end in which a token is used no more
PAUSE: Final = 5.0  # seconds after a failure in which no token is asked for

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_Key = tuple[str, str, str]
T = TypeVar("T")


class PlatformServices:
    """Every method raises ProviderUnavailableError. key: None: this site has none, and asks for nothing.

    clock: Unix seconds. token: bytes of randomness.
    """

    def __init__(
        self,
        transport: Transport,
        key: ToolKey | None,
        clock: Callable[[], float],
        token: Callable[[int], bytes],
    ) -> None:
        self._transport = transport
        self._key = key
        self._clock = clock
        self._random = token
        self._kept: dict[_Key, tuple[str, float]] = {}
        self._failed: dict[_Key, float] = {}
        self._locks: defaultdict[_Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    def serves(self, platform: Platform) -> bool:
        """Whether it can be asked for anything."""
        return self._key is not None and platform.services is not None

    async def get(self, platform: Platform, scope: str, url: str, media_type: str) -> Linked:
        """A JSON object that came with status 200, and the address of the page after it."""

        async def ask(token: str) -> tuple[int, Linked]:
            headers = {"Authorization": f"Bearer {token}", "Accept": media_type}
            linked = await self._transport.linked(url, headers)
            return linked.answer.status, linked

        status, linked = await self._asked(platform, scope, ask)
        if status != 200:
            raise ProviderUnavailableError(f"{url}: {status}")
        return linked

    async def post(
        self, platform: Platform, scope: str, url: str, media_type: str, document: Mapping[str, object]
    ) -> int:
        """The status of the answer."""
        body = orjson.dumps(document)

        async def ask(token: str) -> tuple[int, None]:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": media_type}
            return await self._transport.send(url, headers, body), None

        return (await self._asked(platform, scope, ask))[0]

    async def _asked(
        self, platform: Platform, scope: str, ask: Callable[[str], Awaitable[tuple[int, T]]]
    ) -> tuple[int, T]:
        """Once more with another token, where the platform takes the one that was kept no more."""
        token = await self._token(platform, scope)
        status, answer = await ask(token)
        if status != 401:
            return status, answer
        key = _key(platform, scope)
        if self._kept.get(key, ("", 0.0))[0] == token:
            del self._kept[key]
        return await ask(await self._token(platform, scope))

    async def _token(self, platform: Platform, scope: str) -> str:
        key = _key(platform, scope)
        async with self._locks[key]:
            text, until = self._kept.get(key, ("", 0.0))
            if self._clock() < until:
                return text
            if 0 <= self._clock() - self._failed.get(key, -PAUSE) < PAUSE:
                raise ProviderUnavailableError(f"no token of {platform.id}, a moment ago")
            try:
                return await self._fetched(platform, scope)
            except ProviderUnavailableError:
                self._failed[key] = self._clock()
                raise

    async def _fetched(self, platform: Platform, scope: str) -> str:
        access = platform.services
        if access is None or self._key is None:
            raise ProviderUnavailableError(f"{platform.id} has no services, or this site no key for them")
        now = self._clock()
        claims = token_claims(platform.client_id, access, encoded(self._random(16)))
        form = token_request(self._key.sign(claims, now), scope)
        answer = await self._transport.post(access.token_endpoint, _FORM, form)
        found = read_token(answer.status, answer.body, scope)
        self._kept[_key(platform, scope)] = found.text, now + found.life - EARLY
        return found.text


def _key(platform: Platform, scope: str) -> _Key:
    endpoint = "" if platform.services is None else platform.services.token_endpoint
    return endpoint, platform.client_id, scope
