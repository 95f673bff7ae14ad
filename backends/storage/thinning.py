"""Which old version of an item goes when there are too many of them: history thins out with age."""

from collections.abc import Sequence
from typing import Final

KEPT: Final = 200


def victim(saved: Sequence[int], now: int) -> int:
    """The index of the version to drop, given when each was saved (oldest first, at least three).

    The first and the newest stay. Of the others that one goes whose absence leaves the smallest gap compared
    with its age, so that yesterday keeps minutes where last month keeps days.
    """

    def weight(index: int) -> float:
        return (saved[index + 1] - saved[index - 1]) / max(1, now - saved[index])

    return min(range(1, len(saved) - 1), key=weight)
