"""The house once for all browser tests, and a fresh browser for each."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.browser.certificates import Certificates, issue
from tests.browser.chromium import Chromium
from tests.browser.display import display
from tests.browser.firefox import Firefox
from tests.browser.hosts import HOSTS, names_in
from tests.browser.house import House, whole_house
from tests.browser.names import ADDRESS, NAMES
from tests.browser.reader import Browser, Reader
from tests.browser.setting import Engine, Setting
from tests.browser.webkit import WebKit

pytest.register_assert_rewrite("tests.browser.way_through")

NewReader = Callable[..., Reader]
NUMBERS = count(1)
NOTHING: Mapping[str, object] = MappingProxyType({})


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"), *NAMES)


@pytest.fixture(scope="session")
def hosts() -> Iterator[None]:
    with names_in(HOSTS, ADDRESS, NAMES):
        yield


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    with display() as name:
        yield name


@pytest.fixture(scope="session")
async def house(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, hosts: None
) -> AsyncGenerator[House]:
    async with whole_house(tmp_path_factory.mktemp("house"), certificates) as built:
        yield built


@pytest.fixture
def setting() -> Setting:
    """Tests of what every browser must do are parametrised with it; the others are tests of Chromium."""
    return Setting.CHROMIUM


@pytest.fixture(scope="session")
def started_before(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, hosts: None) -> Path:
    """A profile of Firefox that has nobody's choices in it, and has done what a first start does."""
    folder = tmp_path_factory.mktemp("firefox")
    firefox = Firefox(folder, certificates.authority, Setting.FIREFOX, block_popups=False)
    firefox.start().quit()
    return firefox.profile


@pytest.fixture
def new_reader(
    tmp_path: Path, certificates: Certificates, hosts: None, setting: Setting, request: pytest.FixtureRequest
) -> Iterator[NewReader]:
    """Makes a person at a browser: `new_reader("phone", setting=Setting.FIREFOX)`."""
    with ExitStack() as stack:

        def make(
            device: str = "laptop",
            *,
            setting: Setting = setting,
            preferences: Mapping[str, object] = NOTHING,
            block_popups: bool = False,
            installed: bool = False,
        ) -> Reader:
            """preferences, installed: of Chromium."""
            folder = tmp_path / device
            folder.mkdir(exist_ok=True)
            browser: Browser
            if setting.engine is Engine.CHROMIUM:
                browser = Chromium(
                    folder,
                    certificates.authority,
                    setting,
                    block_popups=block_popups,
                    installed=installed,
                    preferences=preferences,
                )
            elif setting.engine is Engine.FIREFOX:
                browser = Firefox(
                    folder,
                    certificates.authority,
                    setting,
                    block_popups=block_popups,
                    like=request.getfixturevalue("started_before"),
                )
            else:
                browser = WebKit(folder, request.getfixturevalue("screen"), setting)
            made = Reader(browser, setting)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def reader(new_reader: NewReader) -> Reader:
    """A person at the browser of the setting."""
    return new_reader()


@pytest.fixture
def ada() -> str:
    """Somebody whom no other test has met."""
    return f"Ada {next(NUMBERS)}"


@pytest.fixture
def ben() -> str:
    """Somebody else."""
    return f"Ben {next(NUMBERS)}"
