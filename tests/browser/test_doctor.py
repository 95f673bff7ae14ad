"""`bookgate.doctor()` in books where something is wrong: what it says, shows and lets be copied."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import ASKED, DENIED, LMS, TRUSTED
from tests.browser.reader import Reader

LOOK = """
const done = arguments[arguments.length - 1];
globalThis.bookgate.doctor(arguments[0]).then(done, (error) => done({failed: String(error)}));
"""
PICTURES = os.environ.get("BOOKGATE_PICTURES")  # a folder, to look at them
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


def look(reader: Reader, **options: object) -> dict[str, Any]:
    report: dict[str, Any] = reader.driver.execute_async_script(LOOK, options)
    assert "failed" not in report, report
    return report


def wanting(report: dict[str, Any]) -> list[str]:
    """The codes of what is not well, but for the window that nobody tried yet."""
    found = [one["code"] for one in report["findings"] if one["level"] != "ok"]
    return [code for code in found if code != "window_untried"]


def dialog(reader: Reader, selector: str) -> list[WebElement]:
    (host,) = reader.driver.find_elements(By.TAG_NAME, "bookgate-doctor")
    return host.shadow_root.find_elements(By.CSS_SELECTOR, selector)


def codes(reader: Reader) -> list[str]:
    """What the dialog shows, read at once: it may be drawn anew at any moment."""
    shown = "return [...document.querySelector('bookgate-doctor').shadowRoot.querySelectorAll('.code')]"
    found: list[str] = reader.driver.execute_script(f"{shown}.map((one) => one.textContent)")
    return found


def picture(reader: Reader, name: str) -> None:
    """The window on a desk and on a phone; nothing may be wider than the screen."""
    shoot(reader, name)
    reader.cdp("Emulation.setDeviceMetricsOverride", **PHONE)
    assert reader.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    shoot(reader, f"{name}-phone")
    reader.cdp("Emulation.clearDeviceMetricsOverride")


def shoot(reader: Reader, name: str) -> None:
    if PICTURES:
        data = reader.cdp("Page.captureScreenshot", format="png")["data"]
        (Path(PICTURES) / f"{name}.png").write_bytes(base64.b64decode(data))


def test_a_listed_book_where_all_is_well(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED, "shapes.html"))
    reader.sign_in("Ada", own_device=True)
    report = look(reader)
    assert wanting(report) == []
    assert {"origin_trusted", "calls_work", "mode_cookie", "return_page_there", "clock_right"} <= set(
        codes(reader)
    )
    assert report["page"] == house.book(TRUSTED, "shapes.html")
    assert "Ada" not in str(report)
    picture(reader, "doctor-well")


def test_it_opens_by_the_address_and_copies_a_report_without_secrets(house: House, reader: Reader) -> None:
    reader.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    reader.driver.get(house.book(ASKED) + "?secret=s3cr3t#bookgate-doctor")
    reader.wait(lambda: reader.driver.find_elements(By.TAG_NAME, "bookgate-doctor"), "the dialog")
    assert "origin_consent" in codes(reader)
    reader.wait(lambda: reader.driver.execute_script("return document.hasFocus()"))
    dialog(reader, "button.main")[0].click()
    reader.wait(dialog(reader, "footer [role=status]")[0].is_displayed)
    copied = reader.driver.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))"
    )
    assert "(origin_consent)" in copied
    assert "s3cr3t" not in copied
    assert f"{house.gateway}/auth/doctor?origin=" in copied
    dialog(reader, "button.close")[0].click()
    assert reader.driver.find_elements(By.TAG_NAME, "bookgate-doctor") == []


def test_a_book_that_is_not_listed_gets_the_line_to_paste(house: House, reader: Reader) -> None:
    reader.open(house.book(LMS, "shapes.html"))
    report = look(reader, language="de")
    assert wanting(report) == ["origin_unlisted"]
    assert f"- {house.books.origin(LMS)}" in dialog(reader, "pre")[0].text
    assert "origins.yaml" in dialog(reader, ".todo")[0].text
    picture(reader, "doctor-unlisted-de")
    look(reader)
    assert "Add this line to origins.yaml" in dialog(reader, ".todo")[0].text
    picture(reader, "doctor-unlisted")

    reader.driver.get(report["link"])
    shown = reader.driver.find_element(By.TAG_NAME, "main").text
    assert "This book is not listed." in shown
    assert f"- {house.books.origin(LMS)}" in reader.driver.find_element(By.TAG_NAME, "pre").text
    for code in ("javascript_on", "cookies_on", "clock_right"):
        assert code in shown
    picture(reader, "doctor-page-unlisted")


def test_a_book_that_is_refused(house: House, reader: Reader) -> None:
    reader.open(house.book(DENIED))
    report = look(reader)
    assert wanting(report) == ["origin_denied"]
    assert "books-help@example.edu" in dialog(reader, ".todo")[0].text


def test_a_missing_return_page(house: House, reader: Reader, tmp_path: Path) -> None:
    page = (Path(__file__).parent / "pages" / "plain.html").read_text("utf-8")
    (tmp_path / "index.html").write_text(page, "utf-8")
    house.books.trees["bare"] = tmp_path
    reader.open(house.book(TRUSTED, "bare/index.html"))
    assert "return_page_missing" in wanting(look(reader))
    (tmp_path / "bookgate-return.html").write_text("<h1>My book</h1>", "utf-8")
    dialog(reader, ".buttons button")[1].click()  # check again
    reader.wait(lambda: "return_page_other" in codes(reader), "it looks again")
    picture(reader, "doctor-return-page")


def test_a_gateway_that_is_down_and_one_that_answers_html(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    assert "gateway_unreachable" in wanting(look(reader, gateway="https://gw.test:9"))
    picture(reader, "doctor-down")
    assert "gateway_answers_unread" in wanting(look(reader, gateway=house.books.origin(ASKED)))


def test_a_content_security_policy_that_forgets_the_gateway(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.driver.execute_script(
        "document.head.append(Object.assign(document.createElement('meta'), {httpEquiv:"
        " 'Content-Security-Policy', content: \"connect-src 'self'; style-src 'none'\"}))"
    )
    report = look(reader)
    assert "gateway_blocked_by_policy" in wanting(report)
    paste = next(one["paste"] for one in report["findings"] if one["paste"])
    assert paste.startswith(f"connect-src {house.gateway} wss://gw.test:")
    picture(reader, "doctor-policy")


def test_storage_that_the_browser_refuses(house: House, new_reader: NewReader) -> None:
    reader = new_reader()
    refuse = (
        "Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('', 'SecurityError'); }})"
    )
    reader.cdp("Page.addScriptToEvaluateOnNewDocument", source=refuse)
    reader.driver.get(house.book(TRUSTED))
    reader.wait(lambda: reader.driver.execute_script("return globalThis.bookgate !== undefined"))
    assert "storage_blocked" in wanting(look(reader))


def test_the_window_is_tried_by_a_click(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    look(reader)
    dialog(reader, "li button")[0].click()
    reader.wait(lambda: "window_works" in codes(reader), "the window answers")
    reader.wait(lambda: len(reader.driver.window_handles) == 1, "and is closed")


@pytest.mark.parametrize("name", [TRUSTED, ASKED])
def test_a_book_that_isolates_itself_hears_by_its_return_page(
    house: House, reader: Reader, name: str
) -> None:
    reader.open(f"{house.books.origin(name)}/coop/plain.html")
    assert "opener_isolated" in wanting(look(reader))
    book = reader.driver.current_window_handle
    dialog(reader, "li button")[0].click()
    if name == ASKED:  # nobody vouches for this book: a click more before anybody is sent there
        reader.wait(lambda: len(reader.driver.window_handles) == 2)
        reader.driver.switch_to.window(next(one for one in reader.driver.window_handles if one != book))
        reader.wait(lambda: reader.driver.find_element(By.CSS_SELECTOR, "#back a").is_displayed())
        picture(reader, "doctor-window")
        reader.driver.find_element(By.CSS_SELECTOR, "#back a").click()
        reader.driver.switch_to.window(book)
    reader.wait(lambda: "window_by_return_page" in codes(reader), "the return page answers")


def test_a_popup_that_is_blocked(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    look(reader)
    reader.driver.execute_script("window.open = () => null")
    dialog(reader, "li button")[0].click()
    reader.wait(lambda: "window_blocked" in codes(reader), "said")


def test_the_page_of_the_gateway(house: House, reader: Reader) -> None:
    reader.driver.get(f"{house.gateway}/auth/doctor")
    picture(reader, "doctor-page-form")
    reader.driver.find_element(By.NAME, "book").send_keys(house.book(TRUSTED))
    reader.driver.find_element(By.CSS_SELECTOR, "form .button").click()
    reader.wait(lambda: "This book is listed and trusted." in reader.driver.page_source)
    picture(reader, "doctor-page-trusted")
    reader.driver.find_element(By.NAME, "book").send_keys("ftp://book")
    reader.driver.find_element(By.CSS_SELECTOR, "form .button").click()
    reader.wait(lambda: "address_not_web" in reader.driver.page_source)
    picture(reader, "doctor-page-fault")
    reader.cdp("Emulation.setScriptExecutionDisabled", value=True)
    reader.driver.get(f"{house.gateway}/auth/doctor?book={house.book(DENIED)}")
    assert "javascript_off" in reader.driver.find_element(By.TAG_NAME, "main").text
    assert "This book is refused." in reader.driver.find_element(By.TAG_NAME, "main").text
    picture(reader, "doctor-page-denied")
