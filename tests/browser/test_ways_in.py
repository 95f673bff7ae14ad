"""Where a popup is not the way in: installed apps, browsers inside apps, script that got into a book."""

import pytest

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Mode

# As somebody else's script would: without its cookie a sign-in is confirmed in token mode.
KEEPS_THE_COOKIE_BACK = """
const {fetch} = window;
const omitting = (init) => ({...init, credentials: 'omit'});
window.fetch = (url, init) => fetch(url, url.endsWith('/auth/confirm') ? omitting(init) : init);
"""


def test_an_installed_app_goes_by_redirect(house: House, new_reader: NewReader) -> None:
    reader = new_reader(installed=True)
    reader.open(house.book(TRUSTED))
    reader.click("sign-in")
    reader.go_through_redirect(house.book(TRUSTED), "Ines")
    assert len(reader.driver.window_handles) == 1


@pytest.mark.parametrize(
    "agent",
    [
        pytest.param(
            "Mozilla/5.0 (Linux; Android 15; Pixel; wv) Chrome/156 Mobile Safari/537.36", id="Android"
        ),
        pytest.param("Mozilla/5.0 (iPhone; CPU iPhone OS 26_0) AppleWebKit/605 Mobile/15E148", id="iOS"),
    ],
)
def test_a_browser_inside_an_app_cannot_sign_in_and_says_what_can(
    house: House, reader: Reader, agent: str
) -> None:
    reader.cdp("Emulation.setUserAgentOverride", userAgent=agent)
    page = house.book(TRUSTED)
    reader.open(page)
    reader.click("sign-in")
    reader.wait(lambda: "Open the book in your browser" in reader.shown("note").text)
    assert (reader.driver.current_url, len(reader.driver.window_handles)) == (page, 1)
    assert reader.book("book.error.code") == "in_app"


def test_token_mode_after_cookie_mode_takes_a_click_at_the_gateway(house: House, reader: Reader) -> None:
    """A sign-in without a click makes no token here any more; the client asks again, with a click."""
    reader.open(house.book(TRUSTED))
    reader.sign_in("Jan", own_device=True)
    assert reader.mode() == Mode.COOKIE
    reader.click("sign-out-here")
    reader.wait(lambda: reader.name() is None)
    reader.driver.execute_script(KEEPS_THE_COOKIE_BACK)
    reader.sign_in()
    assert (reader.name(), reader.book("book.error.code")) == (None, "interaction_required")
    assert reader.shown("note").text
    clicks = reader.clicks
    reader.sign_in()
    assert (reader.name(), reader.mode()) == ("Jan", Mode.DPOP)
    assert reader.clicks - clicks == 2, "sign in, and yes"
