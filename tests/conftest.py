"""What all tests may use: a real Redis, one for each worker."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.store import Store
from tests.redis_kinds import RedisKinds
from tests.redis_server import RedisServer
from tests.sessions_parts import Parts
from tests.system.recording_backend import RecordingBackend, recording_backend

# These books are built by tools that `make test-real-books` and `make test-guides` install.
TOOLS = {"real_books": "REAL_BOOKS_TOOLS", "guides": "GUIDES_TOOLS"}
collect_ignore = [folder for folder, variable in TOOLS.items() if variable not in os.environ]


# Fail-overs, deadlines and loads: what they count in seconds is true only where nothing runs beside them.
ALONE = (
    "floods/",
    "workers/",
    "reliability/",
    "test_store_failover.py",
    "test_store_faults.py",
    "test_store_trouble.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix().startswith(ALONE):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis that lives as long as the tests; take a prefix of your own."""
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def redis_kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisKinds]:
    """Every way to Redis, started when a test first asks for it; take a prefix of your own."""
    kinds = RedisKinds(tmp_path_factory.mktemp("kinds"))
    yield kinds
    kinds.stop()


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the test's own, to be killed and frozen."""
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture
def prefix() -> str:
    """One test's share of the common Redis."""
    return f"{uuid4()}:"


@pytest.fixture
async def store(redis_url: str, prefix: str) -> AsyncIterator[Store]:
    opened = Store.open(redis_url, prefix, 5.0)
    yield opened
    await opened.close()


@pytest.fixture
def parts(store: Store) -> Parts:
    """Sessions and grants with a clock of their own."""
    return Parts.on(store)


@pytest.fixture(scope="module")
async def recorder() -> AsyncIterator[RecordingBackend]:
    """A backend that keeps what it received, for one file of tests."""
    async with recording_backend() as started:
        yield started
