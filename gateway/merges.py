"""A guest's work becomes a person's: decided once, told to every backend until it knows.

What was decided lies in the directory before anybody is told, so that neither a backend that is down nor a
gateway that ends halfway loses it. Telling twice is harmless: a backend answers the second call as the first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final, Protocol

from gateway.assertions import Assertions
from gateway.directory import DecidedMerge
from gateway.errors import (
    BackendBrokenError,
    DirectoryUnavailableError,
    GatewayError,
)
from gateway.identity import Merge
from gateway.proxy.request_bytes import request_bytes
from gateway.proxy.upstream import Upstreams
from gateway.routes import Address, RouteTable, Subject
from gateway.telemetry import Log

PATH: Final = "v1/internal/merge"
PATIENCE: Final = 3.0  # seconds that a sign-in waits for the backends
FIRST_PAUSE: Final = 5  # seconds; doubled with every try
LONGEST_PAUSE: Final = 3600
EVERY: Final = 2.0  # seconds between two looks at what is due

SubjectOf = Callable[[str, Subject, str, str], str]


class Merged(StrEnum):
    """What came of a guest's work at a sign-in."""

    DONE = "done"
    LATER = "later"  # decided; a backend is yet to be told
    FAILED = "failed"  # not decided: the guest lives on
    NONE = "none"


class Records(Protocol):
    """Where decided merges lie."""

    async def decide(self, loser: str, survivor: str, decided: Sequence[DecidedMerge], due: int) -> bool: ...
    async def due(self) -> list[DecidedMerge]: ...
    async def finish(self, merge: DecidedMerge) -> None: ...
    async def postpone(self, merge: DecidedMerge, due: int) -> None: ...


class Tells(Protocol):
    """Who is to be told of a merge, and how."""

    @property
    def backends(self) -> tuple[str, ...]: ...
    async def tell(self, merge: DecidedMerge) -> None: ...


class Telling:
    """How a backend is told. subject: (person, kind, origin, book) -> the person in that backend's terms."""

    def __init__(
        self, routes: RouteTable, upstreams: Upstreams, assertions: Assertions, subject: SubjectOf
    ) -> None:
        self._routes = routes
        self._upstreams = upstreams
        self._assertions = assertions
        self._subject = subject

    @property
    def backends(self) -> tuple[str, ...]:
        """Those that keep guests' work."""
        return tuple(
            name for name, backend in self._routes.backends.items() if backend.guests and backend.merges
        )

    async def tell(self, merge: DecidedMerge) -> None:
        """Raises GatewayError where the backend does not say that it is done."""
        backend = self._routes.backends.get(merge.backend)
        if backend is None:
            raise BackendBrokenError(f"{merge.backend} is not in gateway.yaml any more")

        def subject(person: str) -> str:
            return self._subject(person, backend.subject, merge.origin, merge.book)

        told = Merge(subject(merge.survivor), subject(merge.loser), merge.book)
        upstream = self._upstreams[merge.backend]
        headers = upstream.hosted((self._assertions.merge_header(told, backend),))

        def head(address: Address) -> bytes:
            return request_bytes("POST", backend.base + PATH, headers, address, "Content-Length: 0")

        reply = upstream.ask(head, method="POST", has_body=False, chunked=False)
        try:
            answer = await reply.head
        finally:
            reply.close()
        if not 200 <= answer.status <= 299:
            raise BackendBrokenError(f"{merge.backend} answered a merge with {answer.status}")


class Merges:
    """end: ends all sessions of a guest, before anybody is told: nothing new may begin as one who is gone."""

    def __init__(
        self,
        records: Records,
        telling: Tells,
        end: Callable[[str], Awaitable[None]],
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._records = records
        self._telling = telling
        self._end = end
        self._clock = clock
        self._log = log

    async def merge(self, loser: str, survivor: str, origin: str, books: Sequence[str]) -> Merged:
        """The loser's work in these books becomes the survivor's: now, or as soon as the backends can."""
        decided = [
            DecidedMerge(loser, survivor, origin, book, backend)
            for backend in self._telling.backends
            for book in books
        ]
        due = int(self._clock() + PATIENCE) + FIRST_PAUSE
        try:
            if not await self._records.decide(loser, survivor, decided, due):
                return Merged.NONE
        except DirectoryUnavailableError as error:
            self._log.warning("merge", fault=error.code, detail=error.detail)
            return Merged.FAILED
        try:
            async with asyncio.timeout(PATIENCE):
                done = await asyncio.gather(*(self._try(merge) for merge in decided))
        except TimeoutError:
            return Merged.LATER
        return Merged.DONE if all(done) else Merged.LATER

    async def run(self) -> None:
        """Never returns: tries again what could not be told, with growing pauses."""
        while True:
            await self.tell_due()
            await asyncio.sleep(EVERY)

    async def tell_due(self) -> None:
        """Tries what is due, once."""
        try:
            for merge in await self._records.due():
                await self._try(merge)
        except DirectoryUnavailableError as error:
            self._log.warning("merge", fault=error.code, detail=error.detail)

    async def _try(self, merge: DecidedMerge) -> bool:
        try:
            await self._end(merge.loser)
            await self._telling.tell(merge)
            await self._records.finish(merge)
        except GatewayError as error:
            await self._postpone(merge, error)
            return False
        return True

    async def _postpone(self, merge: DecidedMerge, error: GatewayError) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(merge.tries, 20))
        self._log.warning(
            "merge", backend=merge.backend, tries=merge.tries + 1, fault=error.code, detail=error.detail
        )
        try:
            await self._records.postpone(merge, int(self._clock()) + pause)
        except DirectoryUnavailableError:
            self._log.warning("merge", backend=merge.backend, fault="directory_unavailable")
