"""One gateway for all the tests of a worker that only use it; who breaks it opens a house of its own.

What is about forwarding runs by both data paths, and must be the same.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from dataclasses import replace

import pytest

from gateway.routes import Subject
from tests.system.data_path import BOOK, CONSENT, DEFAULT, READER, TWO_BOOKS, DataPath, backend, data_path
from tests.system.house import House, open_house
from tests.system.raw_client import HEARD
from tests.system.recording_backend import RecordingBackend
from tests.system.transcripts import Transcripts

PEOPLE = {"ada": BOOK, "ben": BOOK, "cleo": TWO_BOOKS, "dan": CONSENT, "eve": READER}


WAYS = ("plain", "fast")
BY_BOTH = frozenset({
    "test_merges_while_writing",
    "test_attacks_on_the_wire", "test_backend_trouble", "test_bodies", "test_endpoints", "test_budgets",
    "test_forwarding", "test_request_lines", "test_scripts", "test_streams_end", "test_websocket_pressure",
    "test_websockets", "test_who_asks",
})  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in BY_BOTH:
        metafunc.parametrize("way", WAYS, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)  # ruff: ignore[pytest-fixture-autouse]  # gateways of tests too
def way(request: pytest.FixtureRequest) -> str:
    """By which data path the gateways of a test forward, as long as it names none."""
    DEFAULT.way = getattr(request, "param", "fast")
    return DEFAULT.way


@pytest.fixture(scope="session")
async def _fast_house(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), redis_url, data_path="fast") as running:
        yield running


@pytest.fixture(scope="session")
async def _plain_house(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), redis_url, data_path="plain") as running:
        yield running


@pytest.fixture
def house(request: pytest.FixtureRequest, way: str) -> Generator[House]:
    """The shared gateway, its backends forgetful, its provider honest; I1 over all that a test forwarded."""
    running: House = request.getfixturevalue(f"_{way}_house")
    running.storage.clear()
    running.analytics.clear()
    running.liar.trouble.clear()
    yield running
    running.storage.assert_sound()
    running.analytics.assert_sound()


@pytest.fixture(scope="module")
async def shared(recorder: RecordingBackend, way: str) -> AsyncIterator[DataPath]:
    other = replace(backend(recorder.url, "other"), subject=Subject.PSEUDONYM)
    async with data_path(backend(recorder.url), other) as started:
        yield started


@pytest.fixture(scope="session")
def _transcripts() -> Transcripts:
    return Transcripts()


@pytest.fixture
def path(
    shared: DataPath,
    recorder: RecordingBackend,
    way: str,
    _transcripts: Transcripts,
    request: pytest.FixtureRequest,
) -> Iterator[DataPath]:
    """The data path alone, a person of each kind of origin signed in; I1 over all that a test forwarded.

    What both ends of it saw is what they see by the other way too.
    """
    recorder.clear()
    HEARD.clear()
    shared.sessions.living.clear()
    for person, origin in PEOPLE.items():
        shared.sign_in(person, origin)
    yield shared
    recorder.assert_sound()
    _transcripts.keep(request.node.nodeid.replace(way, "WAY"), recorder.received, HEARD, recorder.port)
