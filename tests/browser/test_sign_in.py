"""A reader signs in to a book on another site, saves, comes back, and goes to another book."""

import time

import pytest
from selenium.webdriver.common.by import By

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, ASKED, DENIED, TRUSTED
from tests.browser.reader import Reader, RefusedError
from tests.browser.setting import Setting
from tests.system.reader import Flow


@pytest.mark.parametrize("setting", [Setting.CHROMIUM, Setting.CHROMIUM_ALLOWED], ids=["blocked", "allowed"])
def test_popup_save_reload_and_another_device(house: House, new_reader: NewReader, setting: Setting) -> None:
    ada = new_reader()
    ada.open(house.book(TRUSTED))
    assert ada.name() is None
    ada.sign_in("Ada")
    assert ada.name() == "Ada"
    assert ada.mode() == "cookie"
    ada.book("book.save('lesson-1', {text: 'of Ada'})")
    ada.wait(lambda: ada.book("book.status")["state"] == "saved")
    assert ada.shown("status").text.startswith("Saved ")

    ada.open(house.book(TRUSTED))
    assert ada.name() == "Ada"
    assert ada.book("book.load('lesson-1')") == {"text": "of Ada"}

    elsewhere = new_reader("library")
    elsewhere.open(house.book(TRUSTED))
    elsewhere.sign_in("Ada")
    assert elsewhere.book("book.load('lesson-1')") == {"text": "of Ada"}


def test_full_page_redirect(house: House, reader: Reader) -> None:
    page = house.book(TRUSTED) + "?chapter=2#part"
    reader.open(page)
    reader.book("(book.signIn({redirect: true}), 1)")
    reader.go_through_redirect(house.book(TRUSTED), "Rob")
    assert reader.driver.current_url == page
    assert len(reader.driver.window_handles) == 1
    assert reader.driver.execute_script("return sessionStorage.getItem('bookgate.flow')") is None


def test_a_phone_goes_by_redirect(house: House, reader: Reader) -> None:
    phone = {"platform": "Android", "platformVersion": "15", "architecture": "", "model": "", "mobile": True}
    override = {"userAgent": "Mozilla/5.0 (Linux; Android 15) Mobile", "userAgentMetadata": phone}
    reader.cdp("Emulation.setUserAgentOverride", **override)
    reader.open(house.book(TRUSTED))
    reader.click("sign-in")
    reader.go_through_redirect(house.book(TRUSTED), "Vera")
    assert len(reader.driver.window_handles) == 1


def test_a_blocked_popup_goes_by_redirect(house: House, new_reader: NewReader) -> None:
    reader = new_reader(block_popups=True)
    reader.open(house.book(TRUSTED))
    reader.driver.execute_script("setTimeout(() => bookgate.connect().then((book) => book.signIn()), 6000)")
    reader.go_through_redirect(house.book(TRUSTED), "Walt")


def test_work_put_into_the_outbox_before_the_page_leaves(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.book("(book.addEventListener('leaving', () => book.save('draft', 'unsaved')), 1)")
    reader.book("(book.signIn({redirect: true}), 1)")
    reader.go_through_redirect(house.book(TRUSTED), "Lea")
    assert reader.book("book.load('draft')") is None
    reader.click("keep")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert reader.book("book.load('draft')") == "unsaved"


def test_a_book_that_isolates_itself_loses_its_popup_and_hears_over_the_return_page(
    house: House, reader: Reader
) -> None:
    reader.open(f"{house.books.origin(TRUSTED)}/coop/plain.html")
    reader.sign_in("Cleo")
    reader.wait(lambda: reader.name() == "Cleo")


def test_a_second_book_takes_one_click(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Bea", own_device=True)
    first = reader.book("book.user.sub")
    reader.open(house.book(ALSO_TRUSTED))
    assert reader.name() is None
    reader.sign_in()  # no name, no button: the popup comes and goes
    assert reader.name() == "Bea"
    assert reader.book("book.user.sub") != first, "books cannot compare their readers"


def test_a_book_that_must_ask(house: House, reader: Reader) -> None:
    reader.open(house.book(ASKED))
    reader.sign_in("Dora", allow=False)
    reader.wait(lambda: reader.book("book.error?.code") == "access_denied")
    assert reader.name() is None
    reader.sign_in(allow=True, own_device=True)
    reader.wait(lambda: reader.name() == "Dora")
    reader.book("book.save('a', 1)")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")


def test_a_question_cannot_be_answered_unseen(house: House, reader: Reader) -> None:
    """A window that a book hides or covers has no focus: the button is dead, until 0.7 s after it has."""
    reader.open(house.book(ASKED))
    reader.sign_in("Elsa", own_device=True)
    unseen = "document.hasFocus = () => Boolean(globalThis.seen)"
    reader.cdp("Page.addScriptToEvaluateOnNewDocument", source=unseen)
    query = Flow(house.books.origin(ASKED)).query(prompt="consent")
    reader.driver.get(f"{house.gateway}/auth/authorize?{query}")
    allow = reader.driver.find_element(By.ID, "allow")
    time.sleep(1.5)
    assert not allow.is_enabled()
    reader.driver.execute_script("globalThis.seen = true; dispatchEvent(new Event('focus'))")
    reader.wait(allow.is_enabled)


def test_a_denied_book_is_told_so_and_gets_nothing(house: House, reader: Reader) -> None:
    reader.open(house.book(DENIED))
    assert reader.book("book.reachable") is False
    book = reader.driver.current_window_handle
    reader.click("sign-in")
    reader.wait(lambda: len(reader.driver.window_handles) == 2)
    reader.driver.switch_to.window(next(h for h in reader.driver.window_handles if h != book))
    reader.wait(lambda: "books-help@example.edu" in reader.driver.page_source)
    assert house.books.origin(DENIED) in reader.driver.page_source
    reader.driver.close()
    reader.driver.switch_to.window(book)
    assert reader.name() is None


def test_prompt_none_asks_nothing(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    with pytest.raises(RefusedError, match="login_required"):
        reader.book("book.signIn({prompt: 'none'})")
    reader.sign_in("Eve", own_device=True)
    reader.open(house.book(ALSO_TRUSTED))
    assert reader.book("book.signIn({prompt: 'none'})")["name"] == "Eve"


def test_prompt_none_on_a_shared_device(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Finn")
    reader.open(house.book(ALSO_TRUSTED))
    with pytest.raises(RefusedError, match="interaction_required"):
        reader.book("book.signIn({prompt: 'none'})")


def test_sign_out_ends_the_sign_in_of_the_whole_browser(house: House, reader: Reader) -> None:
    reader.open(house.book(ALSO_TRUSTED))
    reader.sign_in("Gus", own_device=True)
    reader.open(house.book(TRUSTED))
    reader.sign_in()
    reader.click("sign-out")
    reader.wait(lambda: reader.name() is None)
    reader.open(house.book(ALSO_TRUSTED))
    assert reader.name() is None


def test_sign_out_of_a_book_that_must_ask_ends_only_its_own(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Hal", own_device=True)
    reader.open(house.book(ASKED))
    reader.sign_in()
    reader.click("sign-out")
    reader.wait(lambda: reader.name() is None)
    assert reader.shown("link").get_attribute("href") == f"{house.gateway}/auth/logout"
    reader.open(house.book(TRUSTED))
    assert reader.name() == "Hal"
