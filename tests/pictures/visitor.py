"""Somebody who looks at every page: a Chromium, ways to go, and pictures on a desk and on a phone."""

import base64
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.chromium import SWITCHES
from tests.pictures.house import READER, TRUSTED, House
from tests.system.reader import Flow

SECONDS: Final = 40.0
SIZES: Final = {"desktop": (960, 640), "phone": (390, 700), "narrow": (320, 640)}
SCHEMES: Final = {"desktop": "light", "phone": "dark", "narrow": "light"}
PICTURED: Final = ("desktop", "phone")
TALLEST: Final = 1600  # pixels
TALL: Final = "return document.documentElement.scrollHeight"
WAY: Final = "[data-way]"
PICK: Final = f"button[name=pick][value='{READER}']"


class Visitor:
    """A browser, and the steps that every page is reached by."""

    def __init__(self, driver: WebDriver, house: House, language: str) -> None:
        self.driver = driver
        self.house = house
        self.language = language
        self._signed_in = ""
        driver.set_page_load_timeout(SECONDS)
        driver.set_script_timeout(SECONDS)
        self.cdp("Emulation.setFocusEmulationEnabled", enabled=True)

    def cdp(self, command: str, **parameters: object) -> Any:  # ruff: ignore[any-type]  # JSON of the protocol
        answer = self.driver.execute("executeCdpCommand", {"cmd": command, "params": parameters})
        return answer["value"]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        WebDriverWait(self.driver, SECONDS, poll_frequency=0.1).until(lambda _: condition(), what)

    def seen(self, selector: str) -> WebElement:
        """The element, once it is there and answers to a click."""
        self.wait(lambda: any(one.is_enabled() for one in self.all(selector)), selector)
        return self.all(selector)[0]

    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.driver.find_element(By.TAG_NAME, "body").get_property("innerText"))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        """A click whose answer is another page."""
        button = self.seen(selector)
        self.driver.execute_script("globalThis.before = true")
        button.click()
        gone = "return globalThis.before === undefined && document.readyState === 'complete'"
        self.wait(lambda: self.driver.execute_script(gone), f"the page after {selector}")

    def open(self, path: str) -> None:
        """An address of the gateway, typed."""
        self.driver.get(self.house.gateway + path)

    def ask(self, origin: str = TRUSTED, mode: str = "fragment", **more: str) -> None:
        """What a book's click does."""
        self.open(f"/auth/authorize?{Flow(origin, mode).query(**more)}")

    def forget(self) -> None:
        """A browser that has never been here; every switch as at the start."""
        self.driver.get("about:blank")
        self.cdp("Network.clearBrowserCookies")
        self.cdp("Storage.clearDataForOrigin", origin=self.house.book, storageTypes="all")
        self._signed_in = ""

    def signed_out(self) -> None:
        """This browser's sign-in was ended on the way."""
        self._signed_in = ""

    def sign_in(self, *, own_device: bool = False) -> None:
        """At the gateway itself; what holds already is left as it is."""
        wanted = "own" if own_device else "shared"
        if self._signed_in == wanted:
            return
        self.forget()
        self.open("/auth/account")
        if own_device:
            self.seen("#own").click()
        self.click(WAY)
        self.click(PICK)
        self._signed_in = wanted

    @contextmanager
    def running_first(self, script: str) -> Generator[None]:
        """script: runs in every new page before the page's own."""
        added = self.cdp("Page.addScriptToEvaluateOnNewDocument", source=script)
        try:
            yield
        finally:
            self.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])

    @contextmanager
    def without_script(self) -> Generator[None]:
        """The pages' own; what asks them still runs."""
        self.cdp("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self.cdp("Emulation.setScriptExecutionDisabled", value=False)

    @contextmanager
    def on(self, device: str, *, whole: bool = True, scheme: str | None = None) -> Generator[None]:
        """The page as this device shows it. whole: as tall as it is, up to TALLEST; else its first screen.

        scheme: light | dark; None: the device's.
        """
        width, height = SIZES[device]
        metrics = {"width": width, "deviceScaleFactor": 1, "mobile": device == "phone"}
        features = [
            {"name": "prefers-color-scheme", "value": scheme or SCHEMES[device]},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.cdp("Emulation.setEmulatedMedia", features=features)
        self.cdp("Emulation.setDeviceMetricsOverride", height=height, **metrics)
        for _ in range(2 if whole else 0):  # a taller window has wider margins
            height = max(height, min(int(self.driver.execute_script(TALL)), TALLEST))
            self.cdp("Emulation.setDeviceMetricsOverride", height=height, **metrics)
        self.driver.execute_script("scrollTo(0, 0)")
        try:
            yield
        finally:
            self.cdp("Emulation.clearDeviceMetricsOverride")

    def until_live(self) -> None:
        """A page's buttons wait until a person could have read it."""
        self.wait(lambda: not self.all("main button:disabled"), "live buttons")

    def picture(self, device: str, *, whole: bool) -> bytes:
        """The page as WebP."""
        with self.on(device, whole=whole):
            self.until_live()
            return base64.b64decode(self.cdp("Page.captureScreenshot", format="webp", quality=20)["data"])


def chromium(*switches: str) -> webdriver.Chrome:
    """A Chromium of the machine's own, with its driver."""
    options = webdriver.ChromeOptions()
    for switch in (*SWITCHES, "--hide-scrollbars", "--disable-lcd-text", *switches):
        options.add_argument(switch)
    options.add_experimental_option("prefs", {"profile.cookie_controls_mode": 1})
    binary = shutil.which("chromedriver")
    assert binary is not None, "chromium-driver is not installed"
    return webdriver.Chrome(options=options, service=Service(binary))


@contextmanager
def visitor(house: House, folder: Path, language: str = "en") -> Generator[Visitor]:
    """folder: for the browser's profile. No name but loopback leads anywhere."""
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    driver = chromium(nowhere, f"--user-data-dir={folder}", f"--accept-lang={language}")
    try:
        yield Visitor(driver, house, language)
    finally:
        driver.quit()
