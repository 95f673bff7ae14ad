"""A token bucket, kept as the moment at which it will be full again (GCRA: ITU-T I.371, annex A).

A full one is nothing that anybody has to keep.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.origins import Rate

BURST: Final = 10  # seconds
PART: Final = 1 / 32  # of a bucket, that a worker uses before it tells the others
_FUZZ: Final = 1e-6  # seconds, that sums of floats may be off


@dataclass(frozen=True, slots=True)
class Terms:
    """Of all buckets of a rate. burst: seconds from empty to full. one: what a request, or a byte, takes.

    room: seconds that may be lacking for one more. tell: seconds that the other workers need not know of.
    """

    burst: int
    quota: int
    one: float
    room: float
    tell: float


@lru_cache(maxsize=1024)
def terms_of(rate: Rate) -> Terms:
    """It holds what its rate gives in its window, and ten seconds' worth at least."""
    burst = max(BURST, rate.window)
    one = rate.window / rate.amount
    return Terms(burst, rate.amount * burst // rate.window, one, burst - one + _FUZZ, burst * PART)


class Bucket:
    """full: when it is. untold: seconds that the other workers do not know of."""

    __slots__ = ("full", "key", "kind", "terms", "untold")

    def __init__(self, kind: str, key: str, terms: Terms) -> None:
        self.kind = kind
        self.key = key
        self.terms = terms
        self.full = 0.0
        self.untold = 0.0
