"""What is kept of a person: their page, a deletion's receipt, and research."""

import sqlite3
from contextlib import closing

from tests.pictures.house import READER, TRUSTED
from tests.pictures.states import State
from tests.pictures.visitor import Visitor

DATA = "/auth/account/data"
DELETE = "button[value=delete]"


def _data(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open(DATA)


def _deleted(visitor: Visitor) -> None:
    _data(visitor)
    visitor.seen("input[name=sure]").click()
    visitor.click(DELETE)
    visitor.signed_out()


def _studies(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.open("/auth/studies")


def _asked(visitor: Visitor) -> None:
    """The reader has worked in the book that the study is about."""
    visitor.sign_in()
    with closing(sqlite3.connect(visitor.house.directory, timeout=20)) as connection, connection:
        query = "INSERT OR IGNORE INTO places SELECT id, ?, 'books.example.edu', 0 FROM people WHERE name = ?"
        connection.execute(query, (TRUSTED, READER))
    visitor.open("/auth/studies")


def _takes_part(visitor: Visitor) -> None:
    _asked(visitor)
    visitor.click("button[value^='yes:']")


DATA_STATES = (
    State("data", "What is kept of a person, to be copied or deleted.", "Download everything", _data),
    State("deleted", "The receipt of a deletion.", "Everything of yours is deleted here", _deleted),
    State("studies", "Research, where none asks.", "No study asks you", _studies),
    State("study", "A study that asks.", "You have not answered yet", _asked),
    State("study-answered", "After yes; no is as near.", "You take part.", _takes_part),
)
