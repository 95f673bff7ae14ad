"""WebSockets and event streams of a book: in both modes, as one reader, for as long as the session."""

import pytest

from tests.browser.house import House
from tests.browser.names import SHELF, TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Mode, Setting

pytestmark = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.FIREFOX, Setting.WEBKIT], ids=lambda setting: setting.label
)

PAGE = "live.html"


def enter(reader: Reader, *protocols: str) -> dict[str, object]:
    """What the service says of the socket, the subprotocol chosen, and how many tickets were offered."""
    entered: dict[str, object] = reader.book("enter(book, arg)", list(protocols))
    return entered


def says_back(reader: Reader, words: str) -> None:
    reader.book("socket.send(arg)", words)
    reader.wait(lambda: reader.book("live.said.at(-1)") == words, "said back")


def listen(reader: Reader) -> None:
    """A stream that broke off twice, and now stays."""
    reader.book("listen(book)")
    reader.wait(lambda: reader.book("live.counted.length") == 6, "six events")


def until_cut(reader: Reader) -> None:
    reader.wait(lambda: reader.book("live.cut") == 4401, "the socket is cut")
    reader.wait(lambda: reader.book("live.over") == "login_required", "the stream is over")
    assert reader.book("stream.readyState") == 2


def test_they_are_the_reader_s(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in(ada, own_device=True)
    token_mode = reader.mode() == Mode.DPOP
    entered = enter(reader, "v9.page", "v2.page")
    assert entered["protocol"] == "v2.page"
    assert str(entered["offered"]).replace(" ", "") == "v9.page,v2.page", "nothing of the gateway's"
    assert entered["person"] == reader.book("book.user.sub")
    assert entered["tickets"] == int(token_mode)
    says_back(reader, "wörk")
    again = reader.book("offerAgain()")
    assert again == ("refused" if token_mode else "opened"), "a ticket is good once"
    says_back(reader, "still here")
    assert enter(reader)["protocol"] == "bookgate", "a page that names none"

    listen(reader)
    sub = entered["person"]
    assert reader.book("live.counted") == [[str(n), {"number": n, "person": sub}] for n in range(1, 7)]
    assert reader.book("[live.breaks, live.over, stream.readyState]") == [2, None, 1]


def test_both_end_with_the_session_here_and_in_another_tab(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(TRUSTED, PAGE))
    reader.sign_in(ada, own_device=True)
    enter(reader)
    listen(reader)
    first = reader.driver.current_window_handle
    reader.driver.switch_to.new_window("tab")
    reader.open(house.book(TRUSTED, PAGE))
    assert reader.name() == ada
    enter(reader)
    listen(reader)
    reader.sign_out()
    until_cut(reader)
    reader.driver.close()
    reader.driver.switch_to.window(first)
    until_cut(reader)
    assert reader.name() is None


def test_two_books_of_one_origin(house: House, reader: Reader, ada: str) -> None:
    """One session, and each page's socket and work are of its own book."""
    first, second = house.book(SHELF, f"cs1/{PAGE}"), house.book(SHELF, f"logic/{PAGE}")
    reader.open(first)
    reader.sign_in(ada, own_device=True)
    for page, book in ((first, "ada-cs1"), (second, "ada-logic")):
        reader.open(page)
        assert (reader.name(), reader.book("book.id")) == (ada, book)
        assert enter(reader)["book"] == book
        assert reader.book("book.load('lesson')") is None
        reader.book("book.save('lesson', arg)", book)
        reader.until_saved()
    reader.open(first)
    assert reader.book("book.load('lesson')") == "ada-cs1"
