"""One person's WebKitGTK, as MiniBrowser runs it for a driver: nothing of it outlives the window."""

import os
import shutil
import warnings
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.webkitgtk.service import Service

from tests.browser.setting import Setting

OPTIONS: dict[Setting, tuple[str, ...]] = {Setting.WEBKIT_ITP: ("--enable-itp",)}
# No GPU, and a display that only memory has.
DRAWN_IN_MEMORY = {"WEBKIT_DISABLE_COMPOSITING_MODE": "1", "LIBGL_ALWAYS_SOFTWARE": "1", "GDK_BACKEND": "x11"}


def mini_browser() -> str:
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    assert found, "webkit2gtk-driver is not installed"
    return str(found[-1])


class WebKit:
    """MiniBrowser under automation keeps no profile; certificates are not checked."""

    def __init__(self, folder: Path, display: str, setting: Setting) -> None:
        self._home = folder / "home"
        self._home.mkdir(exist_ok=True)
        self._display = display
        self._setting = setting

    def start(self) -> WebDriver:
        options = webdriver.WebKitGTKOptions()
        options.binary_location = mini_browser()
        for word in ("--automation", *OPTIONS.get(self._setting, ())):
            options.add_argument(word)
        options.set_capability("acceptInsecureCerts", value=True)
        binary = shutil.which("WebKitWebDriver")
        assert binary is not None, "webkit2gtk-driver is not installed"
        env = {**os.environ, **DRAWN_IN_MEMORY, "HOME": str(self._home), "DISPLAY": self._display}
        with warnings.catch_warnings():  # selenium's WebKitGTK begins in a way that selenium has deprecated
            warnings.filterwarnings("ignore", "setting remote_server_addr", DeprecationWarning)
            return webdriver.WebKitGTK(options=options, service=Service(binary, env=env))

    def to_front(self, driver: WebDriver) -> None:
        """A new window lies on top."""
