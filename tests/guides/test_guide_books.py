"""The books of the guides as readers use them: signed in, saved, found again on a phone."""

import os
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.conftest import NewReader
from tests.browser.reader import Reader
from tests.guides.books import BOOKS, MATERIAL, PLAIN, Book
from tests.guides.conftest import Serve

WORDS = "Because I walk outside of it."
PHONE_AGENT = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/150.0.0.0 Mobile Safari/537.36"
PHONE = {
    "brands": [],
    "platform": "Android",
    "platformVersion": "",
    "architecture": "",
    "model": "",
    "mobile": True,
}
QUESTION = "[data-keep=question1]"
TEXT = "[data-keep=why-120]"


def part(reader: Reader, selector: str) -> WebElement:
    return reader.driver.find_element(By.CSS_SELECTOR, selector)


def open_book(reader: Reader, address: str) -> None:
    """Until the sign-in is there: some books put it on the page by a script."""
    reader.open(address)
    shown = "return document.querySelector('bookgate-sign-in')?.shadowRoot != null"
    reader.wait(lambda: reader.driver.execute_script(shown), "the sign-in")


def answer_question(reader: Reader) -> None:
    part(reader, f"{QUESTION} input[value='120']").click()
    part(reader, f"{QUESTION} button").click()
    reader.wait(lambda: part(reader, f"{QUESTION} output").text == "Yes.")


def write_text(reader: Reader, words: str) -> None:
    part(reader, TEXT).send_keys(words)
    kept = "book.load('why-120').then((text) => text === arg)"
    reader.wait(lambda: reader.book(kept, words), "kept")
    reader.until_saved()


def text(reader: Reader) -> str:
    return str(part(reader, TEXT).get_property("value"))


def picture(reader: Reader, name: str) -> None:
    """Into the folder of GUIDES_PICTURES, where one is named."""
    if folder := os.environ.get("GUIDES_PICTURES"):
        reader.driver.save_screenshot(str(Path(folder) / f"{name}.png"))


def as_phone(reader: Reader) -> None:
    """Phones are sent to the gateway and back instead of getting a window."""
    reader.cdp("Emulation.setUserAgentOverride", userAgent=PHONE_AGENT, userAgentMetadata=PHONE)
    reader.cdp("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.name)
def test_work_comes_back(book: Book, serve: Serve, new_reader: NewReader) -> None:
    address = serve(book)
    laptop = new_reader("laptop")
    open_book(laptop, address + book.first)
    laptop.sign_in("Ada Lovelace", own_device=True)
    answer_question(laptop)
    laptop.until_saved()
    open_book(laptop, address + book.second)
    write_text(laptop, WORDS)
    picture(laptop, book.name)
    laptop.reload()
    laptop.wait(lambda: text(laptop) == WORDS, "back after a reload")

    phone = new_reader("phone")
    as_phone(phone)
    open_book(phone, address + book.second)
    phone.click("sign-in")
    phone.go_through_redirect(address, "Ada Lovelace")
    phone.wait(lambda: text(phone) == WORDS, "back on a phone")
    assert phone.driver.current_url == address + book.second, "the reader is where they were"
    picture(phone, f"{book.name}-phone")
    wide = "return document.documentElement.scrollWidth - innerWidth"
    assert phone.driver.execute_script(wide) <= 0, "nothing stands out of the screen"
    open_book(phone, address + book.first)
    phone.wait(lambda: part(phone, f"{QUESTION} output").text == "Yes.", "the answer, judged again")
    phone.sign_out()
    phone.wait(lambda: not part(phone, f"{QUESTION} input[value='120']").is_selected(), "off the page")


def test_material_changes_pages_without_loading_them(serve: Serve, new_reader: NewReader) -> None:
    address = serve(MATERIAL)
    reader = new_reader()
    open_book(reader, address)
    reader.driver.execute_script("globalThis.samePage = document.querySelector('bookgate-sign-in')")
    reader.sign_in("Grace Hopper", own_device=True)
    answer_question(reader)
    part(reader, "article a[href$='words/']").click()
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, TEXT), "the other page")
    part(reader, TEXT).send_keys(WORDS)
    reader.driver.back()  # at once: the pause after which a text is saved is not over
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, QUESTION), "the first page")
    reader.wait(lambda: part(reader, f"{QUESTION} output").text == "Yes.", "restored on a page that came")
    reader.wait(lambda: reader.book("book.load('why-120')") == WORDS, "saved when its page went")
    reader.until_saved()
    kept = "return globalThis.samePage === document.querySelector('bookgate-sign-in') && samePage.isConnected"
    assert reader.driver.execute_script(kept), "one element, one page, all the time"
    assert reader.name() == "Grace Hopper"


def test_what_was_written_a_moment_before_the_page_goes(serve: Serve, new_reader: NewReader) -> None:
    address = serve(PLAIN)
    reader = new_reader()
    open_book(reader, address)
    reader.sign_in("Emmy Noether", own_device=True)
    write_text(reader, "Because")
    part(reader, TEXT).send_keys("!")
    reader.driver.execute_script("location.assign('chapter/program.html')")
    reader.wait(lambda: "chapter" in reader.driver.current_url)
    reader.until_connected()
    reader.wait(lambda: reader.book("book.load('why-120')") == "Because!")


def test_an_editor_of_ones_own_under_a_policy(serve: Serve, new_reader: NewReader) -> None:
    page = serve(PLAIN) + "chapter/program.html"
    reader = new_reader()
    open_book(reader, page)
    reader.sign_in("Alan Turing")
    part(reader, "#editor").send_keys(Keys.CONTROL, Keys.END)
    part(reader, "#editor").send_keys(Keys.ENTER, "120")
    part(reader, "#run").click()
    assert part(reader, "#said").text == "All the way round."
    part(reader, "#note").send_keys("Three.", Keys.TAB)
    reader.wait(lambda: str(reader.book("book.load('turns')")).split() == ["120"] * 3, "kept")
    reader.until_saved()
    reader.reload()
    reader.wait(lambda: part(reader, "#editor").text.split() == ["120"] * 3)
    reader.wait(lambda: part(reader, "#note").get_property("value") == "Three.")
    reader.sign_out()
    reader.wait(lambda: part(reader, "#editor").text.split() == ["120"] * 2, "as the author wrote it")
    reader.wait(lambda: not part(reader, "#note").get_property("value"))


def test_books_are_read_without_the_gateway(serve: Serve, new_reader: NewReader, gateway: str) -> None:
    address = serve(PLAIN)
    reader = new_reader()
    reader.cdp("Network.enable")
    reader.cdp("Network.setBlockedURLs", urls=[f"{gateway}/*"])
    reader.driver.get(address)
    answer_question(reader)
