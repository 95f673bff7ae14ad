"""One person's Chromium: a profile of its own, the test authority trusted, third-party cookies as asked."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import (
    NoSuchWindowException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.names import RESOLVER_RULES

SECONDS = 20.0
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", f"--host-resolver-rules={RESOLVER_RULES}", "--window-size=1200,900",
)  # fmt: skip

IN_BOOK = """
const done = arguments[arguments.length - 1];
(async (arg) => { const book = await globalThis.bookgate.connect(); return await (%s); })(arguments[0])
  .then((value) => done({value}), (error) => done({code: error.code ?? String(error)}));
"""


class RefusedError(AssertionError):
    """The client's promise was rejected; the message is the code."""


class Reader:
    """A person at a browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)
        self.wait(lambda: self.driver.execute_script("return globalThis.bookgate !== undefined"))
        self.book("book.gateway")

    def book(self, expression: str, argument: object = None) -> Any:  # ruff: ignore[any-type]  # JavaScript's values
        """An expression of the page, awaited, where `book` is the connected book and `arg` the argument."""
        answer = self.driver.execute_async_script(IN_BOOK % expression, argument)
        if "code" in answer:
            raise RefusedError(answer["code"])
        return answer["value"]

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        WebDriverWait(self.driver, SECONDS, poll_frequency=0.1).until(lambda _: condition(), what)

    def shown(self, selector: str) -> WebElement:
        """A part of <bookgate-sign-in>."""
        element = self.driver.find_element(By.TAG_NAME, "bookgate-sign-in")
        return element.shadow_root.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        self.wait(lambda: self.shown(selector).is_displayed() and self.shown(selector).is_enabled(), selector)
        self.shown(selector).click()

    def name(self) -> str | None:
        user = self.book("book.user")
        return None if user is None else str(user["name"])

    def mode(self) -> str | None:
        mode = self.book("book.mode")
        return None if mode is None else str(mode)

    def sign_in(self, name: str | None = None, *, own_device: bool = False, allow: bool = True) -> None:
        """By the popup, through whatever pages come, until it is closed."""
        book, before = self.driver.current_window_handle, set(self.driver.window_handles)
        self.click("#sign-in")
        self._go_through_popup(before, name, own_device=own_device, allow=allow)
        self.driver.switch_to.window(book)
        self.wait(lambda: not self.book("book.signingIn"), "the code is exchanged")

    def go_through_redirect(self, book: str, name: str) -> None:
        """The whole page went to the gateway: through whatever pages come, until it is back."""
        self.wait(lambda: not self.driver.current_url.startswith(book))
        until = time.monotonic() + SECONDS
        while not self.driver.current_url.startswith(book) and time.monotonic() < until:
            with contextlib.suppress(StaleElementReferenceException):
                self.answer_page(name, own_device=False, allow=True)
            time.sleep(0.1)
        self.wait(lambda: self.name() == name)

    def _go_through_popup(self, before: set[str], name: str | None, *, own_device: bool, allow: bool) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            others = [handle for handle in self.driver.window_handles if handle not in before]
            if not others:
                return
            try:
                self.driver.switch_to.window(others[0])
                self.driver.execute_cdp_cmd("Page.bringToFront", {})  # as a popup is on a person's screen
                self.answer_page(name, own_device=own_device, allow=allow)
            except (NoSuchWindowException, StaleElementReferenceException):
                continue
            except WebDriverException as error:  # a window that closes in the middle of a command
                if "target frame detached" not in str(error) and "no such" not in str(error):
                    raise
            time.sleep(0.1)
        raise AssertionError(f"the popup stays: {self.driver.current_url}\n{self.driver.page_source}")

    def answer_page(self, name: str | None, *, own_device: bool, allow: bool) -> None:
        """Do what a person does on this page, if it is one that asks."""
        find = self.driver.find_elements
        if find(By.CSS_SELECTOR, "input[name=name]"):
            assert name is not None, "the provider asks for a name"
            find(By.CSS_SELECTOR, "input[name=name]")[0].send_keys(name)
            find(By.ID, "continue")[0].click()
            return
        tick = find(By.CSS_SELECTOR, "input[name=own_device]")
        if tick and own_device and not tick[0].is_selected():
            tick[0].click()
        wanted = "#allow, #go" if allow else "button[value=deny]"
        buttons = [button for button in find(By.CSS_SELECTOR, wanted) if button.is_enabled()]
        if buttons:
            buttons[0].click()


@contextmanager
def chromium(
    folder: Path,
    authority: Path,
    *,
    third_party_cookies: bool,
    settings: Mapping[str, object] | None = None,
    block_popups: bool = False,
) -> Generator[Reader]:
    """A fresh profile in `folder`, or the one that is there already."""
    home = folder / "home"
    _trust(home, authority)
    options = webdriver.ChromeOptions()
    for switch in SWITCHES:
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    if block_popups:  # chromedriver switches the blocker off
        options.add_experimental_option("excludeSwitches", ["disable-popup-blocking"])
    options.add_experimental_option(
        "prefs",
        {
            "profile.cookie_controls_mode": 0 if third_party_cookies else 1,
            "profile.block_third_party_cookies": not third_party_cookies,
            **(settings or {}),
        },
    )
    binary = shutil.which("chromedriver")
    assert binary is not None
    service = Service(binary, env={**os.environ, "HOME": str(home)})
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(SECONDS)
    driver.set_page_load_timeout(SECONDS)
    try:
        yield Reader(driver)
    finally:
        driver.quit()


def _trust(home: Path, authority: Path) -> None:
    database = home / ".pki" / "nssdb"
    if database.exists():
        return
    database.mkdir(parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-n", "test", "-t", "C,,", "-i", str(authority)]):
        subprocess.run(["certutil", "-d", f"sql:{database}", *words], check=True, capture_output=True)
