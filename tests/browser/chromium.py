"""One person's Chromium: a profile of its own, the test authority trusted, third-party cookies as asked."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browser.certificates import trust
from tests.browser.setting import Setting

SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1200,900",
)  # fmt: skip


class Chromium:
    """Its profile stays in `folder` from one start to the next."""

    def __init__(
        self,
        folder: Path,
        authority: Path,
        setting: Setting,
        *,
        block_popups: bool,
        installed: bool = False,
        preferences: Mapping[str, object],
    ) -> None:
        self._folder = folder
        self._block_popups = block_popups
        self._installed = installed
        allowed = setting is Setting.CHROMIUM_ALLOWED
        self._preferences = {
            "profile.cookie_controls_mode": 0 if allowed else 1,
            "profile.block_third_party_cookies": not allowed,
            **preferences,
        }
        trust(folder / "home" / ".pki" / "nssdb", authority)

    def start(self) -> WebDriver:
        options = webdriver.ChromeOptions()
        for switch in (*SWITCHES, f"--user-data-dir={self._folder / 'profile'}"):
            options.add_argument(switch)
        if self._installed:  # the window of an installed app: display-mode is standalone
            options.add_argument("--app=data:text/html,An app")
        if self._block_popups:  # chromedriver switches the blocker off
            options.add_experimental_option("excludeSwitches", ["disable-popup-blocking"])
        options.add_experimental_option("prefs", self._preferences)
        binary = shutil.which("chromedriver")
        assert binary is not None, "chromium-driver is not installed"
        env = {**os.environ, "HOME": str(self._folder / "home")}
        return webdriver.Chrome(options=options, service=Service(binary, env=env))

    def to_front(self, driver: WebDriver) -> None:
        """A headless popup has no focus by itself, and beside a second tab not by being in front either."""
        focused = {"cmd": "Emulation.setFocusEmulationEnabled", "params": {"enabled": True}}
        for command in ({"cmd": "Page.bringToFront", "params": {}}, focused):
            driver.execute("executeCdpCommand", command)
