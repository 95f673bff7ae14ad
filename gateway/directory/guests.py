"""What the directory knows of guests: their return codes, and whose work their work became."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.directory import ids
from gateway.directory.database import Database
from gateway.directory.schema import merges, return_codes

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class DecidedMerge:
    """One backend is to be told that the loser's work in a book is the survivor's. Ids are our own."""

    loser: str
    survivor: str
    origin: str
    book: str
    backend: str
    tries: int = 0


class Guests:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(self, database: Database, people_key: bytes, clock: Callable[[], float]) -> None:
        self._database = database
        self._people_key = people_key
        self._clock = clock

    # -- return codes: only their hashes are kept

    async def return_code(self, guest: str, origin: str, life: int) -> str | None:
        """The code by which a guest comes back, good for `life` seconds from now; the same one each time.

        None: the guest became somebody, and comes back no more.
        """
        now = int(self._clock())
        code = ids.return_code(self._people_key, guest)
        kept = ids.hashed_code(self._people_key, code)
        row = insert(return_codes).values(code=kept, guest=guest, origin=origin, ends=now + life)
        async with self._database.writing() as connection:
            # It writes, so no merge is decided from here on.
            await connection.execute(delete(return_codes).where(return_codes.c.ends <= now))
            merged = select(merges.c.loser).where(merges.c.loser == guest).limit(1)
            if (await connection.execute(merged)).scalar_one_or_none() is not None:
                return None
            await connection.execute(
                row.on_conflict_do_update(index_elements=[return_codes.c.code], set_={"ends": now + life})
            )
        return code

    async def find_guest(self, code: str, origin: str) -> str | None:
        """The guest of a code as somebody typed it, at the origin where it was given out."""
        spelled = ids.parse_return_code(code)
        if spelled is None:
            return None
        query = select(return_codes.c.guest).where(
            return_codes.c.code == ids.hashed_code(self._people_key, spelled),
            return_codes.c.origin == origin,
            return_codes.c.ends > int(self._clock()),
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    # -- merges: a row stays when it is done, for whoever asks later who somebody was

    async def decide(self, loser: str, survivor: str, decided: Sequence[DecidedMerge], due: int) -> bool:
        """Note all of it, or nothing. False: the loser is somebody else's already.

        due: Unix seconds of the next try, should this one be cut off.
        """
        now = int(self._clock())
        async with self._database.writing() as connection:
            others = select(merges.c.survivor).where(merges.c.loser == loser, merges.c.survivor != survivor)
            if (await connection.execute(others.limit(1))).scalar_one_or_none() is not None:
                return False
            for merge in decided:
                row = insert(merges).values(
                    loser=loser,
                    survivor=survivor,
                    origin=merge.origin,
                    book=merge.book,
                    backend=merge.backend,
                    decided=now,
                    tries=0,
                    due=due,
                )
                await connection.execute(row.on_conflict_do_nothing())
            await connection.execute(delete(return_codes).where(return_codes.c.guest == loser))
        return True

    async def due(self) -> list[DecidedMerge]:
        """What is to be tried now, the longest waiting first."""
        query = (
            select(
                merges.c.loser,
                merges.c.survivor,
                merges.c.origin,
                merges.c.book,
                merges.c.backend,
                merges.c.tries,
            )
            .where(merges.c.due <= int(self._clock()))
            .order_by(merges.c.due)
            .limit(AT_ONCE)
        )
        async with self._database.reading() as connection:
            return list(starmap(DecidedMerge, await connection.execute(query)))

    async def finish(self, merge: DecidedMerge) -> None:
        await self._set_due(merge, None)

    async def postpone(self, merge: DecidedMerge, due: int) -> None:
        await self._set_due(merge, due)

    async def _set_due(self, merge: DecidedMerge, due: int | None) -> None:
        change = update(merges).where(_the(merge)).values(due=due, tries=merge.tries + 1)
        async with self._database.writing() as connection:
            await connection.execute(change)


def _the(merge: DecidedMerge) -> ColumnElement[bool]:
    return and_(merges.c.loser == merge.loser, merges.c.book == merge.book, merges.c.backend == merge.backend)
