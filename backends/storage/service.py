"""Storage: what can be done with people's work, whoever asks over whatever protocol."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from sqlalchemy import Connection

from backends.allowance import Allowance
from backends.database import Database
from backends.endings import Endings
from backends.problem import PersonDeleted, Problem
from backends.storage import changes, export, merging, reading, statements
from backends.storage.changes import Changes, Cursor
from backends.storage.items import DAY, Item, Key, Mode, Shelf, Version
from backends.storage.merging import Merged, Merging
from backends.storage.outcomes import Outcome
from backends.storage.reading import Content, Listing, Together, Usage, all_items
from backends.storage.sync import Change
from backends.storage.unmerging import Unmerged, unmerge
from backends.storage.writing import REPLAYED_FOR, Delete, Put, Replay, Writing

TOMBSTONES_KEPT: Final = 90 * DAY * 1000
LOSERS_KEPT: Final = 30 * DAY * 1000  # for so long a merge can be undone
SWEEP_EVERY: Final = 3600.0
AT_ONCE: Final = 200


class Storage:
    """`clock` tells Unix seconds: the only time that is ever stored."""

    def __init__(self, database: Database, allowance: Allowance, clock: Callable[[], float]) -> None:
        self._database = database
        self._allowance = allowance
        self._clock = clock
        self._endings = Endings(clock)

    async def put(self, shelf: Shelf, put: Put, replay: Replay | None) -> Outcome:
        return await self._write(shelf, replay, lambda writing: writing.put(put))

    async def delete(self, shelf: Shelf, delete: Delete, replay: Replay | None) -> Outcome:
        def work(writing: Writing) -> Outcome:
            # what a guest did not see, the person's own work, goes by no blind deletion
            seen = delete if writing.shelf == shelf else replace(delete, mode=Mode.CHECKED)
            return writing.delete(seen)

        return await self._write(shelf, replay, work)

    async def change(self, shelf: Shelf, made: Sequence[Change]) -> list[Outcome | Problem]:
        """What came of each, in their order; one that is refused keeps no other from being made."""
        self._allowance.spend(shelf.person, len(made))

        def work(connection: Connection) -> list[Outcome | Problem]:
            writing = self._writing(connection, shelf)
            return [_attempt(connection, writing, change) for change in made]

        return await self._database.write(work)

    async def changes(self, shelf: Shelf, cursor: Cursor | None, limit: int) -> Changes:
        return await self._database.read(lambda connection: changes.page(connection, shelf, cursor, limit))

    async def merge(self, loser: Shelf, survivor: Shelf) -> Merged:
        """The loser's work becomes the survivor's; a second call answers as the first did."""

        def work(connection: Connection) -> Merged:
            if self._is_over(loser) or self._is_over(survivor) or self._are_apart(loser, survivor):
                return Merged(0, 0)  # it was under way while either was deleted, or both were taken apart
            return Merging(connection, loser, survivor, self._now()).merge()

        return await self._database.write(work)

    async def unmerge(self, loser: Shelf, survivor: Shelf) -> Unmerged:
        """The opposite, within 30 days; a second call changes nothing."""

        def work(connection: Connection) -> Unmerged:
            # One second earlier: who are two again may be made one again in the same.
            self._endings.end((loser.person, survivor.person, loser.book), loser.asserted - 1)
            return unmerge(connection, loser, survivor, self._now())

        return await self._database.write(work)

    async def forget(self, shelf: Shelf) -> None:
        """Everything goes, also that it became somebody's; and what is still under way."""

        def work(connection: Connection) -> None:
            self._endings.end((shelf.person, shelf.book), shelf.asserted)
            merging.clear(connection, shelf)
            connection.execute(statements.REMOVE_MERGE, statements.scope(shelf))

        await self._database.write(work)

    async def export(self, shelf: Shelf) -> AsyncIterator[bytes]:
        """All of it, item by item."""
        for item in await self._database.read(lambda connection: all_items(connection, shelf)):
            yield await self._database.read(partial(export.lines, shelf=shelf, item=item))

    async def content(self, shelf: Shelf, key: Key) -> tuple[Item, bytes]:
        return await self._database.read(lambda connection: reading.content(connection, shelf, key))

    async def together(self, shelf: Shelf, keys: list[Key], room: int) -> Together:
        return await self._database.read(lambda connection: reading.together(connection, shelf, keys, room))

    async def page(self, shelf: Shelf, listing: Listing) -> list[Item]:
        return await self._database.read(lambda connection: reading.page(connection, shelf, listing))

    async def versions(self, shelf: Shelf, key: Key, before: int, limit: int) -> list[Version]:
        return await self._database.read(
            lambda connection: reading.versions(connection, shelf, key, before, limit)
        )

    async def version(self, shelf: Shelf, key: Key, revision: int) -> tuple[Version, bytes]:
        return await self._database.read(lambda connection: reading.version(connection, shelf, key, revision))

    async def contents(self, shelf: Shelf, course: str, prefix: str, limit: int) -> list[Content]:
        return await self._database.read(
            lambda connection: reading.contents(connection, shelf, course, prefix, limit)
        )

    async def history(self, shelf: Shelf, key: Key, *, limit: int, room: int) -> list[Content]:
        return await self._database.read(
            lambda connection: reading.history(connection, shelf, key, limit=limit, room=room)
        )

    async def latest_course(self, shelf: Shelf, item: str) -> str | None:
        return await self._database.read(lambda connection: reading.latest_course(connection, shelf, item))

    async def usage(self, shelf: Shelf) -> Usage:
        return await self._database.read(lambda connection: reading.usage(connection, shelf))

    async def sweep(self) -> int:
        """Ends what retention ends: old tombstones with their versions, first results, what was merged."""
        purged = 0
        while found := await self._database.write(self._purge_some):
            purged += found
        return purged

    async def sweep_regularly(self) -> None:
        """Never returns."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_EVERY)

    async def _write(
        self, shelf: Shelf, replay: Replay | None, work: Callable[[Writing], Outcome]
    ) -> Outcome:
        self._allowance.spend(shelf.person)

        return await self._database.write(
            lambda connection: self._writing(connection, shelf).once(replay, work)
        )

    def _writing(self, connection: Connection, shelf: Shelf) -> Writing:
        """Where what is sent to this shelf is written. Raises PersonDeleted."""
        # What was sent as one who became another since is that one's.
        home = merging.home(connection, shelf)
        if self._is_over(shelf) or self._is_over(home):
            raise PersonDeleted
        return Writing(connection, home, self._now())

    def _purge_some(self, connection: Connection) -> int:
        now = self._now()
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

    def _is_over(self, shelf: Shelf) -> bool:
        return self._endings.is_over((shelf.person, shelf.book), shelf.asserted)

    def _are_apart(self, loser: Shelf, survivor: Shelf) -> bool:
        return self._endings.is_over((loser.person, survivor.person, loser.book), loser.asserted)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _attempt(connection: Connection, writing: Writing, change: Change) -> Outcome | Problem:
    """In a savepoint: a refusal leaves nothing of its change, and all of the others."""
    write = change.write
    try:
        with connection.begin_nested():
            outcome = writing.once(
                change.replay,
                lambda writing: writing.put(write) if isinstance(write, Put) else writing.delete(write),
            )
            if not outcome.stands:
                writing.tell(write.key)
            return outcome
    except Problem as refused:
        return refused
