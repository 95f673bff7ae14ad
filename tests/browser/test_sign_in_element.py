"""<bookgate-sign-in> by keyboard, in the reader's language, and with words of the page's own."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.browser.reader import Reader

FOCUSED = "return document.querySelector('bookgate-sign-in').shadowRoot.activeElement?.id ?? null"
IN_GERMAN = "(document.documentElement.lang = 'de', document.querySelector('bookgate-sign-in').attach(book))"
OWN_WORDS = """document.querySelector('bookgate-sign-in').texts =
  {signIn: 'Log in', saved: ({time}) => `Ok ${time}`}"""
MEASURED = """return [...document.querySelector('bookgate-sign-in').shadowRoot.querySelectorAll('button, a')]
  .map((one) => one.getBoundingClientRect()).filter(({width}) => width > 0)
  .every(({width, height}) => width >= 44 && height >= 44)"""


def press(reader: Reader, *keys: str) -> str | None:
    for key in keys:
        reader.driver.switch_to.active_element.send_keys(key)
    focused = reader.driver.execute_script(FOCUSED)
    return None if focused is None else str(focused)


def is_open(reader: Reader) -> bool:
    return reader.shown("name").get_attribute("aria-expanded") == "true"


def test_the_menu_by_keyboard(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    assert reader.driver.execute_script(MEASURED)
    reader.sign_in("Uta")
    reader.driver.execute_script("arguments[0].focus()", reader.shown("name"))
    press(reader, Keys.ARROW_DOWN)
    reader.wait(lambda: is_open(reader))
    assert press(reader) == "account"
    assert reader.shown("account").get_attribute("href") == f"{house.gateway}/auth/account"
    assert reader.driver.execute_script(MEASURED)
    assert press(reader, Keys.ARROW_DOWN) == "sign-out"
    assert press(reader, Keys.END) == "sign-out-here"
    assert press(reader, Keys.ARROW_DOWN) == "account"
    assert press(reader, Keys.ARROW_UP) == "sign-out-here"
    assert press(reader, Keys.HOME, "s") == "sign-out"
    assert press(reader, Keys.ESCAPE) == "name"
    assert not is_open(reader)
    assert press(reader, Keys.ARROW_UP) == "sign-out-here"
    reader.driver.find_element(By.TAG_NAME, "h1").click()
    assert not is_open(reader)
    reader.click("sign-out-here")
    reader.wait(lambda: reader.name() is None)
    reader.wait(lambda: press(reader) == "sign-in")


def test_the_reader_s_language_and_the_page_s_own_words(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.wait(lambda: reader.shown("sign-in").text == "Sign in")
    reader.book(IN_GERMAN)
    reader.wait(lambda: reader.shown("sign-in").text == "Anmelden")
    reader.driver.execute_script(OWN_WORDS)
    assert reader.shown("sign-in").text == "Log in"
    reader.sign_in("Vera")
    reader.book("book.save('worded', 1)")
    reader.wait(lambda: reader.shown("status").text.startswith("Ok "))
