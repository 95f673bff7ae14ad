"""Analytics: what can be done with events."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection

from backends.allowance import Allowance
from backends.analytics import merging, statements
from backends.analytics.batches import Unreadable
from backends.analytics.events import SCHEMA, Event, Rejected, parse
from backends.analytics.levels import Level, kept, level
from backends.analytics.merging import Moved
from backends.analytics.staff import ROLES, is_staff
from backends.assertion import Assertion, Internal
from backends.database import Database
from backends.endings import Endings
from backends.problem import PersonDeleted

CODE_OF_UNREADABLE: Final = "invalid_json"
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch. At level 0 nothing is kept, and nothing is said to be."""

    accepted: int
    duplicate: int
    rejected: tuple[Rejected, ...]


class Analytics:
    """`clock` tells Unix seconds. `staff`: roles whose holders are no readers."""

    def __init__(
        self,
        database: Database,
        allowance: Allowance,
        clock: Callable[[], float],
        staff: frozenset[str] = ROLES,
    ) -> None:
        self._staff = staff
        self._database = database
        self._allowance = allowance
        self._clock = clock
        self._endings = Endings(clock)

    def now(self) -> int:
        """In milliseconds since the epoch."""
        return int(self._clock() * 1000)

    async def take(self, assertion: Assertion, batch: Sequence[object]) -> Taken:
        """One bad event never fails the batch; the same batch again changes nothing."""
        self._allowance.spend(assertion.sub, max(1, len(batch)))
        now = self.now()
        events: list[Event] = []
        rejected: list[Rejected] = []
        for place, raw in enumerate(batch):
            checked = (
                Rejected(place, CODE_OF_UNREADABLE) if isinstance(raw, Unreadable) else parse(raw, place, now)
            )
            if isinstance(checked, Event):
                events.append(checked)
            else:
                rejected.append(checked)
        at = level(assertion.research_cap)
        if at is Level.NOTHING or not events:
            return Taken(0, 0, tuple(rejected))
        added = self._added(assertion, at, now)
        rows = [_row(kept(event, at)) | added for event in events]

        def work(connection: Connection) -> int:
            # What was sent as one who became another since is that one's.
            home = merging.home(connection, assertion.sub)
            if any(self._endings.is_over((each,), assertion.iat) for each in (assertion.sub, home)):
                raise PersonDeleted
            return _add(connection, [row | {statements.PSEUDONYM: home} for row in rows])

        accepted = await self._database.write(work)
        return Taken(accepted, len(events) - accepted, tuple(rejected))

    def _added(self, assertion: Assertion, at: Level, now: int) -> dict[str, object]:
        """What the server adds to each event."""
        return {
            "new_received": now,
            "new_book": assertion.book,
            "new_classes": msgspec.json.encode([one.id for one in assertion.classes]).decode(),
            "new_roles": msgspec.json.encode(assertion.roles).decode(),
            "new_staff": is_staff(assertion, self._staff),
            "new_level": int(at),
            "new_schema": SCHEMA,
        }

    async def forget(self, pseudonym: str) -> int:
        """Removes every event of the pseudonym; the answer says how many there were."""
        names = {statements.PSEUDONYM: pseudonym}
        return await self._database.write(
            lambda connection: connection.execute(statements.REMOVE_PERSON, names).rowcount
        )

    async def delete(self, said: Internal) -> int:
        """The same, for good: what was under way comes too late."""

        def work(connection: Connection) -> int:
            self._endings.end((said.sub,), said.iat)
            names = {statements.PSEUDONYM: said.sub}
            connection.execute(statements.REMOVE_MERGE, names)
            return connection.execute(statements.REMOVE_PERSON, names).rowcount

        return await self._database.write(work)

    async def merge(self, said: Internal) -> Moved:
        """The loser's events become the survivor's; a second call answers as the first did."""
        loser, survivor = said.loser or "", said.sub

        def work(connection: Connection) -> Moved:
            matters = ((loser,), (survivor,), (loser, survivor))
            if any(self._endings.is_over(matter, said.iat) for matter in matters):
                return Moved(0)  # it was under way while either was deleted, or both were taken apart
            return merging.merge(connection, loser, survivor, self.now())

        return await self._database.write(work)

    async def unmerge(self, said: Internal) -> Moved:
        """The opposite; a second call changes nothing."""
        loser, survivor = said.loser or "", said.sub

        def work(connection: Connection) -> Moved:
            # One second earlier: who are two again may be made one again in the same.
            self._endings.end((loser, survivor), said.iat - 1)
            return merging.unmerge(connection, loser, survivor)

        return await self._database.write(work)

    async def export(self, pseudonym: str) -> AsyncIterator[bytes]:
        """Every event of the pseudonym as lines of JSON, some at a time."""
        after = ""
        while True:
            names = {statements.PSEUDONYM: pseudonym, "after": after, "at_most": AT_ONCE}
            rows = await self._database.read(partial(_some, names=names))
            if not rows:
                return
            after = str(rows[-1]["id"])
            yield b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _some(connection: Connection, names: dict[str, object]) -> list[dict[str, object]]:
    return [dict(row) for row in connection.execute(statements.EVENTS, names).mappings()]


def _add(connection: Connection, rows: Sequence[dict[str, object]]) -> int:
    return sum(connection.execute(statements.ADD_EVENTS, row).rowcount for row in rows)


def _row(event: Event) -> dict[str, object]:
    return {f"new_{name}": getattr(event, name) for name in Event.__dataclass_fields__}
