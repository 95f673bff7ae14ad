"""What the directory knows of guests: their return codes."""

from collections.abc import Callable

from sqlalchemy import delete, select

from gateway.directory import ids
from gateway.directory.database import Database
from gateway.directory.orders import is_merged
from gateway.directory.schema import return_codes


class Guests:
    """Only hashes of codes are kept. Every method raises DirectoryUnavailableError when the database cannot
    answer.
    """

    def __init__(self, database: Database, people_key: bytes, clock: Callable[[], float]) -> None:
        self._database = database
        self._people_key = people_key
        self._clock = clock

    async def return_code(self, guest: str, origin: str, life: int) -> str | None:
        """The code by which a guest comes back, good for `life` seconds from now; the same one each time.

        None: the guest became somebody, and comes back no more.
        """
        now = int(self._clock())
        code = ids.return_code(self._people_key, guest)
        kept = ids.hashed_code(self._people_key, code)
        row = self._database.insert(return_codes).values(
            code=kept, guest=guest, origin=origin, ends=now + life
        )
        async with self._database.writing() as connection:
            # It writes, so no merge is decided from here on.
            await connection.execute(delete(return_codes).where(return_codes.c.ends <= now))
            if await is_merged(connection, guest):
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
