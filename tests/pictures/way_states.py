"""Several ways in to one account: on the account page, and the questions before one is added."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final

from tests.pictures.account_states import ACCOUNT_PAGE
from tests.pictures.house import READER
from tests.pictures.states import State
from tests.pictures.visitor import Visitor

ALAN: Final = "button[name=pick][value='Alan Turing']"
GRACE: Final = "button[name=pick][value='Grace Hopper']"
ADD: Final = "button[value='way-add:university']"
AT_PROVIDER: Final = "button[name=pick]"


def _alone(visitor: Visitor) -> None:
    """The reader comes by one way, and nobody else has ever been here."""
    visitor.sign_in()
    with closing(sqlite3.connect(visitor.house.directory, timeout=20)) as connection, connection:
        (me,) = connection.execute("SELECT id FROM people WHERE name = ?", (READER,)).fetchone()
        query = "SELECT subject FROM identities WHERE person = ? ORDER BY created LIMIT 1"
        (subject,) = connection.execute(query, (me,)).fetchone()
        connection.execute("DELETE FROM identities WHERE subject <> ?", (subject,))


def _somebody_else_was_here(visitor: Visitor, pick: str) -> None:
    visitor.forget()
    visitor.open(ACCOUNT_PAGE)
    visitor.click("[data-way]")
    visitor.click(pick)


def _adds(pick: str, *, theirs: bool = False) -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        _alone(visitor)
        if theirs:
            _somebody_else_was_here(visitor, pick)
            visitor.sign_in()
        visitor.open(ACCOUNT_PAGE)
        visitor.seen("#ways summary").click()
        visitor.seen(ADD).click()
        visitor.seen(AT_PROVIDER)
        visitor.click(pick)

    return reach


def _added(visitor: Visitor) -> None:
    _adds(ALAN)(visitor)
    visitor.click("#yes")
    visitor.seen("#ways summary").click()


WAYS = (
    State("way-new", "Another provider, before it is a way in.", "to your account?", _adds(ALAN)),
    State(
        "way-of-another",
        "One that leads to another account.",
        "Make two accounts one?",
        _adds(GRACE, theirs=True),
    ),
    State("ways-two", "The account page with two ways in.", "Add another way in", _added),
)
