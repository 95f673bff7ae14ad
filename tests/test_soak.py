"""The short form of `make soak`: a minute of everything at once, which leaves nothing behind."""

from bench.soak import Plan, soak


async def test_a_minute_of_everything_leaves_nothing_behind() -> None:
    found = await soak(Plan(seconds=60, seed=7, rate=100))

    assert found.faults == []
    assert found.answered > 1000
    assert found.deeds > 100
