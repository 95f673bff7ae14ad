"""Since when origins are granted what they are, also where a gateway was down during an edit or missed it."""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.config.origins_since import carry, kept_of, later_of, table_of
from gateway.config.watch import Origins, Reloaded
from gateway.directory import OriginEntries
from gateway.errors import DirectoryUnavailableError
from gateway.origins import OriginEntry, PolicyTable
from gateway.telemetry import Log

EVERY: Final = 1.0  # seconds between two looks at the directory


class OriginHistory:
    """Keeps in the directory what the origins in force grant, and learns there what others have seen."""

    def __init__(
        self, entries: OriginEntries, origins: Origins, clock: Callable[[], float], log: Log
    ) -> None:
        self._entries = entries
        self._origins = origins
        self._clock = clock
        self._log = log
        self._version = 0
        self._swaps = 1  # tables that have come into force
        self._saved = 0  # of them
        self._swapped = int(clock())
        origins.on_reload.append(self._reloaded)

    def _reloaded(self, reloaded: Reloaded) -> None:
        if reloaded.changed:
            self._swaps += 1
            self._swapped = int(self._clock())

    async def run(self) -> None:
        """Never returns."""
        down = False
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
                down = False
            except DirectoryUnavailableError as error:
                if not down:  # once, not every second
                    self._log.warning("origins", fault=error.code, detail=error.detail)
                down = True

    async def look(self) -> None:
        """Keeps what is new here, learns what is new there.

        DirectoryUnavailableError: it is for the next look.
        """
        if self._saved < self._swaps:
            await self._save()
        elif await self._entries.version() != self._version:
            await self._learn()

    async def _save(self) -> None:
        swaps, swapped, current = self._swaps, self._swapped, self._origins.current
        known = current

        async def decide(kept: list[OriginEntry]) -> list[OriginEntry]:
            nonlocal known
            if kept:  # none: nothing was ever granted here, so nothing was taken away
                known = await asyncio.to_thread(
                    self._known, current, kept, swapped, missed=swaps - self._saved > 1
                )
            return kept_of(known)

        self._version = await self._entries.change(decide)
        self._saved = swaps
        self._remember(current, known)

    def _known(
        self, current: PolicyTable, kept: list[OriginEntry], swapped: int, *, missed: bool
    ) -> PolicyTable:
        """missed: the directory has not seen what was in force in between; what is known here counts, too."""
        today = self._origins.today()
        known = carry(table_of(kept, current), current, today, swapped)
        return later_of(known, current, today, swapped) if missed else known

    async def _learn(self) -> None:
        """What another worker has seen: a file that came and went while this one did not look."""
        version, kept = await self._entries.read()
        current = self._origins.current
        today, now = self._origins.today(), int(self._clock())
        self._remember(
            current, await asyncio.to_thread(later_of, current, table_of(kept, current), today, now)
        )
        self._version = version

    def _remember(self, current: PolicyTable, known: PolicyTable) -> None:
        if self._origins.current is current:  # else the next look has to do with another one
            self._origins.remember(known)
