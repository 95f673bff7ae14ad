"""Both data paths, opened once for all the tests of this folder that only use them."""

from collections.abc import AsyncIterator

import pytest

from tests.data_path.both_ways import BothWays, both_ways


@pytest.fixture(scope="session")
async def both() -> AsyncIterator[BothWays]:
    async with both_ways() as opened:
        yield opened
