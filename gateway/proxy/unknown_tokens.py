"""Whoever asks again and again by personal tokens that are none is refused before the directory is asked."""

from collections.abc import Awaitable, Callable
from itertools import islice
from math import ceil
from typing import Final

from gateway.client_address import network
from gateway.errors import InvalidTokenError, TooManyRequestsError
from gateway.limits import UNKNOWN_TOKENS
from gateway.personal_tokens import PersonalToken, hash_of
from gateway.token_bucket import Bucket, terms_of

KEPT: Final = 20_000  # addresses; beyond, the older half goes


class UnknownTokens:
    """Counts by address, in this worker. clock: seconds, monotonic."""

    def __init__(self, find: Callable[[str], Awaitable[PersonalToken]], clock: Callable[[], float]) -> None:
        self._find = find
        self._clock = clock
        self._addresses: dict[str, Bucket] = {}

    async def find(self, text: str, client: str | None) -> PersonalToken:
        """client: the address that it comes from; None: nobody knows, and nothing is counted.

        Raises InvalidTokenError, TooManyRequestsError.
        """
        hash_of(text)  # what is not of the form costs no question
        whose = None if client is None else network(client)
        if whose is not None:
            self._admit(whose)
        try:
            return await self._find(text)
        except InvalidTokenError:
            if whose is not None:
                self._count(whose)
            raise

    def _admit(self, whose: str) -> None:
        bucket = self._addresses.get(whose)
        wait = 0.0 if bucket is None else bucket.full - self._clock() - bucket.terms.room
        if wait > 0:
            raise TooManyRequestsError("unknown tokens of an address", retry_after=max(1, ceil(wait)))

    def _count(self, whose: str) -> None:
        bucket = self._addresses.get(whose)
        if bucket is None:
            if len(self._addresses) >= KEPT:
                for old in tuple(islice(self._addresses, KEPT // 2)):
                    del self._addresses[old]
            bucket = self._addresses[whose] = Bucket("address", whose, terms_of(UNKNOWN_TOKENS))
        bucket.full = max(bucket.full, self._clock()) + bucket.terms.one
