"""Forged answers to a book that waits for one: by openers, frames and popups, the right state guessed or not.

A page of the book's own origin is the book: what such a page says over a BroadcastChannel is no forgery.
"""

import json
import time
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.by import By

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import DENIED, TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Setting

SETTINGS = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.FIREFOX, Setting.WEBKIT], ids=lambda setting: setting.label
)
BOOK, FORGER = "hostile-watched.html", "hostile-forger.html"
POPUP_THERE = "return Boolean(globalThis.popup)"
STATE = "return new URL(globalThis.openedAt).searchParams.get('state')"
ADVERTISE = "document.body.append(Object.assign(document.createElement('iframe'), {src: arguments[0]}))"


def wait_for_popup(reader: Reader) -> str:
    """The reader has clicked; the answer is the state, which nobody should be able to guess."""
    reader.click("sign-in")
    reader.wait(lambda: reader.driver.execute_script(POPUP_THERE), "a popup")
    return str(reader.driver.execute_script(STATE))


def forgeries(house: House, state: str) -> list[dict[str, str]]:
    answer = {"code": "forged", "state": state, "iss": house.gateway}
    return [
        answer,
        {**answer, "state": "guessed"},
        {**answer, "iss": house.books.origin(DENIED)},
        {"error": "access_denied", "state": state, "iss": house.gateway},
    ]


def assert_still_waiting(reader: Reader) -> None:
    time.sleep(0.5)
    assert reader.driver.execute_script("return globalThis.exchanged") == []
    assert reader.book("book.signingIn") is True
    assert reader.book("book.error") is None
    assert reader.name() is None


def finish(reader: Reader, name: str) -> None:
    """The popup was led away: the reader closes it and clicks again."""
    reader.driver.execute_script("popup.close()")
    reader.sign_in(name)
    assert reader.name() == name


@SETTINGS
def test_forged_answers(house: House, reader: Reader) -> None:
    """From a page that opened the book, from one inside the book, from one in the book's own popup."""
    book = house.book(TRUSTED, BOOK)
    reader.driver.get(f"{house.book(DENIED, FORGER)}?{urlencode({'book': book})}")
    forger = reader.driver.current_window_handle
    reader.driver.find_element(By.ID, "open").click()
    reader.wait(lambda: len(reader.driver.window_handles) == 2)
    victim = next(handle for handle in reader.driver.window_handles if handle != forger)
    reader.driver.switch_to.window(victim)
    reader.until_connected()
    state = wait_for_popup(reader)
    answers = forgeries(house, state)

    reader.driver.switch_to.window(forger)
    for answer in answers:
        reader.driver.execute_script("opened.postMessage(arguments[0], '*')", answer)
    reader.driver.switch_to.window(victim)
    assert_still_waiting(reader)

    page = f"{house.book(DENIED, FORGER)}?{urlencode({'answers': json.dumps(answers)})}"
    reader.driver.execute_script(ADVERTISE, page)
    assert_still_waiting(reader)

    reader.driver.execute_script("popup.location = arguments[0]", page)
    assert_still_waiting(reader)
    finish(reader, "Fee")


@SETTINGS
def test_an_answer_of_another_issuer(house: House, reader: Reader) -> None:
    """The window is the gateway's, the state is right, `iss` is not: a mix-up of two gateways."""
    reader.open(house.book(TRUSTED, BOOK))
    state = wait_for_popup(reader)
    # only a script on the gateway itself could say this, so the test is one
    book = reader.driver.current_window_handle
    popup = next(handle for handle in reader.driver.window_handles if handle != book)
    reader.driver.execute_script("popup.location = arguments[0]", f"{house.gateway}/auth/authorize")
    reader.driver.switch_to.window(popup)
    reader.wait(lambda: reader.driver.current_url.startswith(house.gateway), "on the gateway")
    say = "opener.postMessage(arguments[0], arguments[1])"
    for answer in forgeries(house, state)[1:3]:
        reader.driver.execute_script(say, answer, house.books.origin(TRUSTED))
    reader.driver.switch_to.window(book)
    assert_still_waiting(reader)
    finish(reader, "Gus")


def test_somebody_elses_code_over_the_return_page(house: House, new_reader: NewReader) -> None:
    """Who signs in with their own code in another's browser would see what is saved there afterwards."""
    mallory = new_reader("mallory")
    mallory.open(house.book(TRUSTED, "hostile-book.html"))
    mallory.sign_in("Mallory", own_device=True)
    code = mallory.book("silentCode().then(({fields}) => fields.code)")

    victim = new_reader("victim")
    victim.open(house.book(TRUSTED, BOOK))
    state = wait_for_popup(victim)
    book = victim.driver.current_window_handle
    for said in ("guessed", state):
        answer = urlencode({"code": code, "state": said, "iss": house.gateway})
        victim.driver.switch_to.new_window("tab")
        victim.driver.get(f"{house.book(TRUSTED, 'bookgate-return.html')}#{answer}")
        time.sleep(0.5)
        victim.driver.switch_to.window(book)
        if said == "guessed":
            assert_still_waiting(victim)
    victim.wait(lambda: not victim.book("book.signingIn"))
    assert victim.name() is None
    assert victim.book("book.error.code") == "invalid_grant"
