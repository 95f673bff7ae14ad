"""A lesson: the teacher makes a class, thirty children come in by a link or a card, and are in the book."""

import pytest
from selenium.webdriver.common.by import By

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import SCHOOL
from tests.browser.reader import GO_ON, PROVIDER_CONTINUE, PROVIDER_NAME, Reader
from tests.browser.setting import Setting

ENGINES = [Setting.CHROMIUM, Setting.FIREFOX, Setting.WEBKIT]
BY_PROVIDER = "a[href*='/auth/login'][href*='provider=campus']"


def press(reader: Reader, selector: str) -> None:
    """A click whose answer is another page, as soon as it is taken."""
    reader.wait(
        lambda: [one for one in reader.driver.find_elements(By.CSS_SELECTOR, selector) if one.is_enabled()],
        selector,
    )
    reader.clicks += 1
    reader.driver.find_element(By.CSS_SELECTOR, selector).click()


def type_in(reader: Reader, selector: str, text: str) -> None:
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, selector), selector)
    field = reader.driver.find_element(By.CSS_SELECTOR, selector)
    field.clear()
    field.send_keys(text)


def read(reader: Reader, selector: str) -> str:
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, selector), selector)
    return str(reader.driver.find_element(By.CSS_SELECTOR, selector).get_property("textContent"))


def at_provider(reader: Reader, name: str) -> None:
    type_in(reader, PROVIDER_NAME, name)
    press(reader, PROVIDER_CONTINUE)


def make_class(house: House, teacher: Reader, name: str) -> str:
    """The address of the class's page."""
    teacher.driver.get(f"{house.gateway}/auth/classes")
    press(teacher, BY_PROVIDER)
    at_provider(teacher, name)
    type_in(teacher, "input[name=name]", "7b Computing")
    type_in(teacher, "input[name=address]", house.book(SCHOOL))
    press(teacher, "form[method=post] button.main")
    read(teacher, ".share .origin")
    return teacher.driver.current_url


def until_in_book(house: House, reader: Reader, name: str) -> None:
    """From the button that opens the book, without another click."""
    clicks = reader.clicks
    press(reader, "a.main[href$='#bookgate=launched']")
    reader.until_signed_in(name)
    assert reader.driver.current_url == house.book(SCHOOL), "without the mark"
    assert reader.clicks == clicks + 1
    reader.book("book.save('lesson', 'done')")
    reader.until_saved()


@pytest.mark.parametrize("setting", ENGINES, ids=lambda setting: setting.label)
def test_by_the_link(house: House, new_reader: NewReader, ada: str, ben: str) -> None:
    teacher = new_reader("teacher", setting=Setting.CHROMIUM)
    room = make_class(house, teacher, ben)
    link = read(teacher, ".share .origin")
    child = new_reader("child")
    child.driver.get(link)
    press(child, BY_PROVIDER)
    at_provider(child, ada)
    press(child, "form[method=post] button.main")
    read(child, "a.main[href$='#bookgate=launched']")
    assert child.clicks == 3, "the provider, its own page, and joining"
    until_in_book(house, child, ada)
    teacher.driver.get(room)
    assert ada in read(teacher, ".roster")


@pytest.mark.parametrize("setting", ENGINES, ids=lambda setting: setting.label)
def test_by_a_card_that_is_scanned(house: House, new_reader: NewReader, ben: str) -> None:
    teacher = new_reader("teacher", setting=Setting.CHROMIUM)
    room = make_class(house, teacher, ben)
    type_in(teacher, "input[name=count]", "2")
    press(teacher, "button[value=cards]")
    name = read(teacher, ".sheet strong")
    spelt = teacher.driver.execute_script(
        "return document.querySelector('.words').innerText.trim().split(/\\s+/).join('-')"
    )
    child = new_reader("child")
    child.driver.get(f"{house.gateway}/auth/classes/card#{spelt}")
    child.to_tab(child.driver.current_window_handle)  # a page that nobody sees takes no touch
    press(child, "#form button")
    read(child, "a.main[href$='#bookgate=launched']")
    assert child.clicks == 1, "to scan, and one touch"
    until_in_book(house, child, name)
    teacher.driver.get(room)
    assert name in read(teacher, ".roster")


def test_a_scanned_card_leaves_the_address_at_once(house: House, reader: Reader) -> None:
    reader.driver.get(f"{house.gateway}/auth/classes/card#tiger-cloud-river-moon-apple-window")
    field = reader.driver.find_element(By.ID, "words")
    assert field.get_property("value") == "tiger cloud river moon apple window"
    assert reader.driver.current_url == f"{house.gateway}/auth/classes/card"


def test_by_a_card_from_the_book(house: House, new_reader: NewReader, ben: str) -> None:
    """The words are typed in the window that the book opened."""
    teacher = new_reader("teacher")
    make_class(house, teacher, ben)
    type_in(teacher, "input[name=count]", "1")
    press(teacher, "button[value=cards]")
    name, words = read(teacher, ".sheet strong"), teacher.driver.find_element(By.CSS_SELECTOR, ".words").text
    child = new_reader("child")
    child.open(house.book(SCHOOL))
    book = child.driver.current_window_handle
    child.click("sign-in")
    child.wait(lambda: len(child.driver.window_handles) == 2, "the window")
    (window,) = set(child.driver.window_handles) - {book}
    child.to_tab(window)
    press(child, "a[data-way=card]")
    type_in(child, "#words", " ".join(words.upper().split()))
    press(child, "#form button")
    child.wait(lambda: child.driver.find_elements(By.CSS_SELECTOR, GO_ON), "signed in as, not you?")
    child.wait(lambda: child.driver.find_element(By.CSS_SELECTOR, GO_ON).is_enabled(), "the button")
    press(child, GO_ON)
    child.driver.switch_to.window(book)
    child.wait(lambda: child.name() == name, "signed in")
