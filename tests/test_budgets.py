import pytest

from gateway import budgets
from gateway.budgets import Budgets
from gateway.errors import TooManyRequestsError
from gateway.origins import Limits, Rate

BOOK = "https://book.example"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(asked: Budgets, limits: Limits, person: str | None = None, origin: str = BOOK) -> int | None:
    """Seconds to wait; None: let through."""
    try:
        asked.admit(limits, origin, person)
    except TooManyRequestsError as error:
        return error.retry_after
    return None


def test_without_limits_all_go_through() -> None:
    asked = Budgets(Limits(), Clock())
    assert [refused(asked, Limits(), "ada") for _ in range(1000)] == [None] * 1000


def test_ten_seconds_worth_at_once_then_by_the_rate() -> None:
    clock = Clock()
    asked, limits = Budgets(Limits(), clock), Limits(per_person=Rate(5, 1))
    assert [refused(asked, limits, "ada") for _ in range(50)] == [None] * 50
    assert refused(asked, limits, "ada") == 1
    assert refused(asked, limits, "bob") is None, "a budget of one's own"
    assert refused(asked, limits) is None, "nobody has no person's budget"
    clock.now += 0.2
    assert refused(asked, limits, "ada") is None
    assert refused(asked, limits, "ada") == 1


def test_a_long_window_is_the_burst() -> None:
    clock = Clock()
    asked, limits = Budgets(Limits(), clock), Limits(per_origin=Rate(60, 3600))
    assert [refused(asked, limits) for _ in range(60)] == [None] * 60
    assert refused(asked, limits) == 60
    assert refused(asked, limits, origin="https://other.example") is None
    clock.now += 10 * 3600
    assert [refused(asked, limits) for _ in range(61)] == [None] * 60 + [60], "no more than the window's"


def test_a_refused_request_takes_nothing_from_the_other_bucket() -> None:
    asked = Budgets(Limits(), Clock())
    limits = Limits(per_person=Rate(1, 10), per_origin=Rate(2, 10))
    assert refused(asked, limits, "ada") is None
    assert refused(asked, limits, "ada") == 10
    assert refused(asked, limits, "bob") is None


def test_bytes_are_counted_after_the_fact() -> None:
    clock = Clock()
    asked, limits = Budgets(Limits(), clock), Limits(bytes=Rate(1000, 100))
    asked.spend(Limits(), BOOK, 10**9)
    assert refused(asked, limits) is None
    asked.spend(limits, BOOK, 1500)
    assert refused(asked, limits) == 51
    clock.now += 60
    assert refused(asked, limits) is None


def test_what_was_asked_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "KEPT", 2)
    asked, limits = Budgets(Limits(), Clock()), Limits(per_person=Rate(1, 10))
    for person in ("ada", "bob", "carla"):
        assert refused(asked, limits, person) is None
    assert refused(asked, limits, "carla") == 10
    assert refused(asked, limits, "ada") is None
