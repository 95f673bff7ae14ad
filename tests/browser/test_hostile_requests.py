"""A hostile page asks for another book's code, shows our pages in frames, has them fetched ahead."""

import json
import time
from urllib.parse import parse_qsl, urlencode

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from tests.browser.house import House
from tests.browser.names import ASKED, DENIED, TRUSTED
from tests.browser.reader import Reader
from tests.browser.setting import Setting
from tests.system.reader import Flow

SETTINGS = pytest.mark.parametrize(
    "setting", [Setting.CHROMIUM, Setting.FIREFOX, Setting.WEBKIT], ids=lambda setting: setting.label
)
CLICK_AND_OPEN = """
const link = Object.assign(document.createElement("button"), {id: "open", textContent: "Win"});
link.style.cssText = "position: fixed; top: 0; left: 0; width: 300px; height: 100px";
const address = arguments[0];
link.onclick = () => { globalThis.opened = open(address, "victim", "popup,width=500,height=600"); };
document.body.append(link);
"""
OF_OURS = "form, .site, #allow, #go"  # a browser's own page may stand there instead
AHEAD = """
const address = arguments[0];
const rules = document.createElement("script");
rules.type = "speculationrules";
rules.textContent = JSON.stringify({
  prefetch: [{urls: [address], eagerness: "immediate"}],
  prerender: [{urls: [address], eagerness: "immediate"}],
});
document.head.append(rules);
for (const rel of ["prefetch", "prerender", "preload"]) {
  document.head.append(Object.assign(document.createElement("link"), {rel, href: address, as: "document"}));
}
"""


def authorize(house: House, flow: Flow, **more: str) -> str:
    return f"{house.gateway}/auth/authorize?{flow.query(**more)}"


def known_at_the_gateway(house: House, reader: Reader, name: str) -> None:
    """Signed in on the person's own device: the gateway would hand a trusted book its code at once."""
    reader.open(house.book(TRUSTED))
    reader.sign_in(name, own_device=True)


def requests_of_pages(house: House) -> list[tuple[str, int]]:
    """What our own pages were asked for and answered, in order: method and status."""
    lines = [json.loads(line) for line in house.log("gateway").splitlines() if line.startswith("{")]
    return [(one["method"], one["status"]) for one in lines if one.get("route") == "page"]


def until_answered(house: House, reader: Reader, answer: tuple[str, int], times: int, why: str = "") -> None:
    """So often in all; the log is written a moment after the answer."""
    reader.wait(lambda: requests_of_pages(house).count(answer) >= times, why)
    assert requests_of_pages(house).count(answer) == times, why


def heard(reader: Reader) -> str:
    found: list[str] = reader.driver.execute_script("return globalThis.heard")
    return " ".join(found)


@SETTINGS
def test_a_code_for_another_origin_by_a_popup(house: House, reader: Reader) -> None:
    """The message is for the client's own origin: an opener of another one hears nothing."""
    known_at_the_gateway(house, reader, "Ida")
    reader.driver.get(house.book(DENIED, "hostile-asker.html"))
    page = reader.driver.current_window_handle
    flow = Flow(house.books.origin(TRUSTED), key=None)
    reader.driver.execute_script(CLICK_AND_OPEN, authorize(house, flow))
    before = requests_of_pages(house)
    reader.driver.find_element(By.ID, "open").click()
    reader.wait(lambda: len(requests_of_pages(house)) > len(before), "authorize was asked")
    time.sleep(1)
    reader.driver.switch_to.window(page)
    assert "code" not in heard(reader)
    assert flow.state not in heard(reader)
    assert requests_of_pages(house)[-1] == ("GET", 200), "a code was made, and nobody heard it"


def test_return_pages_that_lead_elsewhere(house: House, reader: Reader) -> None:
    """An open redirector on the book's own origin, every spelling of a way off: a page of ours says no."""
    known_at_the_gateway(house, reader, "Ivo")
    book, evil = house.books.origin(TRUSTED), house.books.origin(DENIED)
    asker = f"{evil}/hostile-asker.html"
    tricks = [
        asker,
        f"{evil}/bookgate-return.html",
        f"{book}/hostile-redirector.html?to={asker}",
        f"{book}/hostile-redirector.html?to={asker}&/bookgate-return.html",
        f"{book}/hostile-redirector.html?/bookgate-return.html",
        f"{book}/hostile-redirector.html#/bookgate-return.html",
        f"{book}//{DENIED}/bookgate-return.html",
        f"{book}/out/https://{DENIED}/bookgate-return.html",
        f"{book}/out//{DENIED}/bookgate-return.html",
        f"{book}/%2f{DENIED}/bookgate-return.html",
        f"{book}/%2e%2e/bookgate-return.html",
        f"{book}/a/../bookgate-return.html",
        f"{book}/./bookgate-return.html",
        f"{book}/a;b/bookgate-return.html",
        f"{book}/bookgate-return.html;a",
        f"{book}/Bookgate-Return.html",
        f"{book}/bookgate-return.html?to={asker}",
        f"{book}/bookgate-return.html#",
        f"{book}/bookgate-return.html/",
        f"{book}/xbookgate-return.html",
        f"{book}/\\{DENIED}/bookgate-return.html",
        f"{book}/\t/bookgate-return.html",
        f"{book}@{DENIED}/bookgate-return.html",
        f"{book}.{DENIED}/bookgate-return.html",
        f"{book.upper()}/bookgate-return.html",
        f"{book.replace('https', 'http')}/bookgate-return.html",
        "/bookgate-return.html",
        f"//{DENIED}/bookgate-return.html",
        "javascript:alert(1)//bookgate-return.html",
        "",
    ]
    refused = requests_of_pages(house).count(("GET", 400))
    for number, trick in enumerate(tricks, refused + 1):
        flow = Flow(book, mode="fragment", key=None)
        query = urlencode({**dict(parse_qsl(flow.query())), "redirect_uri": trick})
        reader.driver.get(f"{house.gateway}/auth/authorize?{query}")
        assert reader.driver.current_url.startswith(f"{house.gateway}/auth/authorize?"), trick
        until_answered(house, reader, ("GET", 400), number, trick)


