"""The two books, built once with their own tools, served beside the house of the browser tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import certificates, hosts, house, new_reader, reader, screen, setting
from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.real_books.books import build_pretext, build_runestone

__all__ = ["certificates", "hosts", "house", "new_reader", "reader", "screen", "setting"]

Address = Callable[[str], str]


@pytest.fixture(scope="session")
def tools() -> Path:
    """The virtual environment of `make test-real-books`."""
    return Path(os.environ["REAL_BOOKS_TOOLS"])


@pytest.fixture(scope="session")
def runestone(house: House, tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Address:
    house.books.trees["runestone"] = build_runestone(tools, tmp_path_factory.mktemp("books"))
    return lambda page: f"{house.books.origin(TRUSTED)}/runestone/{page}"


@pytest.fixture(scope="session")
def pretext(house: House, tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Address:
    house.books.trees["pretext"] = build_pretext(tools, tmp_path_factory.mktemp("books"))
    return lambda page: f"{house.books.origin(TRUSTED)}/pretext/{page}"
