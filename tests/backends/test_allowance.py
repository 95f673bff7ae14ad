import pytest

from backends.allowance import Allowance, Rate
from backends.problem import TooManyRequests


class Ticking:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_so_many_a_second() -> None:
    clock = Ticking()
    allowance = Allowance(Rate(burst=2, per_second=1), clock)
    allowance.spend("ada")
    allowance.spend("ada")
    with pytest.raises(TooManyRequests) as refused:
        allowance.spend("ada")
    assert refused.value.headers == {"Retry-After": "1"}
    allowance.spend("bob", 2)
    clock.now += 1
    allowance.spend("ada")
    with pytest.raises(TooManyRequests):
        allowance.spend("ada")


def test_people_who_have_gone_are_forgotten() -> None:
    clock = Ticking()
    allowance = Allowance(Rate(burst=2, per_second=1), clock)
    for number in range(5000):
        clock.now += 1
        allowance.spend(str(number))
    assert len(allowance) <= 1001