def test_the_return_page_is_the_right_one(house: House, reader: Reader) -> None:
    """What the tricks are variations of does get a code, in the fragment that the return page takes away."""
    known_at_the_gateway(house, reader, "Jo")
    sent = requests_of_pages(house).count(("GET", 303))
    reader.driver.get(authorize(house, Flow(house.books.origin(TRUSTED), mode="fragment", key=None)))
    until_answered(house, reader, ("GET", 303), sent + 1)
    assert reader.driver.current_url == f"{house.books.origin(TRUSTED)}/bookgate-return.html"


@SETTINGS
def test_our_pages_in_frames(house: House, reader: Reader) -> None:
    """Signed in, so that each of them would show something to click on."""
    known_at_the_gateway(house, reader, "Kai")
    pages = [
        authorize(house, Flow(house.books.origin(ASKED), key=None)),
        authorize(house, Flow(house.books.origin(TRUSTED), key=None), prompt="consent"),
        f"{house.gateway}/auth/account",
        f"{house.gateway}/auth/logout",
        f"{house.gateway}/auth/doctor",
    ]
    reader.driver.get(
        f"{house.book(TRUSTED, 'hostile-frames.html')}?{urlencode({'frame': pages}, doseq=True)}"
    )
    for at in range(len(pages)):
        reader.driver.switch_to.default_content()
        reader.driver.switch_to.frame(at)
        assert reader.driver.find_elements(By.CSS_SELECTOR, OF_OURS) == [], pages[at]
        assert "Kai" not in reader.driver.page_source


def test_pages_that_are_fetched_ahead_make_no_code(house: House, reader: Reader) -> None:
    known_at_the_gateway(house, reader, "Lin")
    reader.driver.get(house.book(TRUSTED, "hostile-asker.html"))
    before = len(requests_of_pages(house))
    address = authorize(house, Flow(house.books.origin(TRUSTED), mode="fragment", key=None))
    reader.driver.execute_script(AHEAD, address)
    time.sleep(2)
    assert {status for _, status in requests_of_pages(house)[before:]} <= {403}


def test_a_window_that_its_opener_drives(house: House, reader: Reader) -> None:
    """A question that comes under a click that was meant for something else: its button is dead at first."""
    known_at_the_gateway(house, reader, "Mei")
    reader.driver.get(house.book(DENIED, "hostile-asker.html"))
    page = reader.driver.current_window_handle
    reader.driver.execute_script(CLICK_AND_OPEN, house.book(DENIED, "hostile-asker.html"))
    reader.driver.find_element(By.ID, "open").click()
    reader.wait(lambda: len(reader.driver.window_handles) == 2)
    popup = next(handle for handle in reader.driver.window_handles if handle != page)
    question = authorize(house, Flow(house.books.origin(ASKED), key=None))
    reader.driver.execute_script("opened.location = arguments[0]", question)
    reader.driver.switch_to.window(popup)
    reader.wait(lambda: reader.driver.find_elements(By.ID, "allow"))
    assert not reader.driver.find_element(By.ID, "allow").is_enabled()
    # driven on after the question was shown: the answer still goes to the book alone
    reader.driver.switch_to.window(page)
    reader.driver.execute_script(
        "open(arguments[0], 'victim')", authorize(house, Flow(house.books.origin(TRUSTED), key=None))
    )
    reader.wait(lambda: len(reader.driver.window_handles) == 1)
    assert "code" not in heard(reader)


def test_a_double_click_on_a_question(house: House, reader: Reader) -> None:
    """The second click must not end the first one's way: people do it."""
    known_at_the_gateway(house, reader, "Noa")
    reader.driver.get(authorize(house, Flow(house.books.origin(ASKED), mode="fragment", key=None)))
    allow = reader.driver.find_element(By.ID, "allow")
    reader.wait(allow.is_enabled)
    network = {"latency": 600, "downloadThroughput": -1, "uploadThroughput": -1}
    reader.cdp("Network.enable")
    reader.cdp("Network.emulateNetworkConditions", offline=False, **network)  # the first is still on its way
    ActionChains(reader.driver).click(allow).pause(0.2).click().perform()
    reader.wait(lambda: reader.driver.current_url.startswith(house.books.origin(ASKED)), "back in the book")
