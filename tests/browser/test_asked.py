"""What a book asks of its reader besides: whether research may use the work, and a stronger sign-in."""

from selenium.webdriver.common.by import By

from tests.browser.house import House
from tests.browser.names import STUDIED, TRUSTED
from tests.browser.reader import Reader

WRITE = "book.write('/live/strong/save', {body: '1', contentType: 'text/plain'})"
WRITTEN = "book.fetch('/live/saved').then((answer) => answer.text())"


def asks(reader: Reader) -> bool:
    return reader.shown("#study").is_displayed()


def test_research_asks_once_after_a_first_save(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(STUDIED))
    reader.sign_in(ada, own_device=True)
    assert not asks(reader)
    reader.book("book.save('first', 1)")
    reader.wait(lambda: asks(reader), "asked")
    book = reader.driver.current_window_handle
    reader.click("#read-study")
    reader.wait(lambda: len(reader.driver.window_handles) == 2, "the page of the study")
    page = next(handle for handle in reader.driver.window_handles if handle != book)
    reader.driver.switch_to.window(page)
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, "button[value^='yes:']"), "the text")
    assert "We look at errors." in reader.driver.page_source
    reader.wait(lambda: reader.driver.find_element(By.CSS_SELECTOR, "button[value^='yes:']").is_enabled())
    reader.driver.find_element(By.CSS_SELECTOR, "button[value^='yes:']").click()
    reader.wait(lambda: "You take part." in reader.driver.page_source, "answered")
    reader.driver.close()
    reader.to_tab(book)
    assert not asks(reader)
    reader.reload()
    reader.book("book.save('second', 2)")
    reader.until_saved()
    assert not asks(reader)


def test_not_now_is_remembered_on_this_device(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(STUDIED))
    reader.sign_in(ada, own_device=True)
    reader.book("book.save('first', 1)")
    reader.wait(lambda: asks(reader), "asked")
    reader.click("#later")
    reader.wait(lambda: not asks(reader), "gone")
    reader.reload()
    reader.book("book.save('second', 2)")
    reader.until_saved()
    reader.wait(lambda: reader.shown("name").is_displayed())
    assert not asks(reader)


def test_what_waits_for_a_stronger_sign_in_goes_out_after_one_click(
    house: House, reader: Reader, ada: str
) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in(ada, own_device=True)
    reader.book(WRITE)
    reader.wait(lambda: reader.shown("sign-in").is_displayed(), "asked")
    assert reader.shown("sign-in").text == "Sign in once more"
    assert "fresh sign-in" in reader.shown("note").text
    reader.book("book.save('meanwhile', 1)")
    reader.wait(lambda: reader.book("book.status")["waiting"] == 1, "nothing else waits with it")
    reader.clicks = 0
    reader.sign_in(ada, own_device=True)
    reader.wait(lambda: reader.book(WRITTEN) == "1", "sent")
    reader.wait(lambda: reader.book("book.status")["waiting"] == 0)
    assert not reader.shown("sign-in").is_displayed()
    assert (reader.clicks, reader.clicks_at_provider) == (1, 2), "the device is known to be theirs"
