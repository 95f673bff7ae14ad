"""What an origin and a person at it may use: token buckets, in this process.

A bucket holds what its rate gives in its window, and ten seconds' worth at least: a page with many
activities asks for all of them at once and must not be refused for that.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import starmap
from math import ceil
from typing import Final

from gateway.errors import TooManyRequestsError
from gateway.origins import Limits, Rate

BURST: Final = 10.0  # seconds
KEPT: Final = 50_000  # buckets; beyond it the one that was asked longest ago goes, and is full again

Key = tuple[str, ...]


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Budgets:
    """clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()

    def admit(self, limits: Limits, origin: str, person: str | None) -> None:
        """Take one request from each bucket that applies, or from none.

        Raises TooManyRequestsError with the seconds until it would go through (RFC 9110 section 10.2.3).
        """
        asked = [
            (("origin", origin), limits.per_origin, 1.0),
            (("bytes", origin), limits.bytes, 0.0),
            (("person", origin, person or ""), limits.per_person if person else None, 1.0),
        ]
        wanted = [(self._filled(key, rate), rate, cost) for key, rate, cost in asked if rate is not None]
        waits = list(starmap(_wait, wanted))
        if any(waits):
            raise TooManyRequestsError(f"budget of {origin}", retry_after=max(1, ceil(max(waits))))
        for bucket, _, cost in wanted:
            bucket.level -= cost

    def spend(self, limits: Limits, origin: str, size: int) -> None:
        """Count bytes that were relayed; the level may fall below nothing, and the next request waits."""
        if limits.bytes is not None:
            self._filled(("bytes", origin), limits.bytes).level -= size

    def _filled(self, key: Key, rate: Rate) -> _Bucket:
        now, most = self._clock(), _capacity(rate)
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = _Bucket(most, now)
        else:
            gained = (now - bucket.at) * rate.amount / rate.window
            bucket.level, bucket.at = min(most, bucket.level + gained), now
        self._buckets[key] = bucket
        if len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)
        return bucket


def _capacity(rate: Rate) -> float:
    return rate.amount * max(1.0, BURST / rate.window)


def _wait(bucket: _Bucket, rate: Rate, cost: float) -> float:
    """Seconds until the bucket has `cost`; a byte budget needs only to be above nothing."""
    lacking = max(cost, 1.0) - bucket.level
    return max(0.0, lacking * rate.window / rate.amount)
