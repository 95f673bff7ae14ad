"""One issuer and one service of each kind for all tests here; every test brings people of its own."""

import uuid
from collections.abc import AsyncGenerator

import pytest

from tests.backends.issuer import Issuer
from tests.backends.services import Reader, Running, analytics, storage


@pytest.fixture(scope="session")
async def issuer() -> AsyncGenerator[Issuer, None]:
    issuer = await Issuer().start()
    yield issuer
    await issuer.stop()


@pytest.fixture(scope="session")
async def store(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Running, None]:
    async with storage(tmp_path_factory.mktemp("storage") / "storage.db", issuer) as running:
        yield running


@pytest.fixture(scope="session")
async def events(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Running, None]:
    async with analytics(tmp_path_factory.mktemp("analytics") / "analytics.db", issuer) as running:
        yield running


@pytest.fixture
def ada(store: Running) -> Reader:
    """Somebody whom storage has never seen."""
    return store.reader(sub=f"ada-{uuid.uuid4()}")


@pytest.fixture
async def own_store(
    issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Running, None]:
    """Storage of the test's own, whose clock it may move."""
    async with storage(tmp_path_factory.mktemp("storage") / "storage.db", issuer) as running:
        yield running
