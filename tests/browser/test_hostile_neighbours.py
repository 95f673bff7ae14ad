"""Who shares a cookie's partition with a book (a frame, another port, a subdomain) gets nothing by it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode

import pytest

from tests.browser.book_server import BookServer
from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, ASKED, DENIED, LMS, SIBLING, TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Mode, Setting

NEIGHBOUR = "hostile-neighbour.html"
SECRET = "the diary of the reader"
ATTACK = """
const done = arguments[arguments.length - 1];
attack(arguments[0]).then(done, (error) => done({failed: String(error)}));
"""
SETTINGS = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.FIREFOX, Setting.WEBKIT], ids=lambda setting: setting.label
)
COOKIE_SETTINGS = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.FIREFOX], ids=lambda setting: setting.label
)
READ = {"session", "read", "list"}  # what the book's own page reads with its cookie
DONE = {"write", "writeAsVictim"}  # and does
SIGNS_OUT = "signOut"


def keep_secret(reader: Reader) -> dict[str, str]:
    """The reader has written something; the answer is what a neighbour may know: the book and an id."""
    reader.book("book.save('secret', arg)", SECRET)
    reader.until_saved()
    victim: dict[str, str] = reader.book("({origin: location.origin, sub: book.user.sub})")
    return victim


def attack(reader: Reader, victim: dict[str, str]) -> dict[str, str]:
    """What the page of the current window or frame learned, attack by attack."""
    results: dict[str, str] = reader.driver.execute_async_script(ATTACK, victim)
    assert "failed" not in results, results
    return results


def assert_learned_nothing(results: dict[str, str], victim: dict[str, str], name: str) -> None:
    assert len(results) > 20
    for word in (SECRET, victim["sub"], name):
        assert word not in json.dumps(results)
    served = {
        one: text for one, text in results.items() if text.startswith(("200", "201", "202", "204", "open"))
    }
    if "session" in served:
        assert json.loads(served.pop("session").partition(" ")[2])["user"] is None
    for one in [one for one in served if one.startswith(SIGNS_OUT)]:  # there was nothing of its own to end
        assert json.loads(served.pop(one).partition(" ")[2])["signed_out"] is None
    assert served == {}


def assert_unharmed(house: House, reader: Reader, name: str) -> None:
    """The reader's page is loaded again: signed in, with what was written."""
    assert reader.name() == name
    assert reader.book("book.load('secret')") == SECRET
    with closing(sqlite3.connect(house.folder / "storage.sqlite3")) as database:
        assert database.execute("select count(*) from versions where body like '%stolen%'").fetchone() == (0,)
    with closing(sqlite3.connect(house.folder / "analytics.sqlite3")) as database:
        assert database.execute("select count(*) from events where item = 'stolen'").fetchone() == (0,)


@SETTINGS
def test_frames_in_the_same_page(house: House, reader: Reader) -> None:
    """One that policy denies, one whose readers it asks, one that it trusts: none of them is this book."""
    others = [house.book(name, NEIGHBOUR) for name in (DENIED, ASKED, ALSO_TRUSTED)]
    asked = urlencode({"book": house.book(TRUSTED), "other": others}, doseq=True)
    reader.open_framed(f"{house.book(LMS, 'hostile-lms.html')}?{asked}")
    reader.sign_in("Ada")
    victim = keep_secret(reader)
    window = reader.driver.current_window_handle
    for frame in range(1, 1 + len(others)):
        reader.driver.switch_to.window(window)
        reader.driver.switch_to.frame(frame)
        assert_learned_nothing(attack(reader, victim), victim, "Ada")
    reader.driver.switch_to.window(window)
    reader.reload()
    assert_unharmed(house, reader, "Ada")


@COOKIE_SETTINGS
def test_a_subdomain(house: House, reader: Reader, setting: Setting) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Bo")
    victim = keep_secret(reader)
    reader.driver.get(house.book(SIBLING, NEIGHBOUR))
    assert_learned_nothing(attack(reader, victim), victim, "Bo")
    reader.open(house.book(TRUSTED))
    assert_unharmed(house, reader, "Bo")


@pytest.fixture
def next_port(house: House) -> Iterator[str]:
    """Another program on the reader's machine, which policy lets ask as it does any loopback origin."""
    with BookServer.serving(house.gateway) as server:
        yield server.origin("localhost")


@COOKIE_SETTINGS
def test_another_port_of_localhost(house: House, reader: Reader, next_port: str) -> None:
    book = f"{house.at_home.origin('localhost')}/plain.html"
    reader.open(book)
    reader.sign_in("Cy", own_device=True)
    assert reader.mode() == Mode.COOKIE
    victim = keep_secret(reader)
    reader.driver.get(f"{next_port}/{NEIGHBOUR}")
    assert_learned_nothing(attack(reader, victim), victim, "Cy")
    reader.open(book)
    assert_unharmed(house, reader, "Cy")


def test_the_attacks_are_real(house: House, reader: Reader) -> None:
    """From the book's own origin most of them do what the neighbours wanted."""
    reader.open(house.book(TRUSTED))
    reader.sign_in("Di")
    victim = keep_secret(reader)
    reader.driver.get(house.book(TRUSTED, NEIGHBOUR))
    results = attack(reader, victim)
    for one in READ:
        assert results[one].startswith("200"), results
    for one in DONE:
        assert results[one][:3] in {"200", "204"}, results
    assert '"signed_out":"browser"' in results[SIGNS_OUT].replace(" ", ""), results
    # without an Origin the cookie is nobody's, even here
    for one in ("script", "image", "style"):
        assert not results[one].startswith("load"), results
    for one in ("sandboxed", "frameOfAccount"):
        assert SECRET not in results[one]
        assert "Di" not in results[one]
