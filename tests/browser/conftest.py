"""The house once for all browser tests, and a fresh Chromium for each."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.chromium import Reader, chromium
from tests.browser.house import House, whole_house
from tests.browser.names import Certificates, issue

NewReader = Callable[..., Reader]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
async def house(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> AsyncGenerator[House]:
    async with whole_house(tmp_path_factory.mktemp("house"), certificates) as built:
        yield built


@pytest.fixture
def new_reader(tmp_path: Path, certificates: Certificates) -> Iterator[NewReader]:
    """Makes a person at a browser: `new_reader(device="phone", third_party_cookies=False)`."""
    with ExitStack() as stack:

        def make(
            device: str = "laptop",
            *,
            third_party_cookies: bool = False,
            settings: Mapping[str, object] | None = None,
            block_popups: bool = False,
        ) -> Reader:
            folder = tmp_path / device
            folder.mkdir(exist_ok=True)
            browser = chromium(
                folder,
                certificates.authority,
                third_party_cookies=third_party_cookies,
                settings=settings,
                block_popups=block_popups,
            )
            return stack.enter_context(browser)

        yield make


@pytest.fixture
def reader(new_reader: NewReader) -> Reader:
    """A person whose Chromium blocks third-party cookies, as it does by default."""
    return new_reader()
