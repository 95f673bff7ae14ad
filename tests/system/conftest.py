"""One gateway for all the tests of a worker that only use it; who breaks it opens a house of its own."""

from collections.abc import AsyncGenerator, Generator

import pytest

from tests.system.house import House, open_house


@pytest.fixture(scope="session")
async def _running(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), redis_url) as running:
        yield running


@pytest.fixture
def house(_running: House) -> Generator[House]:
    """The shared gateway, its backends forgetful, its provider honest; I1 over all that a test forwarded."""
    _running.storage.clear()
    _running.analytics.clear()
    _running.liar.trouble.clear()
    yield _running
    _running.storage.assert_sound()
    _running.analytics.assert_sound()
