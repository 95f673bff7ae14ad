"""A person at a browser, whichever it is: opens books, signs in through whatever pages come, comes back."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol

from selenium.common.exceptions import (
    InvalidArgumentException,
    JavascriptException,
    NoSuchElementException,
    NoSuchWindowException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.setting import Setting

SECONDS = 40.0  # patience with a busy machine

# Where <bookgate-sign-in> shows what; and the gateway's and the provider's pages, which ask.
PARTS = {
    "sign-in": "#sign-in",
    "sign-out": "#sign-out",
    "sign-out-here": "#sign-out-here",
    "account": "#account",
    "save-file": "#save-file",
    "file": "#file",
    "give-up": "#give-up",
    "status": ".status",
    "name": ".name",
    "note": "#note",
    "link": "#link",
    "question": "#question",
    "keep": "#keep",
    "discard": "#discard",
    "have-code": "#have-code",
    "code": "#code",
    "go-on": "#go-on",
    "show-code": "#show-code",
}
MENU = frozenset({"account", "save-file", "show-code", "sign-out", "sign-out-here"})
PROVIDER_NAME = "input[name=name]"
PROVIDER_CONTINUE = "#continue"
OWN_DEVICE = "input[name=own_device]"
ALLOW = "button[value=allow]"
KEEP = "button[value=allow-keep], button[value=keep]"  # where a guest was at work
LEAVE = "button[value=allow-leave], button[value=leave]"
GO_ON = "#go"
DENY = "button[value=deny]"
NOT_ME = "a[href*='not_you=1']"
WHO = ".who strong"
ASKING = f"{PROVIDER_NAME}, {OWN_DEVICE}, {ALLOW}, {KEEP}, {LEAVE}, {GO_ON}, {DENY}, {NOT_ME}"
POLL = 0.1  # seconds; asked more often, a browser does little else than to answer

IN_BOOK = """
const done = arguments[arguments.length - 1];
(async (arg) => { const book = await globalThis.bookgate.connect(); return await (%s); })(arguments[0])
  .then((value) => done({value}), (error) => done({code: error.code ?? String(error)}));
"""
# A window that closes in the middle of a command answers with one of these.
GONE = (
    NoSuchWindowException,
    StaleElementReferenceException,
    NoSuchElementException,
    JavascriptException,
    InvalidArgumentException,  # selenium's way back from a window that is gone leads nowhere
    IndexError,  # what was on it a moment ago
)
GONE_WORDS = (
    "target frame detached", "no such", "browsing context", "discarded", "aborted",
    "could not parse element info",  # WebKit of a page that goes while it is asked
)  # fmt: skip


class RefusedError(AssertionError):
    """The client's promise was rejected; the message is the code."""


class Browser(Protocol):
    """One engine with one profile."""

    def start(self) -> WebDriver:
        """The browser, on its profile."""
        ...

    def to_front(self, driver: WebDriver) -> None:
        """The current window has the focus, as a popup has on a person's screen."""
        ...


