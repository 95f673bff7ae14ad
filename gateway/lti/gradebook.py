"""`Gradebook`: scores that books report, told to the platforms whose courses opened them."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from gateway.directory import LineItems, Waiting
from gateway.errors import DirectoryUnavailableError, NotGradedError, ProviderUnavailableError
from gateway.lti.platform_services import PlatformServices
from gateway.lti.registry import Registry
from gateway.lti.scores import MEDIA_TYPE, Score, score_document, scores_address
from gateway.lti.services import SCORE_SCOPE
from gateway.lti_platforms import Platform, ServiceAccess
from gateway.telemetry import Log

PATIENCE: Final = 3.0  # seconds that a book waits for the platform
EVERY: Final = 5.0  # seconds between two looks at what is due
SWEEP: Final = 86400.0  # seconds between two looks at courses that are over
FIRST_PAUSE: Final = 30  # seconds; doubled with every try
LONGEST_PAUSE: Final = 3600
KEPT: Final = 7 * 86400  # seconds that a score waits at most

_LATER: Final = frozenset({401, 408, 425, 429})  # and whatever is no answer to the score
_NEWER: Final = 409  # the platform has a score of a later moment (section 3.4.6)


class Told(StrEnum):
    """What became of a score."""

    DELIVERED = "delivered"
    QUEUED = "queued"
    REFUSED = "refused"


class Gradebook:
    """words: a language -> that the score is self-reported. clock: Unix seconds.

    Every method raises DirectoryUnavailableError when the database cannot answer, but `run`.
    """

    def __init__(
        self,
        line_items: LineItems,
        registry: Registry,
        services: PlatformServices,
        words: Callable[[str], str],
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._line_items = line_items
        self._registry = registry
        self._services = services
        self._words = words
        self._clock = clock
        self._log = log

    async def report(self, person: str, origin: str, score: Score) -> Told:
        """A score of the page that a person launched there; in the place of any that waits.

        Raises NotGradedError: it was launched for no gradebook, or for one that takes no scores of books.
        """
        item = await self._line_items.find(person, origin, score.pages)
        if item is None:
            raise NotGradedError("no line item")
        await self._registry.look()
        platform = self._registry.deployed(item.platform)
        if platform is None or _taken_by(platform) is None:
            raise NotGradedError(f"{item.platform} takes no scores")
        waiting = await self._line_items.report(item, score.points, score.maximum, score.comment)
        if waiting is None:
            raise NotGradedError("the line item went a moment ago")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._tell(waiting)
        except TimeoutError:
            return Told.QUEUED  # `run` tells it

    async def run(self) -> None:
        """Never returns: tells what could not be told, with growing pauses."""
        swept = self._clock()
        while True:
            await asyncio.sleep(EVERY)
            await self.tell_due()
            if not 0 <= self._clock() - swept < SWEEP:
                swept = self._clock()
                await self._purge()

    async def tell_due(self) -> None:
        """What is due, once."""
        try:
            due = await self._line_items.take_due()
            if due:
                await self._registry.look()
            await asyncio.gather(*(self._tell(waiting) for waiting in due))
        except DirectoryUnavailableError as error:
            self._log.warning("scores", fault=error.code, detail=error.detail)

    async def _purge(self) -> None:
        try:
            await self._line_items.purge()
        except DirectoryUnavailableError as error:
            self._log.warning("scores", fault=error.code, detail=error.detail)

    async def _tell(self, waiting: Waiting) -> Told:
        platform = self._registry.deployed(waiting.to.platform)
        if platform is None:  # or the directory was away when we looked who is there
            return await self._later(waiting, f"{waiting.to.platform} is not known")
        access = _taken_by(platform)
        if access is None:
            return await self._refused(waiting, f"{platform.id} takes no scores any more")
        score = Score(waiting.points, waiting.maximum, waiting.comment, ())
        said = self._words(access.language)
        document = score_document(waiting.to.subject, score, said, waiting.scored)
        address = scores_address(waiting.to.address)
        try:
            status = await self._services.post(platform, SCORE_SCOPE, address, MEDIA_TYPE, document)
        except ProviderUnavailableError as error:
            return await self._later(waiting, error.detail)
        if 200 <= status <= 299 or status == _NEWER:
            await self._line_items.finish(waiting)
            return Told.DELIVERED
        if status in _LATER or not 400 <= status <= 499:
            return await self._later(waiting, f"{address}: {status}")
        return await self._refused(waiting, f"{address}: {status}")

    async def _later(self, waiting: Waiting, why: str) -> Told:
        now = self._clock()
        if now - waiting.scored / 1000 > KEPT:
            return await self._refused(waiting, why)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(waiting.tries, 20))
        await self._line_items.postpone(waiting, int(now) + pause)
        self._log.warning("scores", fault="platform_unavailable", detail=why, tries=waiting.tries + 1)
        return Told.QUEUED

    async def _refused(self, waiting: Waiting, why: str) -> Told:
        await self._line_items.finish(waiting)
        self._log.warning("scores", fault="platform_refused", detail=why, tries=waiting.tries + 1)
        return Told.REFUSED


def _taken_by(platform: Platform) -> ServiceAccess | None:
    """How it is told scores; None: it takes none."""
    access = platform.services
    return access if access is not None and access.scores else None
