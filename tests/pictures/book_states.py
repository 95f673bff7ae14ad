"""The demo book and the provider that it is tried with: every state, and how a reader comes to it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from urllib.parse import urlencode

from tests.pictures.house import READER, TRUSTED
from tests.pictures.states import State
from tests.pictures.visitor import PICK, WAY, Visitor

STRANGER = {"client_id": "other", "response_type": "code", "redirect_uri": TRUSTED}
ELEMENT = "document.querySelector('bookgate-sign-in').shadowRoot"
SAID = f"return {ELEMENT}.textContent"
WRITE = """
for (const area of document.querySelectorAll('textarea')) {
  area.value += String.fromCharCode(10) + 'forward 20';
  area.dispatchEvent(new Event('input', {bubbles: true}));
}
"""
CONNECTED = """
const done = arguments[arguments.length - 1];
globalThis.bookgate.connect().then(() => done(true), () => done(false));
"""
DOCTOR_DONE = """
const host = document.querySelector('bookgate-doctor');
return host !== null && host.shadowRoot.querySelectorAll('.code').length > 5;
"""


def _to_provider(visitor: Visitor) -> None:
    visitor.forget()
    visitor.ask()
    visitor.click(WAY)


def _remembered(visitor: Visitor) -> None:
    _to_provider(visitor)
    visitor.seen("input[name=remember]").click()
    visitor.click(PICK)
    visitor.ask()
    visitor.click("a[href*='not_you=1']")
    visitor.click(WAY)
    visitor.signed_out()


def _nameless(visitor: Visitor) -> None:
    _to_provider(visitor)
    visitor.click("#continue")


def _at_provider(path: str) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.driver.get(visitor.house.provider + path)


PROVIDER = (
    State("provider", "The development provider: anybody signs in by a name.", "Who are you", _to_provider),
    State("provider-remembered", "Somebody whom this browser remembers.", READER, _remembered),
    State("provider-nameless", "No name was typed.", "Type a name", _nameless),
    State(
        "provider-refused",
        "Another program asks.",
        "cannot go on",
        _at_provider(f"/authorize?{urlencode(STRANGER)}"),
    ),
    State("provider-left", "After its own sign-out.", "signed out", _at_provider("/logout")),
    State("provider-front", "Its front page.", "Development sign-in", _at_provider("/")),
)


def _opens(page: str = "shapes.html") -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        visitor.driver.get("about:blank")  # an address with another fragment alone would load nothing
        visitor.driver.get(f"{visitor.house.book}/{page}")
        visitor.wait(
            lambda: visitor.driver.execute_script("return globalThis.bookgate !== undefined"), "script"
        )
        assert visitor.driver.execute_async_script(CONNECTED)

    return reach


def _says(visitor: Visitor, words: str) -> None:
    visitor.wait(lambda: words in visitor.driver.execute_script(SAID), words)


def _signed_out(page: str) -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        visitor.forget()
        _opens(page)(visitor)

    return reach


def _signs_in(visitor: Visitor) -> None:
    """On one's own device the window closes by itself, at once."""
    visitor.sign_in(own_device=True)
    _opens()(visitor)
    if visitor.driver.execute_script(f"return {ELEMENT}.querySelector('#sign-in')?.offsetParent !== null"):
        book = visitor.driver.current_window_handle
        visitor.driver.execute_script(f"{ELEMENT}.querySelector('#sign-in').focus()")
        press = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        visitor.cdp("Input.dispatchKeyEvent", type="keyDown", **press)
        visitor.cdp("Input.dispatchKeyEvent", type="keyUp", **press)
        visitor.driver.switch_to.window(book)
    _says(visitor, READER)


def _saved(visitor: Visitor) -> None:
    _signs_in(visitor)
    visitor.driver.execute_script(WRITE)
    _says(visitor, "Saved")


def _menu(visitor: Visitor) -> None:
    _signs_in(visitor)
    visitor.driver.execute_script(f"{ELEMENT}.querySelector('#name').click()")


@contextmanager
def _offline(visitor: Visitor) -> Generator[None]:
    _signs_in(visitor)
    visitor.cdp("Network.enable")
    limits = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    visitor.cdp("Network.emulateNetworkConditions", offline=True, **limits)
    try:
        visitor.driver.execute_script(WRITE)
        _says(visitor, "waiting")
        yield
    finally:
        visitor.cdp("Network.emulateNetworkConditions", offline=False, **limits)


def _guest(visitor: Visitor) -> None:
    _signed_out("shapes.html")(visitor)
    visitor.driver.execute_script(WRITE)
    _says(visitor, "Saved")


@contextmanager
def _without_gateway(visitor: Visitor) -> Generator[None]:
    visitor.forget()
    visitor.cdp("Network.enable")
    visitor.cdp("Network.setBlockedURLs", urls=[f"{visitor.house.gateway}/*"])
    try:
        visitor.driver.get(f"{visitor.house.book}/shapes.html")
        visitor.wait(lambda: visitor.seen(".alone").is_displayed(), "alone")
        yield
    finally:
        visitor.cdp("Network.setBlockedURLs", urls=[])


def _doctor(visitor: Visitor) -> None:
    _signs_in(visitor)
    _opens("shapes.html#bookgate-doctor")(visitor)
    visitor.wait(lambda: visitor.driver.execute_script(DOCTOR_DONE), "the dialog")


BOOK = (
    State(
        "book", "The demo book, signed out.", "Walk with the Turtle", _signed_out("index.html"), whole=False
    ),
    State(
        "book-chapter",
        "A chapter with programs, signed out.",
        "turtle",
        _signed_out("shapes.html"),
        whole=False,
    ),
    State("book-questions", "A chapter with questions.", "turn", _signed_out("turns.html"), whole=False),
    State("book-guest", "A reader who saves without signing in.", "turtle", _guest, whole=False),
    State("book-saved", "Signed in; everything is saved.", "turtle", _saved, whole=False),
    State("book-menu", "The reader's menu.", "turtle", _menu, whole=False),
    State(
        "book-offline",
        "The network is cut: what is written waits on this device.",
        "turtle",
        _offline,
        whole=False,
    ),
    State(
        "book-alone",
        "The gateway is gone: the book can be read all the same.",
        "turtle",
        _without_gateway,
        whole=False,
    ),
    State(
        "book-doctor",
        "The doctor, opened by `#bookgate-doctor` after the book's address.",
        "turtle",
        _doctor,
        whole=False,
    ),
)
