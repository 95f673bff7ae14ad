"""Guests: work is kept from the first save on, and is the reader's when they sign in and say so."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import OPEN, OPEN_ASKED
from tests.browser.reader import Reader
from tests.browser.setting import Mode, Setting
from tests.browser.way_through import assert_signed_in, read_by_page, tokens

SEVEN = pytest.mark.parametrize("setting", Setting, ids=lambda setting: setting.label)
ENGINES = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.FIREFOX, Setting.WEBKIT], ids=lambda setting: setting.label
)

PAGE = "watched.html"
SAVE = "book.save('lesson', arg)"
LOAD = "book.load('lesson')"
CLEARED = "(book.addEventListener('signedout', () => (document.title = 'cleared')), 1)"
# The key of the next sign-in, as the address of its window says it.
JKT = """new Promise((done) => setTimeout(done, 500)).then(() => new Promise((done) => {
  const open = window.open;
  window.open = (url) => { done(new URL(url).searchParams.get('dpop_jkt')); return null; };
  book.signIn({redirect: false}).catch(() => null).finally(() => (window.open = open));
}))"""
FORGET = """new Promise((done) => {
  sessionStorage.clear();
  const gone = indexedDB.deleteDatabase('bookgate ' + book.gateway);
  gone.onsuccess = gone.onblocked = () => done(1);
})"""


def begin(house: House, reader: Reader, value: object, name: str = OPEN) -> str:
    """A guest's first save, up to the gateway; who the guest is."""
    clicks = reader.clicks
    reader.open(house.book(name, PAGE))
    assert reader.book("book.user") is None
    assert reader.book("book.guests")
    reader.book(SAVE, value)
    reader.until_saved()
    assert_guest(reader)
    assert reader.clicks == clicks == 0, "a guest is asked nothing"
    return str(reader.book("book.user.sub"))


def assert_guest(reader: Reader) -> None:
    assert reader.book("book.user.guest")
    assert reader.name() is None or reader.book("book.user.name") is None
    assert reader.mode() in reader.setting.modes
    if reader.mode() == Mode.COOKIE:
        assert tokens(read_by_page(reader)) == []


def assert_reader(reader: Reader, name: str) -> None:
    """And a browser that came to take the cookie meanwhile has no token of the guest's left either."""
    reader.reload()
    assert_signed_in(reader, name)


def elsewhere(house: House, new_reader: NewReader, name: str, ada: str) -> Reader:
    """The same person in a profile that knows nothing."""
    other = new_reader("elsewhere")
    other.open(house.book(name, PAGE))
    other.sign_in(ada)
    assert other.name() == ada
    return other


def until_loads(reader: Reader, value: object) -> None:
    """At once, unless storage was away or slow: then what was a guest's comes later."""
    reader.wait(lambda: reader.book(LOAD) == value, f"{value} is loaded")


@SEVEN
def test_the_work_of_a_guest_who_signs_in_is_theirs(
    house: House, reader: Reader, new_reader: NewReader, ada: str
) -> None:
    guest = begin(house, reader, "first")
    reader.reload()
    assert reader.book("book.user.sub") == guest
    assert reader.book(LOAD) == "first"
    reader.restart()
    reader.open(house.book(OPEN, PAGE))
    if not reader.setting.keeps:
        assert reader.book("book.user") is None, "a private window forgets"
        assert reader.book(LOAD) is None
        begin(house, reader, "first")
    assert_guest(reader)
    assert reader.book(LOAD) == "first"

    reader.book(CLEARED)
    reader.sign_in(ada)
    assert reader.clicks == 2, "the button, and what becomes of the work"
    assert reader.driver.title != "cleared", "it is the reader's: it stays"
    until_loads(reader, "first")
    assert_reader(reader, ada)
    assert reader.book(LOAD) == "first"
    assert elsewhere(house, new_reader, OPEN, ada).book(LOAD) == "first"


@SEVEN
def test_a_guest_whose_work_is_not_who_signs_in_s(house: House, reader: Reader, ada: str) -> None:
    """The next pupil at a computer where a guest went away without a word."""
    begin(house, reader, "of the guest")
    reader.book(CLEARED)
    reader.keeps_guest_work = False
    reader.sign_in(ada)
    assert reader.name() == ada
    assert reader.driver.title == "cleared", "it is taken off the screen"
    assert reader.book("book.status.unclaimed") == 0
    assert reader.book(LOAD) is None
    assert_reader(reader, ada)
    assert reader.book(LOAD) is None
    assert not [text for text in read_by_page(reader) if "of the guest" in text]
    reader.sign_out()
    reader.reload()
    assert reader.book("book.user") is None, "the guest is gone too"
    begin_again(reader, "of another guest")
    assert reader.book(LOAD) == "of another guest"


def begin_again(reader: Reader, value: object) -> None:
    reader.book(SAVE, value)
    reader.until_saved()
    assert_guest(reader)


