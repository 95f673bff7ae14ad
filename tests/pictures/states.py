"""The pages on the way of a sign-in: name, what each is for, and how a reader comes to it."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from tests.pictures.house import (
    ASKED,
    AT_HOME,
    INTERNATIONAL,
    LONG,
    NO_WAY_IN,
    ONE_WAY,
    TRUSTED,
)
from tests.pictures.visitor import WAY, Visitor

SCHOOL = "a[data-way][href*='provider=school']"


class WrongPageError(AssertionError):
    """The way to a state led to another page."""


@dataclass(frozen=True, slots=True)
class State:
    """words: on the page, or it is another one. reach: a context too, where the state must be held.

    whole: pictured to its end, not by its first screen alone.
    """

    name: str
    line: str
    words: str
    reach: Callable[[Visitor], AbstractContextManager[None] | None]
    whole: bool = True

    @contextmanager
    def shown(self, visitor: Visitor) -> Generator[None]:
        """The visitor is there; raises WrongPageError where the page does not say `words`.

        They are English: of a page in another language it is asked that it is in that.
        """
        with self.reach(visitor) or nullcontext():
            if not (self.words in visitor.text() if visitor.language == "en" else _speaks(visitor)):
                raise WrongPageError(f"{visitor.driver.current_url}\n{visitor.text()}")
            yield


def _speaks(visitor: Visitor) -> bool:
    """Books and providers have languages of their own."""
    ours = visitor.driver.current_url.startswith(visitor.house.gateway)
    return (
        not ours or visitor.driver.execute_script("return document.documentElement.lang") == visitor.language
    )


def nobody_asks(origin: str = TRUSTED, **more: str) -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        visitor.forget()
        visitor.ask(origin, **more)

    return reach


def asks(
    origin: str = TRUSTED, *, own_device: bool = False, mode: str = "fragment", **more: str
) -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        visitor.sign_in(own_device=own_device)
        visitor.ask(origin, mode, **more)

    return reach


def _ticks(visitor: Visitor) -> None:
    nobody_asks()(visitor)
    visitor.seen("#own").click()


def _provider_down(visitor: Visitor) -> None:
    nobody_asks()(visitor)
    visitor.click(SCHOOL)


def _cancels(visitor: Visitor) -> None:
    nobody_asks()(visitor)
    visitor.click(WAY)
    visitor.click("button[name=cancel]")


SIGN_IN = (
    State(
        "sign-in",
        "Several ways in; one way alone is gone through without this page.",
        "Example University",
        nobody_asks(),
    ),
    State(
        "sign-in-own-device", "The reader's own device: they stay signed in.", "This is my own device", _ticks
    ),
    State("sign-in-provider-down", "The chosen way in does not answer.", "does not answer", _provider_down),
    State(
        "sign-in-only-way-down", "The only way in does not answer.", "Try again with", nobody_asks(ONE_WAY)
    ),
    State(
        "sign-in-declined",
        "The provider did not say who it is, or the reader did not want to.",
        "Nobody was signed in",
        _cancels,
    ),
    State(
        "sign-in-no-way",
        "The book names only ways in that this gateway has not.",
        "no way to sign in",
        nobody_asks(NO_WAY_IN),
    ),
)


TWO_SECONDS_FOR_EVER = """{
  const {setTimeout} = window;
  window.setTimeout = (act, ms) => setTimeout(act, ms === 2000 ? 1e6 : ms);
}"""
BAR_IN_ITS_MIDDLE = """
for (const one of document.getAnimations()) { one.pause(); one.currentTime = 900; }
"""


@contextmanager
def _greeted(visitor: Visitor) -> Generator[None]:
    """The two seconds, held in their middle."""
    visitor.sign_in()
    with visitor.running_first(TWO_SECONDS_FOR_EVER):
        visitor.ask()
        visitor.driver.execute_script(BAR_IN_ITS_MIDDLE)
        yield


QUESTIONS = (
    State("consent", "A book that the reader has not used before.", "save your work", asks(ASKED)),
    State(
        "consent-own-device",
        "The same on one's own device: no tick.",
        "save your work",
        asks(ASKED, own_device=True),
    ),
    State("consent-long", "A long address is shown whole.", "walking-animals", asks(LONG)),
    State(
        "consent-international",
        "Letters that could deceive are shown as browsers write them.",
        "xn--",
        asks(INTERNATIONAL),
    ),
    State(
        "consent-loopback",
        "A book on the reader's own computer is asked for every time.",
        "asked every time",
        asks(AT_HOME),
    ),
    State(
        "consent-guest",
        "With the question of a guest who worked there before.",
        "Keep the work",
        asks(ASKED, guest="1"),
    ),
    State("confirm", "A trusted book that wants a click.", "Continue in this book", asks(prompt="consent")),
    State("confirm-guest", "The same for a guest.", "Keep the work", asks(prompt="consent", guest="1")),
    State("keep", "A guest signs in to a trusted book.", "Keep the work", asks(guest="1")),
    State(
        "greet",
        "Two seconds for the next reader at a shared computer; any touch stops them.",
        "Not Ada",
        _greeted,
    ),
)


@contextmanager
def _delivered_without_script(visitor: Visitor) -> Generator[None]:
    visitor.sign_in(own_device=True)
    with visitor.without_script():
        visitor.ask(mode="web_message")
        yield


@contextmanager
def _delivered(visitor: Visitor) -> Generator[None]:
    """A window that the browser does not let close."""
    visitor.sign_in(own_device=True)
    with visitor.running_first(
        "window.close = () => {}; window.opener ??= {closed: false, postMessage() {}};"
    ):
        visitor.ask(mode="web_message")
        yield


def _return_page(words: str, before: str = "") -> Callable[[Visitor], AbstractContextManager[None]]:
    @contextmanager
    def reach(visitor: Visitor) -> Generator[None]:
        visitor.driver.get("about:blank")
        with visitor.running_first(f"window.close = () => {{}}; {before}"):
            fragment = "#code=c&state=s" if words != "nothing" else ""
            visitor.driver.get(f"{visitor.house.book}/bookgate-return.html{fragment}")
            visitor.wait(lambda: words in visitor.seen("#words").text, words)
            yield

    return reach


TAKEN = """
const channel = new BroadcastChannel('bookgate-return');
channel.onmessage = () => channel.postMessage({taken: 's'});
"""
BACK = (
    State(
        "deliver",
        "Back to the book, where the browser does not let the window close.",
        "close this window",
        _delivered,
    ),
    State(
        "deliver-no-script", "The same without JavaScript.", "Go back to the book", _delivered_without_script
    ),
    State(
        "return-taken",
        "The book's return page, in a window that lost its opener: the book has the answer.",
        "You are signed in",
        _return_page("You are signed in", TAKEN),
    ),
    State(
        "return-nobody",
        "The return page, and the page that began is gone.",
        "not open any more",
        _return_page("not open any more"),
    ),
    State("return-nothing", "The return page by itself.", "nothing to do here", _return_page("nothing")),
)
