"""What ended stays ended: what the gateway had asserted before comes too late, by whatever way."""

from collections.abc import Callable
from typing import Final

# Seconds. An assertion is good for 60 and as many as clocks differ; a slow body may follow for longer.
REMEMBERED: Final = 3600

# What ended, in the service's own terms: whose work in which book; which two are two people again.
Matter = tuple[str, ...]


class Endings:
    """In memory alone: a service that ends takes with it what is under way to it.

    clock: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ended: dict[Matter, tuple[int, float]] = {}

    def end(self, matter: Matter, asserted: int) -> None:
        """asserted: `iat` of the call that ended it, in Unix seconds."""
        now = self._clock()
        before, _ = self._ended.pop(matter, (asserted, now))
        self._ended[matter] = max(before, asserted), now
        while (oldest := next(iter(self._ended))) != matter and now - self._ended[oldest][1] > REMEMBERED:
            del self._ended[oldest]

    def is_over(self, matter: Matter, asserted: int) -> bool:
        """Whether it ended in the second of this `iat` or later: the gateway begins nothing anew in it."""
        found = self._ended.get(matter)
        return found is not None and asserted <= found[0]
