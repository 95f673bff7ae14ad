"""Where signing in is harder, in all seven settings: isolated pages, no popup, frames, localhost."""

from collections.abc import Iterator

import pytest

from tests import dev_process
from tests.browser.book_server import ROOT, BookServer
from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import BY_ISOLATED_PROVIDER, LMS, TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Engine, Setting
from tests.browser.way_through import assert_keeps, assert_signed_in

SEVEN = pytest.mark.parametrize("setting", Setting, ids=lambda setting: setting.label)
# WebKit takes no Secure cookie over plain HTTP.
PLAIN_HTTP = [setting for setting in Setting if setting.engine is not Engine.WEBKIT]

PAGE = "watched.html"


@SEVEN
def test_a_book_that_isolates_itself(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(TRUSTED, f"coop/{PAGE}"))
    reader.sign_in(ada)
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")


@SEVEN
def test_a_provider_that_isolates_its_pages(house: House, reader: Reader, ada: str) -> None:
    reader.open(house.book(BY_ISOLATED_PROVIDER, PAGE))
    reader.sign_in(ada)
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")


@SEVEN
def test_a_blocked_popup(house: House, new_reader: NewReader, ada: str) -> None:
    reader = new_reader(block_popups=True)
    unasked = house.book(TRUSTED, "unasked.html")
    reader.driver.get(unasked)
    reader.go_through_redirect(unasked, ada)
    assert len(reader.driver.window_handles) == 1
    reader.open(house.book(TRUSTED, PAGE))
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")


@SEVEN
def test_a_book_in_a_frame(house: House, reader: Reader, ada: str) -> None:
    reader.open_framed(f"{house.book(LMS, 'lms.html')}?book={house.book(TRUSTED, PAGE)}")
    reader.sign_in(ada, own_device=True)
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")
    reader.open(house.book(TRUSTED, PAGE))
    if reader.name() is None:  # a frame has storage and cookies of its own
        reader.sign_in()
    assert_signed_in(reader, ada)
    assert reader.book("book.load('lesson')") == "kept"


@SEVEN
@pytest.mark.parametrize(
    ("page", "name"),
    [
        pytest.param("lms.html", BY_ISOLATED_PROVIDER, id="by the provider"),
        pytest.param("coop/lms.html", TRUSTED, id="by the platform"),
    ],
)
def test_a_book_in_a_frame_whose_popup_is_severed(
    house: House, reader: Reader, ada: str, page: str, name: str
) -> None:
    book = house.book(name, PAGE)
    reader.open_framed(f"{house.book(LMS, page)}?book={book}")
    reader.sign_in(ada, until=lambda: reader.name() == ada or reader.offered_tab() is not None)
    if reader.name() is None:
        assert reader.offered_tab() == book
        reader.open(book)
        if reader.name() is None:
            reader.sign_in(ada)
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")


@SEVEN
def test_a_book_on_localhost(house: House, reader: Reader, ada: str) -> None:
    reader.open(f"{house.at_home.origin('localhost')}/{PAGE}")
    reader.sign_in(ada)
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a book on localhost that uses the gateway of `bookgate dev`, over plain HTTP."""
    state = tmp_path_factory.mktemp("dev")
    with (
        dev_process.running(ROOT / "examples" / "book", state) as demo,
        BookServer.serving(demo.gateway) as server,
    ):
        yield server.origin("localhost")


@pytest.mark.parametrize("setting", PLAIN_HTTP, ids=lambda setting: setting.label)
def test_a_book_and_a_gateway_over_plain_http(at_home: str, reader: Reader, ada: str) -> None:
    reader.open(f"{at_home}/{PAGE}")
    reader.sign_in(ada)
    assert_signed_in(reader, ada)
    assert_keeps(reader, "kept")
