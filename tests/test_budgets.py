import random

import pytest

from gateway import budgets
from gateway.budgets import Budgets
from gateway.errors import TooManyRequestsError
from gateway.origins import Limits, Rate
from gateway.token_bucket import PART, Bucket

BOOK, OTHER = "https://book.example", "https://other.example"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refusal(asked: Budgets, limits: Limits, person: str | None = None) -> TooManyRequestsError:
    with pytest.raises(TooManyRequestsError) as told:
        asked.admit(limits, BOOK, person)
    return told.value


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


class Seat:
    """Of a person at an origin."""

    def __init__(self, person: str) -> None:
        self.person = person
        self.bucket: Bucket | None = None
        self.limits: Limits | None = None


def test_a_person_with_the_bucket_at_hand_has_no_other() -> None:
    asked, limits, seat = Budgets(Limits(), Clock()), Limits(per_person=Rate(5, 1)), Seat("ada")
    for number in range(50):
        if number % 2:
            asked.admit(limits, BOOK, "ada")
        else:
            asked.admit(limits, BOOK, None, seat)
    for each in (seat, Seat("ada")):
        with pytest.raises(TooManyRequestsError):
            asked.admit(limits, BOOK, None, each)
    asked.admit(limits, BOOK, None, Seat("bob"))
    asked.admit(Limits(), BOOK, None, seat)  # by another policy


def test_a_long_window_is_the_burst() -> None:
    clock = Clock()
    asked, limits = Budgets(Limits(), clock), Limits(per_origin=Rate(60, 3600))
    assert [refused(asked, limits) for _ in range(60)] == [None] * 60
    assert refused(asked, limits) == 60
    assert refused(asked, limits, origin=OTHER) is None
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


def test_what_is_told_of_a_refusal() -> None:
    """draft-ietf-httpapi-ratelimit-headers-11: what refuses, and no other bucket."""
    asked, limits = Budgets(Limits(), Clock()), Limits(Rate(5, 1), Rate(100, 60), Rate(1000, 3600))
    for _ in range(50):
        asked.admit(limits, BOOK, "ada")
    error = refusal(asked, limits, "ada")
    assert (error.retry_after, error.rate_limit) == (1, '"person";r=0;t=1')
    assert error.rate_limit_policy == '"person";q=50;w=10'
    for _ in range(50):
        asked.admit(limits, BOOK, "bob")
    asked.spend(limits, BOOK, 2000)
    error = refusal(asked, limits)
    assert (error.retry_after, error.rate_limit) == (3604, '"origin";r=0;t=1, "bytes";r=0;t=3604')
    assert error.rate_limit_policy == '"origin";q=100;w=60, "bytes";q=1000;w=3600;qu="content-bytes"'
    assert error.detail == f"budget of {BOOK}: origin, bytes"


def test_gateway_yaml_says_what_an_origin_does_not() -> None:
    asked = Budgets(Limits(per_person=Rate(2, 10), per_origin=Rate(4, 10)), Clock())
    assert [refused(asked, Limits(), "ada") for _ in range(3)] == [None, None, 5]
    own = Limits(per_person=Rate(3, 10))
    assert [refused(asked, own, "bob", OTHER) for _ in range(4)] == [None, None, None, 4]
    assert [refused(asked, own, "eve", OTHER) for _ in range(2)] == [None, 3]


def test_another_policy_counts_on_in_the_same_buckets() -> None:
    asked = Budgets(Limits(), Clock())
    before, after = Limits(Rate(10, 10), Rate(100, 10), Rate(100, 10)), Limits(Rate(5, 10), Rate(100, 10))
    asked.spend(before, BOOK, 99)
    assert [refused(asked, before, "ada") for _ in range(11)] == [None] * 10 + [1]
    assert [refused(asked, after, "ada"), refused(asked, after, "bob")] == [2, None]
    assert refused(asked, before, "bob") is None, "a request that was judged before the policy changed"
    assert refused(asked, after, "ada") == 2
    asked.spend(before, BOOK, 10**9)
    assert refused(asked, after, "bob") is None, "the new one has no budget of bytes"


