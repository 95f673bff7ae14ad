"""A device with a wrong clock, a network that answers in the gateway's place: explained, and nothing lost."""

from collections.abc import Iterator

import pytest

from tests.browser.certificates import Certificates
from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.browser.portal import Portal, portal_serving
from tests.browser.reader import Reader, RefusedError
from tests.browser.setting import Mode, Setting

DAY = 1440  # minutes
CLOCK, NETWORK = "hostile-clock.html", "hostile-network.html"


# --- clocks


@pytest.mark.parametrize(
    ("setting", "minutes", "tokens"),
    [
        pytest.param(Setting.CHROMIUM, DAY, False, id="chromium-a-day-ahead"),
        pytest.param(Setting.CHROMIUM, -DAY, True, id="chromium-tokens-a-day-behind"),
        pytest.param(Setting.CHROMIUM, 10, True, id="chromium-tokens-ten-minutes-ahead"),
        pytest.param(Setting.FIREFOX, -DAY, False, id="firefox-a-day-behind"),
        pytest.param(Setting.WEBKIT, DAY, False, id="webkit-a-day-ahead"),
        pytest.param(Setting.WEBKIT, -DAY, False, id="webkit-a-day-behind"),
    ],
)
def test_a_wrong_clock(
    house: House,
    reader: Reader,
    setting: Setting,
    minutes: int,
    tokens: bool,  # ruff: ignore[boolean-type-hint-positional-argument]  # a row of the table
) -> None:
    page = house.book(TRUSTED, CLOCK) + f"?minutes={minutes}" + ("&tokens" if tokens else "")
    reader.open(page)
    reader.sign_in("Ann", own_device=True)
    assert reader.name() == "Ann"
    assert reader.mode() == (Mode.DPOP if tokens else next(iter(setting.modes)))
    reader.book("book.save('lesson', 'at an odd time')")
    reader.until_saved()
    reader.driver.get("about:blank")
    reader.open(page)
    assert reader.name() == "Ann"
    assert reader.book("book.load('lesson')") == "at an odd time"
    reader.book("book.save('lesson', 'later')")
    reader.until_saved()
    assert reader.driver.execute_script("return nonces") <= 2, "the clock is learnt, not asked for each time"
    reader.sign_out()
    assert reader.name() is None


@pytest.mark.parametrize("setting", [Setting.CHROMIUM, Setting.WEBKIT], ids=lambda setting: setting.label)
def test_a_clock_that_is_set_in_mid_page(house: House, reader: Reader) -> None:
    """What was learnt of the clock is wrong at once: only the gateway's nonce can say so."""
    reader.open(house.book(TRUSTED, CLOCK) + "?minutes=0&tokens")
    reader.sign_in("Ash", own_device=True)
    assert reader.mode() == Mode.DPOP
    reader.driver.execute_script("shift = -arguments[0] * 60000", DAY)
    reader.book("book.save('lesson', 'after it')")
    reader.until_saved()
    assert reader.driver.execute_script("return nonces") >= 1
    assert reader.book("book.load('lesson')") == "after it"


# --- networks


@pytest.fixture
def portal(certificates: Certificates) -> Iterator[Portal]:
    with portal_serving(certificates.context()) as server:
        yield server


@pytest.mark.parametrize(
    ("setting", "status", "readable"),
    [
        pytest.param(Setting.CHROMIUM, 200, True, id="chromium-200"),
        pytest.param(Setting.CHROMIUM, 502, True, id="chromium-502"),
        pytest.param(Setting.CHROMIUM, 200, False, id="chromium-unreadable"),
        pytest.param(Setting.FIREFOX, 200, True, id="firefox-200"),
        pytest.param(Setting.WEBKIT, 200, True, id="webkit-200"),
        pytest.param(Setting.WEBKIT, 502, True, id="webkit-502"),
    ],
)
def test_html_in_the_gateways_place(
    house: House,
    reader: Reader,
    portal: Portal,
    status: int,
    readable: bool,  # ruff: ignore[boolean-type-hint-positional-argument]  # a row of the table
) -> None:
    portal.status, portal.readable = status, readable
    reader.open(house.book(TRUSTED, NETWORK))
    reader.sign_in("Bel", own_device=True)
    reader.book("book.save('lesson', 'at home')")
    reader.until_saved()

    reader.driver.execute_script("window.portal = arguments[0]", portal.address)  # in the middle of a page
    reader.book("book.save('lesson', 'in the hotel')")
    reader.wait(lambda: reader.book("book.status")["state"] == "waiting", "waiting")
    assert reader.shown("status").text == "1 change waiting on this device"
    assert reader.name() == "Bel"

    reader.open(house.book(TRUSTED, NETWORK) + f"?portal={portal.address}")  # and from its beginning
    assert reader.name() == "Bel"
    assert reader.mode() is None, "nobody says so now"
    assert reader.book("book.reachable") is False
    reader.wait(lambda: "cannot be reached" in reader.shown("note").text, "the reader is told")
    assert reader.book("book.load('lesson')") == "in the hotel"
    with pytest.raises(RefusedError):
        reader.book("book.signOut()")

    reader.open(house.book(TRUSTED, NETWORK))  # back at home
    reader.until_saved()
    assert reader.name() == "Bel"
    reader.reload()
    assert reader.book("book.load('lesson')") == "in the hotel"


def test_nobody_is_signed_in_by_a_page_of_html(house: House, reader: Reader, portal: Portal) -> None:
    reader.open(house.book(TRUSTED, NETWORK))
    reader.driver.execute_script("window.portal = arguments[0]", portal.address)
    reader.sign_in("Cat")
    assert reader.name() is None
    assert reader.book("book.error.code") == "bad_answer"
    reader.wait(lambda: "Does this network ask" in reader.shown("note").text, "the reader is told")
    reader.driver.execute_script("window.portal = null")
    reader.sign_in("Cat")
    assert reader.name() == "Cat"


@pytest.mark.parametrize("setting", [Setting.WEBKIT], ids=["webkit"])
def test_a_token_that_ended_behind_a_page_of_html(house: House, reader: Reader, portal: Portal) -> None:
    """Only the gateway can say that a reader is signed out: its refresh token is kept until then."""
    reader.open(house.book(TRUSTED, NETWORK))
    reader.sign_in("Fay", own_device=True)
    assert reader.mode() == Mode.DPOP
    reader.open(house.book(TRUSTED, NETWORK) + f"?hours=1&portal={portal.address}")
    assert reader.name() == "Fay"
    reader.open(house.book(TRUSTED, NETWORK) + "?hours=1")
    assert reader.name() == "Fay"
    assert reader.mode() == Mode.DPOP
