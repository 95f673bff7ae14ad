"""What ended stays ended for as long as anything may be under way."""

from backends.endings import REMEMBERED, Endings
from tests.backends.services import Clock

MATTER = ("ada", "book")


def test_what_was_asserted_before_is_over() -> None:
    endings = Endings(Clock())
    endings.end(MATTER, 100)
    assert [endings.is_over(MATTER, asserted) for asserted in (99, 100, 101)] == [True, True, False]
    assert not endings.is_over(("ada", "other book"), 99)


def test_told_again_it_ends_no_earlier() -> None:
    endings = Endings(Clock())
    endings.end(MATTER, 100)
    endings.end(MATTER, 90)
    assert endings.is_over(MATTER, 100)


def test_it_is_forgotten_in_time() -> None:
    clock = Clock()
    endings = Endings(clock)
    endings.end(MATTER, 100)
    clock.ahead += REMEMBERED / 2
    endings.end(("bob", "book"), 100)
    clock.ahead += REMEMBERED / 2 + 1
    endings.end(("eve", "book"), 100)
    assert not endings.is_over(MATTER, 100)
    assert endings.is_over(("bob", "book"), 100)
