"""After so many mixed requests a gateway holds what it held before; `make leaks` asks 100,000."""

import os
import random
import tracemalloc

import pytest

from tests.data_path.both_ways import WAYS, one_way
from tests.data_path.mixed import Held, Mixed

SEED = 5
REQUESTS = int(os.environ.get("REQUESTS", "3000"))
GROWTH = 1 << 20  # bytes, by which memos may still fill


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_left_of_mixed_requests(way: str) -> None:
    tracemalloc.start()
    try:
        async with one_way(way) as opened:
            mixed = Mixed(opened, random.Random(SEED))  # ruff: ignore[suspicious-non-cryptographic-random-usage]  # chance, no secret
            mixed.begin()
            nothing = await mixed.settled(Held.now())
            await mixed.run(REQUESTS // 3)  # memos fill
            before = await mixed.settled(nothing)
            mixed.begin()
            await mixed.run(REQUESTS - REQUESTS // 3)
            after = await mixed.settled(nothing)
    finally:
        tracemalloc.stop()
    assert after.is_within(nothing), (nothing, after)
    assert after.memory - before.memory < GROWTH
    assert {200, 400, 401, 403, 404, 502} <= set(mixed.statuses), "not mixed"
    assert mixed.left > REQUESTS // 10