class Reader:
    """A person. clicks: made in books and at the gateway; clicks_at_provider: the provider's own.

    keeps_guest_work: the answer to the question about what was done here as a guest.
    """

    def __init__(self, browser: Browser, setting: Setting) -> None:
        self.setting = setting
        self.clicks = 0
        self.answered: list[str] = []  # what was pressed on pages, and where
        self.clicks_at_provider = 0
        self.keeps_guest_work = True
        self._browser = browser
        self._framed = False
        self._pressed: WebElement | None = None
        self.driver = self._start()

    def _start(self) -> WebDriver:
        driver = self._browser.start()
        driver.set_script_timeout(SECONDS)
        driver.set_page_load_timeout(SECONDS)
        return driver

    def restart(self) -> None:
        """The browser is closed and opened again, on the profile that it left."""
        self.driver.quit()
        self.driver = self._start()

    def cdp(self, command: str, **parameters: object) -> Any:  # ruff: ignore[any-type]  # JSON of the protocol
        """A command of Chromium's own protocol."""
        answer = self.driver.execute("executeCdpCommand", {"cmd": command, "params": parameters})
        return answer["value"]

    def open(self, url: str) -> None:
        self._framed = False
        self.driver.get(url)
        self.until_connected()

    def open_framed(self, url: str) -> None:
        """A page whose first frame is the book: what follows happens in the frame."""
        self._framed = True
        self.driver.get(url)
        self._to_book(self.driver.current_window_handle)
        self.until_connected()

    def offered_tab(self) -> str | None:
        """Where the book offers to be opened, if it does."""
        link = self.shown("link")
        offered = link.is_displayed() and link.get_attribute("target") == "_blank"
        return link.get_attribute("href") if offered else None

    def reload(self) -> None:
        window = self.driver.current_window_handle
        self.driver.refresh()
        self._to_book(window)
        self.until_connected()

    def to_tab(self, window: str) -> None:
        """As by a click on its tab: the page is told that it is seen again."""
        self.driver.switch_to.window(window)
        self._browser.to_front(self.driver)

    def _to_book(self, window: str) -> None:
        self.driver.switch_to.window(window)
        if self._framed:
            self.driver.switch_to.frame(0)

    def until_connected(self) -> None:
        self.wait(
            lambda: self.driver.execute_script("return globalThis.bookgate !== undefined"), "the script"
        )
        self.book("book.gateway")

    def book(self, expression: str, argument: object = None) -> Any:  # ruff: ignore[any-type]  # JavaScript's values
        """An expression of the page, awaited, where `book` is the connected book and `arg` the argument."""
        answer = self.driver.execute_async_script(IN_BOOK % expression, argument)
        if answer is None:
            raise JavascriptException("the page went while it was asked")
        if "code" in answer:
            raise RefusedError(answer["code"])
        return answer["value"]

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        WebDriverWait(self.driver, SECONDS, poll_frequency=POLL).until(lambda _: condition(), what)

    def shown(self, part: str) -> WebElement:
        """A part of <bookgate-sign-in>."""
        element = self.driver.find_element(By.TAG_NAME, "bookgate-sign-in")
        return element.shadow_root.find_element(By.CSS_SELECTOR, PARTS.get(part, part))

    def click(self, part: str) -> None:
        if part in MENU:
            self.click("name")
        self.wait(lambda: self.shown(part).is_displayed() and self.shown(part).is_enabled(), part)
        self.clicks += 1
        self.shown(part).click()

    def name(self) -> str | None:
        user = self.book("book.user")
        return None if user is None else str(user["name"])

    def until_signed_in(self, name: str) -> None:
        """Where the book may go and come back meanwhile: while it is away there is nobody to ask."""

        def is_here() -> bool:
            with contextlib.suppress(RefusedError, WebDriverException):
                return self.name() == name
            return False

        self.wait(is_here, "signed in")

    def mode(self) -> str | None:
        mode = self.book("book.mode")
        return None if mode is None else str(mode)

    def until_saved(self) -> None:
        self.wait(lambda: self.book("book.status")["state"] == "saved", "saved")

    def sign_in(
        self,
        name: str | None = None,
        *,
        own_device: bool = False,
        allow: bool = True,
        hurried: bool = True,
        until: Callable[[], object] | None = None,
    ) -> None:
        """By the popup, through whatever pages come, until it is closed and the book knows the outcome.

        hurried: does not wait where a page goes on by itself.
        until: asked in the book; when it holds, a window may stay.
        """
        book, before = self.driver.current_window_handle, set(self.driver.window_handles)
        self.click("sign-in")
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            others = [handle for handle in self.driver.window_handles if handle not in before]
            if others:
                self._answer_window(others[0], name, own_device=own_device, allow=allow, hurried=hurried)
            if not others or until is not None:
                self._to_book(book)
                if until() if until is not None else not self.book("book.signingIn"):
                    return
            time.sleep(POLL)
        raise AssertionError(f"the popup stays: {self.driver.current_url}\n{self.driver.page_source}")

    def sign_out(self) -> None:
        self.click("sign-out")
        self.wait(lambda: self.name() is None, "signed out")

    def _answer_window(
        self, handle: str, name: str | None, *, own_device: bool, allow: bool, hurried: bool
    ) -> None:
        try:
            self.driver.switch_to.window(handle)
            self._browser.to_front(self.driver)
            self.answer_page(name, own_device=own_device, allow=allow, hurried=hurried)
        except GONE:
            return
        except WebDriverException as error:
            if not any(words in str(error).lower() for words in GONE_WORDS):
                raise

    def go_through_redirect(self, book: str, name: str, *, own_device: bool = False) -> None:
        """The whole page went to the gateway: through whatever pages come, until it is back."""
        self.wait(lambda: not self.driver.current_url.startswith(book), "the page leaves")
        until = time.monotonic() + SECONDS
        while not self.driver.current_url.startswith(book) and time.monotonic() < until:
            with contextlib.suppress(*GONE):
                self.answer_page(name, own_device=own_device, allow=True)
            time.sleep(POLL)
        self.until_signed_in(name)

    def answer_page(self, name: str | None, *, own_device: bool, allow: bool, hurried: bool = True) -> None:
        """Do what a person does on this page, if it is one that asks."""
        if not self._seen(ASKING):
            return
        if self._seen(PROVIDER_NAME):
            assert name is not None, "the provider asks for a name"
            self._seen(PROVIDER_NAME)[0].send_keys(name)
            self.clicks_at_provider += 1
            self._seen(PROVIDER_CONTINUE)[0].click()
            return
        if name is not None and self._seen(NOT_ME) and self._seen(WHO)[0].get_property("textContent") != name:
            self.clicks += 1
            self.answered.append(f"not {self._seen(WHO)[0].get_property('textContent')}")
            self._seen(NOT_ME)[0].click()
            return
        tick = self._seen(OWN_DEVICE)
        ticks = bool(tick) and own_device
        if ticks and not tick[0].is_selected():
            self.clicks += 1
            tick[0].click()
        allowing = [ALLOW, KEEP if self.keeps_guest_work else LEAVE]
        wanted = [*(allowing if allow else [DENY]), *([GO_ON] if hurried or ticks else [])]
        buttons = [button for button in self._seen(", ".join(wanted)) if button.is_enabled()]
        if buttons and buttons[0] != self._pressed:  # a slow page stays for a moment
            self._pressed = buttons[0]
            self.answered.append(f"{buttons[0].get_attribute('id')} at {self.driver.title}")
            buttons[0].click()
            self.clicks += 1

    def _seen(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def close(self) -> None:
        self.driver.quit()
