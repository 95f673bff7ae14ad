import pytest

from gateway.proxy.pace import PATIENCE, RATE, Pace

LOOK = 0.25  # seconds between two looks


def cut_after(every: float, size: int, seconds: float, *, first: int = 0) -> float | None:
    """When somebody who moves `size` bytes each `every` seconds is too slow, having moved `first` at once."""
    pace, now, moves = Pace(0.0), 0.0, 0
    pace.moved(first)
    while now < seconds:
        now += LOOK
        while (moves + 1) * every <= now:
            moves += 1
            pace.moved(size)
        if pace.is_too_slow(now):
            return now
    return None


@pytest.mark.parametrize(
    ("every", "size", "cut"),
    [
        pytest.param(1.0, 0, 28.25, id="nothing comes"),
        pytest.param(1.0, 1, 28.25, id="one byte a second"),
        pytest.param(10.0, 9, 28.25, id="a line every ten seconds, as Slowloris"),
        pytest.param(1.0, 500, 55.75, id="half of the rate"),
        pytest.param(1.0, 1000, None, id="the rate"),
        pytest.param(20.0, 20_000, None, id="the rate, with gaps"),
        pytest.param(0.01, 100_000, None, id="fast"),
    ],
)
def test_who_is_too_slow(every: float, size: int, cut: float | None) -> None:
    assert cut_after(every, size, 600) == cut


def test_what_was_fast_before_buys_no_longer_stall() -> None:
    assert cut_after(1.0, 0, 600, first=10**9) == pytest.approx(28.5)


def test_time_that_is_not_the_clients_does_not_count() -> None:
    pace = Pace(0.0)
    assert not pace.is_too_slow(PATIENCE - 1)
    pace.go_on(1000.0)
    assert not pace.is_too_slow(1001.0)
    assert pace.is_too_slow(1001.5)


def test_patience_comes_back_by_what_is_faster() -> None:
    pace = Pace(0.0)
    assert not pace.is_too_slow(PATIENCE)
    assert pace.left == 0
    pace.moved(int(RATE) * 3)
    assert not pace.is_too_slow(PATIENCE + 1)
    assert pace.left == 2
    assert not pace.is_too_slow(PATIENCE + 3)
    assert pace.is_too_slow(PATIENCE + 3.5)
