"""The whole protocol in all seven settings: in, back, a second book, the browser closed and opened, out."""

import pytest

from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, ASKED, TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Setting
from tests.browser.way_through import assert_keeps, assert_signed_in

pytestmark = pytest.mark.parametrize("setting", Setting, ids=lambda setting: setting.label)

PAGE = "watched.html"


def test_popup_reload_second_book_and_sign_out_of_all(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in(ada, own_device=True)
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")
    assert_signed_in(reader, ada)
    first = reader.book("book.user.sub")

    reader.open(house.book(ALSO_TRUSTED, PAGE))
    assert reader.name() is None
    clicks = reader.clicks
    reader.sign_in()
    assert reader.clicks - clicks == 1, "known at the gateway: the popup comes and goes"
    assert_signed_in(reader, ada)
    assert reader.book("book.user.sub") != first, "books cannot compare their readers"
    assert reader.book("book.load('lesson')") is None

    reader.sign_out()
    reader.open(house.book(TRUSTED, PAGE))
    assert reader.name() is None, "signed out of every book"


def test_sign_out_of_one_book(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in(ada, own_device=True)
    reader.open(house.book(ASKED, PAGE))
    reader.sign_in(own_device=True)
    assert_signed_in(reader, ada)
    reader.sign_out()
    assert reader.name() is None
    reader.reload()
    assert reader.name() is None
    reader.open(house.book(TRUSTED, PAGE))
    assert_signed_in(reader, ada)


def test_clicks(house: House, reader: Reader, ada: str) -> None:
    """On a shared device, where more is asked than on one's own."""

    def clicks_of_sign_in(page: str, name: str | None = None) -> int:
        reader.open(page)
        reader.clicks = 0
        reader.sign_in(name, hurried=False)
        assert reader.name() == ada
        return reader.clicks

    trusted, asked = house.book(TRUSTED, PAGE), house.book(ASKED, PAGE)
    assert clicks_of_sign_in(trusted, ada) == 1, f"a trusted book, the first time: {reader.answered}"
    assert reader.clicks_at_provider == 1
    assert clicks_of_sign_in(asked) == 2, "a book that must ask, the first time"
    assert clicks_of_sign_in(house.book(ALSO_TRUSTED, PAGE)) == 1, "a second book"
    reader.open(asked)
    assert reader.name() == ada, "a sign-in that is remembered"
    reader.sign_out()
    assert clicks_of_sign_in(asked) == 1, "a book that has asked before"
    assert reader.clicks_at_provider == 1


def test_full_page_redirect(house: House, reader: Reader, ada: str) -> None:
    page = house.book(TRUSTED, PAGE) + "?chapter=2#part"
    reader.open(page)
    reader.book("(book.signIn({redirect: true}), 1)")
    reader.go_through_redirect(house.book(TRUSTED, PAGE), ada)
    assert_signed_in(reader, ada)
    assert reader.driver.current_url == page
    assert len(reader.driver.window_handles) == 1
    assert_keeps(reader, "kept")


def test_restart_on_ones_own_device(house: House, reader: Reader, setting: Setting, ada: str) -> None:
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in(ada, own_device=True)
    assert_keeps(reader, "kept")
    reader.restart()
    reader.open(house.book(TRUSTED, PAGE))
    if not setting.keeps:
        assert reader.name() is None, "a private window forgets"
        reader.sign_in(ada)
    assert_signed_in(reader, ada)
    assert reader.book("book.load('lesson')") == "kept"


def test_restart_on_a_shared_device(house: House, reader: Reader, ada: str, ben: str) -> None:
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in(ada)
    assert_keeps(reader, "kept")
    assert_signed_in(reader, ada)
    reader.restart()
    reader.open(house.book(TRUSTED, PAGE))
    assert reader.name() is None
    assert reader.book("book.load('lesson')") is None, "nothing of hers is left on the screen"
    reader.sign_in(ben)
    assert_signed_in(reader, ben)
    assert reader.book("book.load('lesson')") is None
