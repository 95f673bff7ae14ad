"""How fast one person may write: a token bucket each (kept in memory, forgotten when full again)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from backends.problem import TooManyRequests


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in one go, and so many a second afterwards."""

    burst: float
    per_second: float


class Allowance:
    """`clock` must never run backwards (time.monotonic)."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._spent: dict[str, tuple[float, float]] = {}  # by person: spent tokens, and when that was true
        self._sweep_at = 1000

    def __len__(self) -> int:
        """How many people are remembered."""
        return len(self._spent)

    def spend(self, person: str, tokens: float = 1.0) -> None:
        """Takes tokens or raises TooManyRequests; a refusal takes none."""
        now = self._clock()
        spent = self._left_over(self._spent.get(person, (0.0, now)), now)
        if spent + tokens > self._rate.burst:
            wait = math.ceil((spent + tokens - self._rate.burst) / self._rate.per_second)
            raise TooManyRequests(headers={"Retry-After": str(wait)})
        self._spent[person] = (spent + tokens, now)
        if len(self._spent) > self._sweep_at:
            self._forget(now)

    def _left_over(self, record: tuple[float, float], now: float) -> float:
        spent, at = record
        return max(0.0, spent - (now - at) * self._rate.per_second)

    def _forget(self, now: float) -> None:
        self._spent = {p: record for p, record in self._spent.items() if self._left_over(record, now) > 0}
        self._sweep_at = 2 * len(self._spent) + 1000
