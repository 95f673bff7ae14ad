"""The account page: alone, with other browsers and very many, with long names, after each thing it does."""

import asyncio
import io
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from typing import Final

import aiohttp

from gateway.config.gateway_file import parse_gateway
from gateway.opening import Opened, open_sessions
from gateway.records import Mode
from gateway.telemetry import make_log
from tests.pictures.house import ASKED, INTERNATIONAL, LONG, READER, TRUSTED, House
from tests.pictures.states import State
from tests.pictures.visitor import WAY, Visitor

ACCOUNT_PAGE: Final = "/auth/account"
DEVICES: Final = ("Chrome on Android", "Safari on iPhone", "Edge on Windows", None, "Firefox on macOS")
BOOKS: Final = (TRUSTED, ASKED, "https://logic.example.edu", "https://algebra.example.edu", INTERNATIONAL)
LONG_NAME: Final = " ".join(["Wolfeschlegelsteinhausenbergerdorff"] * 2)
Furniture = Sequence[tuple[str | None, Sequence[str]]]  # device and books of each session


async def _furnish(house: House, name: str, sessions: Furniture, allowed: Sequence[str]) -> None:
    path = house.directory.parents[1] / "gateway.yaml"
    settings = parse_gateway(path.read_bytes(), path, {"PICTURES_REDIS": house.redis.url})
    with closing(sqlite3.connect(house.directory)) as connection:
        (person,) = connection.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()
    async with open_sessions(settings, house.redis.url, make_log(io.StringIO())) as opened:
        for device, books in sessions:
            await _begin(opened, (person, name), device, books)
        for origin in allowed:
            await opened.directory.approve(person, origin)


async def _begin(opened: Opened, who: tuple[str, str], device: str | None, books: Sequence[str]) -> None:
    live = await opened.sessions.begin_sign_in(
        *who, "university", 0, own_device=True, replaces=None, device=device, provider_session=None
    )
    for origin in books:
        begun = await opened.sessions.begin_book(live, origin, None, approved=True)
        await opened.sessions.confirm_book(begun.key, Mode.COOKIE)


def _alone(visitor: Visitor, *, own_device: bool = False) -> None:
    """Nowhere else, and nothing allowed."""
    visitor.sign_in(own_device=own_device)
    visitor.open(ACCOUNT_PAGE)
    for button in ("button[value=others]", *(f"button[value='withdraw:{origin}']" for origin in BOOKS)):
        if visitor.all(button):
            visitor.click(button)
    visitor.open(ACCOUNT_PAGE)


def _with(sessions: Furniture, allowed: Sequence[str] = ()) -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        _alone(visitor, own_device=True)
        asyncio.run(_furnish(visitor.house, READER, sessions, allowed))
        visitor.open(ACCOUNT_PAGE)

    return reach


TWO: Final[Furniture] = ((DEVICES[0], BOOKS[:2]), (DEVICES[1], ()))
MANY: Final[Furniture] = [(DEVICES[turn % 5], BOOKS[: turn % 6]) for turn in range(29)]


def _saves(visitor: Visitor) -> None:
    _alone(visitor, own_device=True)
    visitor.click("button[value=device]")


def _ends_one(visitor: Visitor) -> None:
    _with(TWO)(visitor)
    visitor.click("button[value^='end:']")


def _ends_others(visitor: Visitor) -> None:
    _with(TWO)(visitor)
    visitor.click("button[value=others]")


def _withdraws(visitor: Visitor) -> None:
    _with((), [ASKED])(visitor)
    visitor.click(f"button[value='withdraw:{ASKED}']")


def _too_late(visitor: Visitor) -> None:
    _with(TWO)(visitor)
    _post_from_another_tab(visitor)
    visitor.click("button[value=others]")


def _post_from_another_tab(visitor: Visitor) -> None:
    """The page's form is used up there."""
    form = {
        "transaction": str(visitor.seen("input[name=transaction]").get_property("value")),
        "act": "device",
    }
    kept = "; ".join(f"{one['name']}={one['value']}" for one in visitor.driver.get_cookies())
    gateway = visitor.house.gateway
    sent = {"Cookie": kept, "Origin": gateway, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}

    async def post() -> None:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=sent) as session,
            session.post(f"{gateway}{ACCOUNT_PAGE}", data=form) as answer,
        ):
            assert answer.status == 200

    asyncio.run(post())


@contextmanager
def _without_directory(visitor: Visitor) -> Generator[None]:
    _with(TWO)(visitor)
    with visitor.house.directory_locked():
        visitor.click("button[value=others]")
        yield


def _long_names(visitor: Visitor) -> None:
    visitor.forget()
    visitor.open(ACCOUNT_PAGE)
    visitor.click(WAY)
    visitor.seen("input[name=name]").send_keys(LONG_NAME)
    visitor.click("#continue")
    books = [LONG, f"{LONG}:8443"]
    asyncio.run(_furnish(visitor.house, LONG_NAME, [(None, books)], [LONG]))
    visitor.open(ACCOUNT_PAGE)


SESSIONS: Final = (
    State("account", "Signed in nowhere else, on a shared computer.", "nowhere else", _alone),
    State("account-saved", "The same on one's own device, after Save.", "Saved.", _saves),
    State(
        "account-others",
        "Two other browsers, and books that were allowed to save work.",
        "Other browsers (2)",
        _with(TWO, [ASKED, INTERNATIONAL]),
    ),
    State("account-many", "Very many; the last used first.", "Other browsers (29)", _with(MANY)),
    State("account-long", "Long names and addresses.", "Wolfe", _long_names),
    State("account-ended-one", "After one of them was signed out.", "is signed out", _ends_one),
    State("account-ended-others", "After all of them were.", "everywhere but here", _ends_others),
    State("account-withdrawn", "After a book lost its permission.", "may not save", _withdraws),
    State("account-too-late", "A page that was used before, or open for too long.", "nothing was", _too_late),
    State(
        "account-not-quite",
        "The directory is down in the middle of it.",
        "not quite done",
        _without_directory,
    ),
)
