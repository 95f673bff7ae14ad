"""What was found out of an origin, remembered until the policy or the day is another."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from gateway.cors import Verdict, judge
from gateway.origins import PolicyTable

_LONGEST: Final = 300  # characters; no origin is longer, and who sends longer ones fills no memory


class Verdicts:
    """own_origin: the gateway's. most: origins that are remembered."""

    def __init__(self, own_origin: str, most: int = 4096) -> None:
        self._own = own_origin
        self._most = most
        self._table: PolicyTable | None = None
        self._day: date | None = None
        self._found: dict[str, Verdict] = {}

    def of(self, lines: Sequence[str], table: PolicyTable, day: date) -> Verdict:
        """As `judge` says. lines: of `Origin`."""
        if len(lines) != 1 or len(lines[0]) > _LONGEST:
            return judge(lines, table, self._own, day)
        if table is not self._table or day != self._day or len(self._found) >= self._most:
            self._table, self._day, self._found = table, day, {}
        found = self._found.get(lines[0])
        if found is None:
            found = self._found[lines[0]] = judge(lines, table, self._own, day)
        return found
