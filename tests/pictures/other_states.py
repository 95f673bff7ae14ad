"""The pages beside that way: refusals, the account, the doctor."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from urllib.parse import urlencode

from selenium.common.exceptions import WebDriverException

from tests.pictures.account_states import SESSIONS
from tests.pictures.house import ASKED, DENIED, ENDED, TRUSTED
from tests.pictures.states import State, nobody_asks
from tests.pictures.visitor import PICK, WAY, Visitor


def _opens(path: str) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.open(path)


def _cookies_off(visitor: Visitor) -> None:
    """What the gateway sees of a browser that keeps no cookies."""
    nobody_asks()(visitor)
    visitor.click(WAY)
    visitor.cdp("Network.clearBrowserCookies")
    visitor.click(PICK)


def _signed_out_meanwhile(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.ask(ASKED)
    visitor.seen("#allow")
    visitor.cdp("Network.deleteCookies", name="__Host-Http-bookgate", url=visitor.house.gateway)
    visitor.click("#allow")
    visitor.signed_out()


def _too_often(visitor: Visitor) -> None:
    visitor.sign_in(own_device=True)
    for _ in range(6):
        try:
            visitor.ask(prompt="none")
        except WebDriverException:  # back at the book, whose name leads nowhere here
            continue


def _from_another_site(visitor: Visitor) -> None:
    visitor.driver.get(f"{visitor.house.book}/bookgate-return.html")
    link = f"{visitor.house.gateway}/auth/login?provider=university"
    visitor.driver.execute_script("document.querySelector('#book').href = arguments[0]", link)
    visitor.click("#book")


@contextmanager
def _without_sessions(visitor: Visitor) -> Generator[None]:
    with visitor.house.without_sessions():
        visitor.ask()
        yield


@contextmanager
def _without_directory(visitor: Visitor) -> Generator[None]:
    nobody_asks()(visitor)
    visitor.click(WAY)
    with visitor.house.directory_locked():
        visitor.click(PICK)
        yield


def _asks_oddly(**odd: str) -> Callable[[Visitor], None]:
    query = {
        "client_id": TRUSTED,
        "redirect_uri": f"{TRUSTED}/bookgate-return.html",
        "response_mode": "fragment",
    }
    return _opens(f"/auth/authorize?{urlencode({**query, 'state': 's' * 22, **odd})}")


REFUSALS = (
    State(
        "denied",
        "The people who run the service have refused this book.",
        "not connected here",
        nobody_asks(DENIED),
    ),
    State(
        "wrong-return-page",
        "The book names a page to come back to that is not its own.",
        "something odd",
        _asks_oddly(redirect_uri="https://elsewhere.example.net/bookgate-return.html"),
    ),
    State("not-a-book", "The address of the book is none.", "something odd", _asks_oddly(client_id="a book")),
    State(
        "silent-refused",
        "A book that nobody approved asks without a question.",
        "Sign in from the book",
        nobody_asks(ASKED, prompt="none"),
    ),
    State(
        "too-old",
        "A page that was used, or open for more than ten minutes.",
        "not valid any more",
        _opens("/auth/continue?transaction=gone"),
    ),
    State("cookies-off", "A browser that keeps no cookies.", "allow cookies", _cookies_off),
    State(
        "signed-out-meanwhile", "Somebody signed out in another tab.", "has changed", _signed_out_meanwhile
    ),
    State("too-often", "A book that asks again and again.", "Too many", _too_often),
    State("from-another-site", "A link of another site into a sign-in.", "Another site", _from_another_site),
    State("sessions-down", "Redis is down.", "at the moment", _without_sessions),
    State("directory-down", "The directory is down.", "at the moment", _without_directory),
    State("not-found", "An address that leads nowhere.", "nothing here", _opens("/auth/nothing")),
    State("method", "A form's address, typed.", "not a page", _opens("/auth/consent")),
)


def _sign_out_page(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open("/auth/logout")


def _signs_out(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open("/auth/logout")
    visitor.click("button[value=sign-out]")
    visitor.signed_out()


@contextmanager
def _signs_out_without_script(visitor: Visitor) -> Generator[None]:
    visitor.sign_in()
    with visitor.without_script():
        visitor.open("/auth/logout")
        visitor.click("button[value=sign-out]")
        yield
    visitor.signed_out()


def _nobody(visitor: Visitor) -> None:
    visitor.forget()
    visitor.open("/auth/account")


ACCOUNT = (
    *SESSIONS,
    State("sign-out", "The sign-out page.", "Sign out?", _sign_out_page),
    State(
        "signing-out",
        "Where the provider is signed out of too, and JavaScript is off.",
        "is next",
        _signs_out_without_script,
    ),
    State("signed-out", "After it.", "You are signed out", _signs_out),
    State("account-nobody", "The account page where nobody is signed in.", "Sign in", _nobody),
)


def _looks(book: str) -> Callable[[Visitor], None]:
    return _opens(f"/auth/doctor?{urlencode({'book': book})}")


def _window(origin: str) -> Callable[[Visitor], None]:
    query = {"origin": origin, "mark": "m", "return": f"{origin}/bookgate-return.html"}
    return _opens(f"/auth/doctor/window?{urlencode(query)}")


DOCTOR = (
    State("doctor", "An author asks about their book.", "Is this book connected", _opens("/auth/doctor")),
    State("doctor-trusted", "Listed and trusted.", "listed and trusted", _looks(f"{TRUSTED}/logic/")),
    State("doctor-consent", "Listed; readers are asked.", "Readers are asked", _looks(f"{ASKED}/")),
    State(
        "doctor-unlisted",
        "Not listed, with the lines that would list it.",
        "not listed",
        _looks("https://new.example.org/"),
    ),
    State("doctor-denied", "Refused.", "refused", _looks(f"{DENIED}/")),
    State("doctor-ended", "Listed until a day that is over.", "has ended", _looks(f"{ENDED}/")),
    State("doctor-insecure", "Not on https.", "begins with http", _looks("http://books.example.edu/")),
    State("doctor-bad-address", "Not an address.", "address", _looks("ftp://books")),
    State(
        "doctor-window",
        "The window that the doctor in the book tries, where its opener was lost.",
        "cannot be reached from here",
        _window(ASKED),
    ),
)
