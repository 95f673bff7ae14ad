import pytest

from gateway.proxy.balance import FAILS, LONGEST, PAUSE, Standing, answered, checked, choose, failed
from gateway.routes import HealthRule

RULE = HealthRule("/", fall=3, rise=2)
GONE = Standing(until=100.0)
ILL = Standing(is_well=False)


@pytest.mark.parametrize(
    ("standings", "first", "tried", "chosen"),
    [
        pytest.param([Standing(2), Standing(1), Standing(3)], 0, -1, 1, id="least outstanding"),
        pytest.param([Standing(), Standing(), Standing()], 2, -1, 2, id="equals take turns"),
        pytest.param([Standing(1), Standing(), Standing()], 0, -1, 1, id="from the first on"),
        pytest.param([GONE, Standing(50)], 0, -1, 1, id="left alone"),
        pytest.param([ILL, Standing(50)], 0, -1, 1, id="not well"),
        pytest.param([ILL, GONE], 0, -1, 1, id="not well is worse than left alone"),
        pytest.param([Standing(until=30), Standing(until=20)], 0, -1, 1, id="the soonest back"),
        pytest.param([Standing(until=9), Standing(1)], 0, -1, 0, id="a pause that is over"),
        pytest.param([Standing(), Standing(5)], 0, 0, 1, id="not the one that was tried"),
        pytest.param([Standing(), GONE], 0, 0, 1, id="even if the other is left alone"),
        pytest.param([Standing(is_well=False, until=99.0)], 0, 0, 0, id="the only one"),
    ],
)
def test_which_is_asked(standings: list[Standing], first: int, tried: int, chosen: int) -> None:
    assert choose(standings, first, 10.0, tried) == chosen


def test_failures_in_a_row_are_left_alone_for_longer_and_longer() -> None:
    standing, now = Standing(), 0.0
    assert [failed(standing, now) for _ in range(FAILS)] == [False] * (FAILS - 1) + [True]
    assert not failed(standing, now)  # what was under way when it began
    pauses = []
    for _ in range(8):
        pauses.append(standing.until - now)
        now = standing.until
        assert not standing.is_ejected(now)
        assert failed(standing, now)  # back, it has one try
    assert pauses == [PAUSE, 4, 8, 16, 32, LONGEST, LONGEST, LONGEST]


def test_an_answer_between_them_wipes_them_out() -> None:
    standing = Standing()
    failed(standing, 0)
    failed(standing, 0)
    answered(standing)
    assert not failed(standing, 0)
    assert standing == Standing(failures=1)


def test_health_checks_turn_it_after_so_many_in_a_row() -> None:
    standing = Standing(failures=2)
    said = [False, False, True, False, False, False, False, True, False, True, True, True]
    turned = [checked(standing, RULE, good=good) for good in said]
    assert [number for number, was in enumerate(turned) if was] == [5, 10]
    assert standing == Standing()
