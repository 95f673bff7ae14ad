"""Which of a backend's URLs is asked next, which one is left alone for a while, and when it is back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.routes import HealthRule

FAILS: Final = 3  # failures in a row, without one good answer between them
PAUSE: Final = 2.0  # seconds that it is left alone for; doubled each time until it answers again
LONGEST: Final = 60.0


@dataclass(slots=True)
class Standing:
    """What is known of one URL.

    Failures are connections that fail, answers that break off or are none, answers that do not come in time.
    What a backend answers, be it 500, is its own affair.
    """

    outstanding: int = 0  # requests that it has not answered whole
    failures: int = 0  # in a row
    pauses: int = 0  # in a row
    until: float = 0.0  # left alone until then
    checks: int = 0  # in a row that said other than `is_well`
    is_well: bool = True  # by the health checks; without any: always

    def is_ejected(self, now: float) -> bool:
        return self.until > now


def choose(standings: Sequence[Standing], first: int, now: float, tried: int = -1) -> int:
    """The index of the one with the fewest requests; among equals the first, counted from `first`.

    One that is not well or is left alone comes after all that are not; where all are, the least bad is asked.
    tried: comes last of all.
    """
    count = len(standings)
    return min(
        ((first + step) % count for step in range(count)),
        key=lambda index: _rank(standings[index], now, is_tried=index == tried),
    )


def answered(standing: Standing) -> None:
    """It answered soundly: whatever went before counts no more."""
    standing.failures = standing.pauses = 0
    standing.until = 0.0


def failed(standing: Standing, now: float) -> bool:
    """Whether it is left alone from now on. One that comes back from a pause has one try."""
    standing.failures += 1
    if standing.is_ejected(now) or (standing.failures < FAILS and not standing.pauses):
        return False
    standing.until = now + min(LONGEST, PAUSE * 2**standing.pauses)
    standing.pauses = min(standing.pauses + 1, 10)
    standing.failures = 0
    return True


def checked(standing: Standing, rule: HealthRule, *, good: bool) -> bool:
    """Whether a health check turned it: from well to not, or back. Back it is trusted like any other."""
    standing.checks = 0 if good is standing.is_well else standing.checks + 1
    if standing.checks < (rule.rise if good else rule.fall):
        return False
    standing.checks, standing.is_well = 0, good
    if good:
        answered(standing)
    return True


def _rank(standing: Standing, now: float, *, is_tried: bool) -> tuple[bool, bool, float, int]:
    ejected = standing.is_ejected(now)
    return is_tried, not standing.is_well, standing.until if ejected else 0.0, standing.outstanding
