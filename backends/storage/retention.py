"""What ends with time: tombstones with their versions, first results, what a merge left behind."""

import asyncio
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from backends.database import Database
from backends.storage import merging, reading, statements
from backends.storage.items import DAY, Key, Shelf
from backends.storage.writing import REPLAYED_FOR, Writing

TOMBSTONES_KEPT: Final = 90 * DAY * 1000
LOSERS_KEPT: Final = 30 * DAY * 1000  # for so long a merge can be undone
EVERY: Final = 3600.0
AT_ONCE: Final = 200


class Retention:
    """`clock` tells Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def sweep(self) -> int:
        """How many items and merges had their time."""
        purged = 0
        while found := await self._database.write(self._purge_some):
            purged += found
        return purged

    async def sweep_regularly(self) -> None:
        """Never returns."""
        while True:
            await self.sweep()
            await asyncio.sleep(EVERY)

    def _purge_some(self, connection: Connection) -> int:
        now = int(self._clock() * 1000)
        connection.execute(statements.FORGET_REPLAYS, {"before": now - REPLAYED_FOR})
        expired = connection.execute(
            statements.EXPIRED_TOMBSTONES, {"before": now - TOMBSTONES_KEPT, "at_most": AT_ONCE}
        ).all()
        for row in expired:
            shelf = Shelf(row.person, row.book)
            item = reading.find_item(connection, shelf, Key(row.course, row.id))
            if item is not None:
                Writing(connection, shelf, now).purge(item)
        kept = connection.execute(
            statements.KEPT_LOSERS, {"before": now - LOSERS_KEPT, "at_most": AT_ONCE}
        ).all()
        for loser in kept:
            merging.empty(connection, Shelf(loser.person, loser.book), now)
        return len(expired) + len(kept)
