"""Storage: what can be done with people's work, whoever asks over whatever protocol."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection

from backends.allowance import Allowance
from backends.database import Database
from backends.endings import Endings
from backends.problem import NotFound, PersonDeleted, Problem
from backends.storage import export, merging, reading, statements
from backends.storage.archive import Archive
from backends.storage.erasing import Erased, erase
from backends.storage.items import Item, Key, Mode, Shelf
from backends.storage.merging import Merged, Merging
from backends.storage.outcomes import Gone, Outcome
from backends.storage.reading import all_items
from backends.storage.sync import Change
from backends.storage.unmerging import Unmerged, unmerge
from backends.storage.writing import Delete, Put, Replay, Writing

T = TypeVar("T")

EXPORT_COSTS: Final = 50.0  # of an allowance of writes: a whole shelf is read


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

    async def archive(self, shelf: Shelf) -> AsyncIterator[bytes]:
        """The same as a zip. Compressing is a thread's work."""
        self._allowance.spend(shelf.person, EXPORT_COSTS)
        archive = Archive(shelf.book, self._now())
        found = await self._database.read(lambda connection: all_items(connection, shelf))
        for item in found:
            lines = await self._database.read(partial(export.lines, shelf=shelf, item=item))
            yield await asyncio.to_thread(archive.add, lines)
        yield archive.finish()
        for item in (item for item in found if item.is_live):
            try:
                now, body = await self.content(shelf, Key(item.course, item.id))
            except (NotFound, Gone):  # since a moment ago
                continue
            yield await asyncio.to_thread(archive.file, now, body)
        yield archive.end()

    async def erase(self, shelf: Shelf) -> Erased:
        """All of somebody's work in a book, at their own wish. What they send from now on begins anew."""
        return await self._database.write(lambda connection: erase(connection, shelf, self._now()))

    async def content(self, shelf: Shelf, key: Key) -> tuple[Item, bytes]:
        return await self._database.read(lambda connection: reading.content(connection, shelf, key))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What one of `reading` finds."""
        return await self._database.read(work)

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
