"""What ends sessions, noted first; what could not be noted is noted as soon as the directory is back."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.directory import Revocations as Rows
from gateway.errors import DirectoryUnavailableError
from gateway.revocation_rules import Act, EndPerson
from gateway.telemetry import Log

MOST: Final = 10_000  # acts that wait; they end with this process


class Journal:
    """The sessions' way to the rows. Who is told 503 need not come again: the session has ended in Redis."""

    def __init__(self, rows: Rows, log: Log) -> None:
        self._rows = rows
        self._log = log
        self._waiting: deque[tuple[Act, int]] = deque()

    async def note(self, acts: Sequence[Act], ends: int) -> None:
        """Keep these until `ends` (Unix seconds). DirectoryUnavailableError: they wait."""
        try:
            await self._rows.note(acts, ends)
        except DirectoryUnavailableError:
            self._wait([(act, ends) for act in acts])
            raise

    async def raise_epoch(self, slots: Sequence[str], floor: Mapping[str, int], ends: int) -> dict[str, int]:
        """As `Rows.raise_epoch`. DirectoryUnavailableError: epochs that are one above the floor wait."""
        try:
            return await self._rows.raise_epoch(slots, floor, ends)
        except DirectoryUnavailableError:
            self._wait([(EndPerson(slot, floor[slot] + 1), ends) for slot in slots])
            raise

    async def catch_up(self) -> None:
        """Notes what waits. DirectoryUnavailableError: it waits on."""
        while self._waiting:
            act, ends = self._waiting.popleft()
            try:
                await self._rows.note([act], ends)
            except BaseException:
                self._waiting.appendleft((act, ends))
                raise

    def _wait(self, acts: Sequence[tuple[Act, int]]) -> None:
        self._waiting.extend(acts)
        lost = max(0, len(self._waiting) - MOST)
        for _ in range(lost):
            self._waiting.popleft()
        if lost:
            self._log.error("revocations", fault="never_noted", acts=lost)
