"""Takes the pictures of the sign-in element; bounded: a minute.

No gateway is asked: the page gives the element books in every state.
"""

import base64
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

from tests.pictures.visitor import chromium

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "docs" / "pictures"
PAGE: Final = "tests/pictures/sign-in-states.html"
SECONDS: Final = 20.0
SIZES: Final = {"desktop": (1200, 900), "phone": (360, 740)}
EVERY: Final = ""
SHOTS: Final = tuple(
    (language, scheme, device, state)
    for language, scheme, device in (
        ("en", "light", "desktop"),
        ("en", "dark", "phone"),
        ("de", "dark", "desktop"),
        ("de", "light", "phone"),
    )
    for state in (EVERY, "menu", "guest menu")
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # ruff: ignore[builtin-argument-shadowing]  # its name there
        """One line a request would hide what matters."""


@contextmanager
def files() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(ROOT))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def take(driver: webdriver.Chrome, page: str, scheme: str, size: tuple[int, int]) -> bytes:
    """The whole page as one picture, however long it is."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(page)
    WebDriverWait(driver, SECONDS).until(lambda driver: driver.title == "ready")
    tall = int(driver.execute_script("return document.body.offsetHeight + 32"))
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics | {"height": tall})
    answer = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 70})
    return base64.b64decode(answer["data"])


def picture_name(language: str, scheme: str, device: str, state: str) -> str:
    return f"element-{state.replace(' ', '-') or 'states'}-{language}-{scheme}-{device}.webp"


def take_element() -> None:
    driver = chromium()
    driver.set_page_load_timeout(SECONDS)
    try:
        with files() as address:
            for language, scheme, device, state in SHOTS:
                page = f"{address}/{PAGE}?lang={language}&state={state.replace(' ', '+')}"
                picture = take(driver, page, scheme, (400, 740) if state else SIZES[device])
                (PICTURES / picture_name(language, scheme, device, state)).write_bytes(picture)
    finally:
        driver.quit()