def test_what_was_asked_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "KEPT", 4)
    asked, limits = Budgets(Limits(), Clock()), Limits(per_person=Rate(1, 10))
    for person in ("ada", "bob", "cyd", "dan", "eve"):
        assert refused(asked, limits, person) is None
    assert [refused(asked, limits, person) for person in ("cyd", "dan", "eve")] == [10, 10, 10]
    assert refused(asked, limits, "ada") is None


def test_made_up_origins_take_no_memory_and_let_nobody_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "KEPT", 8)
    asked, limits = Budgets(Limits(), Clock()), Limits(per_origin=Rate(3, 10))
    for number in range(100):
        assert refused(asked, limits, None, f"https://{number}.example") is None
        assert refused(asked, Limits(per_origin=Rate(2, 10)), f"p{number % 2}", OTHER) in {None, 5}
    assert len(asked._origins) <= 8  # ruff: ignore[private-member-access]
    assert len(asked._people) <= 8  # ruff: ignore[private-member-access]


class Shared:
    """What Redis does, on the clock of the test; `store/buckets.py` is held to the same by its own tests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full: dict[str, float] = {}

    def exchange(self, worker: Budgets) -> None:
        told = worker.untold()
        lacking: list[float | None] = []
        for bucket, used in told:
            full = max(self._full.get(bucket.key, 0.0), self._clock.now) + used
            self._full[bucket.key] = full
            lacking.append(full - self._clock.now)
        worker.learn(told, lacking)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("load", [0.5, 2.0, 20.0])
def test_workers_share_a_budget_within_the_stated_error(workers: int, load: float) -> None:
    """Asked for `load` times the rate for 200 seconds, each request at any of the workers.

    What goes through in any time is the bucket, what flows in, and for each further worker what it has not
    told (PART) and what it lets through between two exchanges: a bucket where they are asked for all at once.
    """
    luck = random.Random(workers)  # ruff: ignore[suspicious-non-cryptographic-random-usage]
    clock, rate, burst = Clock(), 20, 200
    limits, shared = Limits(per_person=Rate(rate, 1)), Shared(clock)
    asked = [Budgets(Limits(), clock) for _ in range(workers)]
    admitted = refusals = 0
    for step in range(2000):
        clock.now = 1000 + step / 10
        for _ in range(int(load * rate / 10)):
            if refused(luck.choice(asked), limits, "ada") is None:
                admitted += 1
            else:
                refusals += 1
        for worker in luck.sample(asked, workers):
            shared.exchange(worker)
    flowed = 200 * rate
    error = (workers - 1) * (burst * PART + load * rate / 10) + workers
    assert admitted <= burst + flowed + error
    if load < 1:
        assert refusals == 0
    else:
        assert admitted >= flowed - error


def test_all_at_once_each_worker_lets_a_bucket_through_and_it_is_owed() -> None:
    clock = Clock()
    limits, shared, asked = (
        Limits(per_person=Rate(20, 1)),
        Shared(clock),
        [Budgets(Limits(), clock) for _ in "1234"],
    )
    for _ in range(10):
        for worker in asked:
            for _ in range(300):
                refused(worker, limits, "ada")
        for worker in asked * 2:
            shared.exchange(worker)
        clock.now += 0.1
    assert refused(asked[3], limits, "ada") == 30
    clock.now += 29.1
    assert refused(asked[3], limits, "ada") is None


def test_a_policy_without_a_byte_budget_takes_over_from_one_that_has_it() -> None:
    asked, counted = Budgets(Limits(), Clock()), Limits(bytes=Rate(1000, 1))
    asked.spend(counted, BOOK, 1)
    assert asked.untold() == [], "so little is told later"
    asked.spend(counted, BOOK, 1_000_000)
    assert refused(asked, counted) is not None
    free = Limits(per_origin=Rate(100, 1))
    assert refused(asked, free) is None
    asked.spend(counted, BOOK, 1_000_000)  # the rest of an answer that began under the one before
    assert refused(asked, free) is None


def test_where_nobody_knows_what_others_used_ones_own_count_stays() -> None:
    asked, limits = Budgets(Limits(), Clock()), Limits(per_person=Rate(1, 1))
    assert [refused(asked, limits, "ada") for _ in range(10)] == [None] * 10
    told = asked.untold()
    assert told
    asked.learn(told, [None] * len(told))
    assert refused(asked, limits, "ada") is not None
