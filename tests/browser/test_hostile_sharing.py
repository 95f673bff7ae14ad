"""Several people at one computer: nobody gets into the work of who sat there before, or is taken for them."""

import time

import pytest
from selenium.webdriver.common.by import By

from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, ASKED, TRUSTED
from tests.browser.reader import PROVIDER_NAME, Reader
from tests.browser.setting import Setting
from tests.browser.way_through import read_by_page

PAGE = "watched.html"
NOT_YOU = "a[href*=not_you]"
SETTINGS = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.FIREFOX, Setting.WEBKIT], ids=lambda setting: setting.label
)


def popup_of(reader: Reader, shows: str) -> str:
    """The reader clicks, and the popup shows this; the answer is the book's window."""
    book = reader.driver.current_window_handle
    reader.click("sign-in")
    reader.wait(lambda: len(reader.driver.window_handles) == 2, "a popup")
    reader.driver.switch_to.window(next(one for one in reader.driver.window_handles if one != book))
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, shows), shows)
    return book


def finish(reader: Reader, book: str, name: str, *, allow: bool = False) -> None:
    """At the provider's page in the popup, to the end."""
    reader.answer_page(name, own_device=False, allow=True)
    until = time.monotonic() + 20
    while len(reader.driver.window_handles) > 1 and time.monotonic() < until:
        if allow and (buttons := reader.driver.find_elements(By.ID, "allow")) and buttons[0].is_enabled():
            buttons[0].click()
        time.sleep(0.1)
    reader.driver.switch_to.window(book)
    reader.wait(lambda: reader.name() == name, name)


@SETTINGS
def test_the_next_pupil_after_a_sign_out(house: House, reader: Reader) -> None:
    """The provider still knows the former one: it is asked for the account all the same."""
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in("Pupil One")
    first = reader.book("book.user.sub")
    reader.book("book.save('essay', 'of the first')")
    reader.until_saved()
    reader.sign_out()
    assert reader.book("book.load('essay')") is None

    book = popup_of(reader, PROVIDER_NAME)
    assert "Pupil One" not in reader.driver.page_source
    finish(reader, book, "Pupil Two")
    assert reader.book("book.user.sub") != first
    assert reader.book("book.load('essay')") is None
    reader.reload()
    assert not [text for text in read_by_page(reader) if "of the first" in text or "Pupil One" in text]


@SETTINGS
def test_not_you(house: House, reader: Reader) -> None:
    """The former one never signed out. At another book the page says who it is, and asks for the next one."""
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in("Pupil One")
    reader.open(house.book(ALSO_TRUSTED, PAGE))
    book = popup_of(reader, NOT_YOU)
    assert "Pupil One" in reader.driver.page_source
    reader.driver.find_element(By.CSS_SELECTOR, NOT_YOU).click()
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, PROVIDER_NAME), "the provider asks")
    finish(reader, book, "Pupil Two")
    reader.open(house.book(TRUSTED, PAGE))
    assert reader.name() is None, "what the former one left open is closed"


def test_the_next_pupil_is_asked_for_consent_anew(house: House, reader: Reader) -> None:
    """What the former one allowed a book, the next one did not."""
    reader.open(house.book(ASKED, PAGE))
    reader.sign_in("Pupil One", allow=True)
    reader.sign_out()
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in("Pupil One")
    reader.sign_out()
    reader.open(house.book(ASKED, PAGE))
    book = popup_of(reader, PROVIDER_NAME)
    reader.answer_page("Pupil Two", own_device=False, allow=True)
    reader.wait(lambda: reader.driver.find_elements(By.ID, "allow"), "asked")
    assert "Pupil Two" in reader.driver.page_source
    assert "Pupil One" not in reader.driver.page_source
    finish(reader, book, "Pupil Two", allow=True)


def test_work_that_waits_for_who_closed_the_browser(house: House, reader: Reader) -> None:
    """It stays theirs: not sent, not shown, not in the next one's file."""
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in("Pupil One")
    first = reader.book("book.user.sub")
    reader.cdp("Network.clearBrowserCookies")  # the session ended, and with it the sending
    reader.book("book.save('essay', 'of the first')")
    reader.wait(lambda: reader.name() is None)
    reader.restart()
    reader.open(house.book(TRUSTED, PAGE))
    assert reader.name() is None
    reader.sign_in("Pupil Two")
    assert reader.book("book.load('essay')") is None
    assert reader.book("book.status")["waiting"] == 0
    file = reader.book("book.exportWaiting().then((blob) => blob.text())")
    assert "of the first" not in file
    assert first not in file
    reader.sign_out()
    reader.sign_in("Pupil One")
    reader.until_saved()
    assert reader.book("book.load('essay')") == "of the first"
