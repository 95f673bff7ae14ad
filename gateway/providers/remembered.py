"""A document of a provider, kept for a while and asked for neither too often nor twice at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.errors import ProviderUnavailableError

LIFE = 3600.0  # seconds that a document is believed
PAUSE = 5.0  # seconds after a failure in which nobody asks again
REFETCH = 10.0  # seconds between two refetches out of turn

T = TypeVar("T")


class Remembered(Generic[T]):
    """One document. `fetch` raises ProviderUnavailableError; so do we while it fails."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._fetched = 0.0
        self._failed: tuple[float, str] | None = None
        self._refetched: float | None = None

    async def get(self) -> T:
        """The document, at most LIFE old."""
        async with self._lock:
            if self._value is not None and 0 <= self._clock() - self._fetched < LIFE:
                return self._value
            return await self._renew()

    async def newer(self, than: T) -> T:
        """A document fetched again, because `than` did not hold what was looked for.

        Rate-limited, so that a stream of tokens with made-up key ids is no stream of requests.
        """
        async with self._lock:
            if self._value is not None and self._value is not than:
                return self._value  # somebody who waited before us fetched it
            now = self._clock()
            if self._refetched is not None and 0 <= now - self._refetched < REFETCH:
                return than
            self._refetched = now
            return await self._renew()

    async def _renew(self) -> T:
        now = self._clock()
        if self._failed is not None and 0 <= now - self._failed[0] < PAUSE:
            raise ProviderUnavailableError(f"a moment ago: {self._failed[1]}")
        try:
            self._value = await self._fetch()
        except ProviderUnavailableError as error:
            self._failed = (now, error.detail)
            raise
        self._failed = None
        self._fetched = now
        return self._value
