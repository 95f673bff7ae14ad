"""One gateway for all the tests of a worker that only use it; who breaks it opens a house of its own."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from dataclasses import replace

import pytest

from gateway.routes import Subject
from tests.system.data_path import BOOK, CONSENT, READER, TWO_BOOKS, DataPath, backend, data_path
from tests.system.house import House, open_house
from tests.system.recording_backend import RecordingBackend, recording_backend

PEOPLE = {"ada": BOOK, "ben": BOOK, "cleo": TWO_BOOKS, "dan": CONSENT, "eve": READER}


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


@pytest.fixture(scope="module")
async def recorder() -> AsyncIterator[RecordingBackend]:
    async with recording_backend() as started:
        yield started


@pytest.fixture(scope="module")
async def shared(recorder: RecordingBackend) -> AsyncIterator[DataPath]:
    other = replace(backend(recorder.url, "other"), subject=Subject.PSEUDONYM)
    async with data_path(backend(recorder.url), other) as started:
        yield started


@pytest.fixture
def path(shared: DataPath, recorder: RecordingBackend) -> Iterator[DataPath]:
    """The data path alone, a person of each kind of origin signed in; I1 over all that a test forwarded."""
    recorder.clear()
    shared.sessions.living.clear()
    for person, origin in PEOPLE.items():
        shared.sign_in(person, origin)
    yield shared
    recorder.assert_sound()
