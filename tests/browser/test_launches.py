"""From a course of a learning platform into a book, in all seven settings: a tab of its own, or a frame."""

import contextlib
import json
import ssl
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.house import House
from tests.browser.names import ASKED, COURSE, COURSE_ASKED
from tests.browser.reader import ALLOW, GONE, Reader
from tests.browser.setting import Setting
from tests.browser.way_through import assert_keeps, assert_signed_in

SEVEN = pytest.mark.parametrize("setting", Setting, ids=lambda setting: setting.label)
PAGE = "watched.html"
LINK = "#open"
ADDRESS = "input[name=address]"


def follow(house: House, reader: Reader, name: str, page: str) -> None:
    """The link in the course, which is the platform's own."""
    reader.driver.get(house.course.page(name, page))
    reader.driver.find_element(By.CSS_SELECTOR, LINK).click()


def until_in_book(reader: Reader, page: str, name: str) -> None:
    """Without a click more, signed in, and nothing left in the address."""
    reader.wait(lambda: reader.driver.current_url.startswith(page), page)
    reader.until_connected()
    reader.until_signed_in(name)
    assert reader.driver.current_url == page
    assert_signed_in(reader, name)


def content_of(house: House) -> Callable[[str], dict[str, str]]:
    """Reads the one link of a signed answer, by the key that the gateway publishes."""
    trusted = ssl.create_default_context(cafile=str(house.authority))
    with urlopen(f"{house.gateway}/auth/lti/jwks", context=trusted, timeout=20) as answer:  # ruff: ignore[suspicious-url-open-usage]  # a test's own gateway
        keys = KeySet.import_key_set(json.load(answer))

    def read(signed: str) -> dict[str, str]:
        said = jwt.decode(signed, keys, algorithms=["RS256"]).claims
        (item,) = said["https://purl.imsglobal.org/spec/lti-dl/claim/content_items"]
        return dict(item)

    return read


def framed(reader: Reader, selector: str) -> WebElement:
    """What is in the frame, once it is there: the frame goes from site to site meanwhile."""
    found: list[WebElement] = []

    def look() -> bool:
        with contextlib.suppress(*GONE):
            reader.driver.switch_to.default_content()
            reader.driver.switch_to.frame(0)
            found[:] = reader.driver.find_elements(By.CSS_SELECTOR, selector)
        return bool(found)

    reader.wait(look, selector)
    return found[0]


def open_from_frame(reader: Reader) -> None:
    """The one click: the framed page's link, to a tab of its own."""
    course = reader.driver.current_window_handle
    framed(reader, LINK).click()
    reader.clicks += 1
    reader.wait(lambda: len(reader.driver.window_handles) == 2, "a tab of its own")
    (tab,) = (one for one in reader.driver.window_handles if one != course)
    reader.to_tab(tab)


@SEVEN
def test_in_a_tab_without_a_click(house: House, reader: Reader, ada: str, ben: str) -> None:
    page = house.book(COURSE, PAGE)
    follow(house, reader, ada, page)
    until_in_book(reader, page, ada)
    assert reader.clicks == 0
    assert_keeps(reader, "kept")
    first = reader.book("book.user.sub")

    follow(house, reader, ben, page)  # whoever sits down at this computer next
    until_in_book(reader, page, ben)
    assert reader.book("book.load('lesson')") is None

    follow(house, reader, ada, page)
    until_in_book(reader, page, ada)
    assert reader.book("book.user.sub") == first
    assert reader.book("book.load('lesson')") == "kept"
    assert reader.clicks == 0


@SEVEN
def test_from_a_frame_by_one_click(house: House, reader: Reader, ada: str) -> None:
    page = house.book(COURSE, PAGE)
    reader.driver.get(house.course.page(ada, page, framed=True))
    open_from_frame(reader)
    until_in_book(reader, page, ada)
    assert reader.clicks == 1
    assert_keeps(reader, "kept")


@SEVEN
def test_a_book_that_must_ask_asks_once(house: House, reader: Reader, ada: str) -> None:
    page = house.book(COURSE_ASKED, PAGE)
    follow(house, reader, ada, page)
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, ALLOW), "the question")
    reader.go_through_redirect(page, ada)
    until_in_book(reader, page, ada)
    assert reader.clicks == 1
    assert_keeps(reader, "kept")
    follow(house, reader, ada, page)
    until_in_book(reader, page, ada)
    assert reader.clicks == 1


@SEVEN
def test_a_teacher_picks_a_page_in_the_frame(house: House, reader: Reader, ada: str) -> None:
    """The frame is foreign to the platform, and works without a cookie of ours."""
    page = house.book(COURSE, PAGE)
    reader.driver.get(house.course.page(ada, house.course.links, framed=True))
    for selector, text in ((ADDRESS, page), ("input[name=title]", f"Loops for {ada}")):
        framed(reader, selector).click()
        framed(reader, selector).send_keys(text)
    framed(reader, "button.main").click()
    framed(reader, "#picked")
    found = [said for said in map(content_of(house), house.course.picked) if said["title"].endswith(ada)]
    assert [said["url"] for said in found] == [page]


def test_a_book_that_takes_no_launches_is_not_opened(house: House, reader: Reader, ada: str) -> None:
    follow(house, reader, ada, house.book(ASKED, PAGE))
    reader.wait(lambda: reader.driver.current_url.startswith(house.gateway), "the gateway's page")
    text = reader.driver.find_element(By.TAG_NAME, "main").text
    assert "This book is not connected here" in text


def test_another_site_cannot_frame_the_page(house: House, reader: Reader, ada: str) -> None:
    """Its link is a click in the name of whoever follows it: only the platform of the launch shows it."""
    reader.driver.get(house.course.page(ada, house.book(COURSE, PAGE), framed=True))
    link = reader.driver.find_element(By.TAG_NAME, "iframe").get_attribute("src")
    reader.driver.get(house.book(COURSE, "lms.html") + "?book=")
    reader.driver.execute_script("document.querySelector('iframe').src = arguments[0]", link)
    reader.driver.switch_to.frame(0)
    where = "return location.href"
    reader.wait(lambda: reader.driver.execute_script(where).startswith("chrome-error:"), "refused")
    assert reader.driver.find_elements(By.CSS_SELECTOR, LINK) == []