@ENGINES
def test_by_redirect_while_storage_is_away(
    house: House, reader: Reader, new_reader: NewReader, ada: str
) -> None:
    """What storage has, what waits on the device and what is merged later: all of it arrives."""
    begin(house, reader, "older", OPEN_ASKED)
    with house.programs["storage"].away():
        reader.book("book.save('offline', 'waits')")
        reader.wait(lambda: reader.book("book.status")["state"] == "waiting", "waits")
        reader.book("(book.signIn({redirect: true}), 1)")
        reader.go_through_redirect(house.book(OPEN_ASKED, PAGE), ada)
        assert_reader(reader, ada)
        assert reader.book("book.status.waiting") == 1
        assert reader.book("book.load('offline')") == "waits"
    until_loads(reader, "older")
    reader.until_saved()
    other = elsewhere(house, new_reader, OPEN_ASKED, ada)
    assert other.book("book.load('offline')") == "waits"
    assert other.book(LOAD) == "older"


@ENGINES
def test_the_return_code_at_another_device_and_a_sign_out(
    house: House, reader: Reader, new_reader: NewReader
) -> None:
    guest = begin(house, reader, "carried over")
    reader.click("show-code")
    reader.wait(lambda: reader.shown("note").text)
    code = reader.shown("note").text.partition("there: ")[2][:14]

    other = new_reader("phone")
    other.open(house.book(OPEN, PAGE))
    other.click("have-code")
    other.shown("code").send_keys(code.lower())
    other.click("go-on")
    other.wait(lambda: other.book("book.user") is not None, "goes on")
    assert_guest(other)
    assert other.book("book.user.sub") == guest
    assert other.book(LOAD) == "carried over"
    other.book(SAVE, "and back")
    other.until_saved()
    reader.reload()
    assert reader.book(LOAD) == "and back"

    reader.click("name")
    reader.wait(lambda: reader.shown(".menu p").is_displayed())
    assert "only the code" in reader.shown(".menu p").text
    reader.click("name")
    with house.programs["storage"].away():
        reader.book("book.save('late', 1)")
        reader.wait(lambda: reader.book("book.status")["state"] == "waiting", "waits")
        reader.click("sign-out")
        reader.wait(lambda: reader.shown("file").is_displayed(), "a file is offered")
        assert reader.book("book.user.guest")
    reader.until_saved()
    reader.click("sign-out")
    reader.wait(lambda: reader.book("book.user") is None)
    assert reader.book(LOAD) is None
    reader.reload()
    assert reader.book("book.user") is None
    other.reload()
    assert other.book("book.user.sub") == guest, "the other device stays"


@SEVEN
def test_a_second_tab_of_a_guest_who_signs_in(house: House, reader: Reader, ada: str) -> None:
    begin(house, reader, "of two tabs")
    first = reader.driver.current_window_handle
    reader.driver.switch_to.new_window("tab")
    reader.open(house.book(OPEN, PAGE))
    second = reader.driver.current_window_handle
    assert_guest(reader)
    reader.driver.switch_to.window(first)
    reader.sign_in(ada, own_device=True)
    assert_reader(reader, ada)
    reader.driver.switch_to.window(second)
    reader.wait(lambda: reader.name() == ada or not reader.book("book.user"), "the other tab knows")
    if reader.name() is None:
        assert reader.setting is Setting.WEBKIT_ITP, "its heuristic may give the cookie to one tab alone"
        reader.book("book.save('second', 2)")
        reader.wait(lambda: reader.shown("status").text == "Kept on this device only")
        reader.driver.switch_to.window(first)
        assert_reader(reader, ada)  # no guest began in the other
        return
    reader.book("book.save('second', 2)")
    reader.until_saved()
    until_loads(reader, "of two tabs")

    key = reader.book(JKT)
    reader.driver.switch_to.window(first)
    reader.sign_out()
    reader.driver.switch_to.window(second)
    reader.wait(lambda: reader.name() is None, "the other tab knows")
    assert reader.book(JKT) not in {key, None}, "the key is nobody's any more"


@ENGINES
def test_the_browser_forgets_while_a_guest_is_at_work(house: House, reader: Reader) -> None:
    guest = begin(house, reader, "forgotten")
    mode = reader.mode()
    reader.book(FORGET)
    reader.book("book.save('next', 'is kept')")
    reader.until_saved()
    reader.reload()
    if mode == Mode.COOKIE:
        assert reader.book("book.user.sub") == guest, "the cookie is not the page's to clear"
        assert reader.book(LOAD) == "forgotten"
        return
    assert reader.book("book.user") is None
    assert reader.book(LOAD) is None
    begin_again(reader, "anew")
    assert reader.book("book.user.sub") != guest


@ENGINES
def test_a_window_that_keeps_nothing(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(OPEN, "forgetful.html"))
    assert not reader.book("book.status.kept")
    reader.book(SAVE, "of now")
    reader.until_saved()
    assert_status(reader, lambda words: words.startswith("Saved"))
    warned = "This window forgets you" in reader.shown("note").text
    assert warned == (reader.mode() == Mode.DPOP), "a cookie stays, a token in the page does not"
    with house.programs["storage"].away():
        reader.book("book.save('late', 1)")
        assert_status(reader, lambda words: words == "1 change not sent yet: keep this page open")
    reader.until_saved()
    reader.sign_in(ada)
    assert reader.name() == ada
    assert reader.book(LOAD) == "of now"


def assert_status(reader: Reader, condition: Callable[[str], bool]) -> None:
    reader.wait(lambda: condition(reader.shown("status").text), "status")
