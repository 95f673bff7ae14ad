"""A book with a copy of the client stands alone; a reader who is known signs in without a question."""

import shutil
from pathlib import Path

import pytest

from tests.browser.book_server import ROOT
from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, ASKED, TRUSTED
from tests.browser.reader import Reader

PAGE = """<!doctype html>
<title>A book with a copy of the client</title>
<meta name="bookgate-gateway" content="{gateway}">
<script type="module" src="bookgate/bookgate-local.js"></script>
<bookgate-sign-in></bookgate-sign-in>
"""
CAME_FROM = "performance.getEntriesByType('resource').map((entry) => entry.name)"


@pytest.fixture
def page(house: House, tmp_path: Path) -> str:
    tree = tmp_path / "book"
    shutil.copytree(ROOT / "client", tree / "bookgate")
    (tree / "index.html").write_text(PAGE.format(gateway=house.gateway), encoding="utf-8")
    house.books.trees["standing"] = tree
    return f"{house.books.origin(TRUSTED)}/standing/index.html"


def away(reader: Reader, *addresses: str) -> None:
    """Nothing at these addresses answers any more; none: all of them do again."""
    reader.cdp("Network.enable")
    reader.cdp("Network.setBlockedURLs", urls=list(addresses))
    if not addresses:
        reader.driver.execute_script("dispatchEvent(new Event('online'))")


def test_work_is_kept_while_the_gateway_is_away(house: House, reader: Reader, page: str) -> None:
    away(reader, f"{house.gateway}/*")
    reader.open(page)
    assert (reader.book("book.reachable"), reader.name()) == (False, None)
    reader.book("book.save('a', 'alone')")
    assert reader.book("book.load('a')") == "alone"
    assert reader.book("book.status")["unclaimed"] == 1

    away(reader)
    reader.sign_in("Ute", own_device=True)
    reader.click("keep")
    reader.until_saved()

    reader.open(page)
    assert (reader.name(), reader.book("book.load('a')")) == ("Ute", "alone")
    assert f"{house.gateway}/bookgate.js" in reader.book(CAME_FROM)
    assert not [name for name in reader.book(CAME_FROM) if name.endswith("/bookgate/bookgate.js")]

    away(reader, f"{house.gateway}/*")
    reader.open(page)
    assert (reader.name(), reader.mode()) == ("Ute", None)
    reader.book("book.save('a', 'alone again')")
    assert reader.book("book.status")["waiting"] == 1
    away(reader)
    reader.until_saved()


def test_a_reader_who_is_known_signs_in_without_a_question(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    assert reader.book("book.signInSilently()") is None, "nobody is known yet"
    assert reader.book("book.error") is None
    reader.sign_in("Vic", own_device=True)

    reader.open(house.book(ALSO_TRUSTED))
    clicks = reader.clicks
    assert reader.name() is None
    assert reader.book("book.signInSilently()")["name"] == "Vic"
    assert (reader.name(), reader.clicks) == ("Vic", clicks)

    reader.open(house.book(ASKED))
    assert reader.book("book.signInSilently()") is None, "this one is asked about first"
    assert len(reader.driver.window_handles) == 1
