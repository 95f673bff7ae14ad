"""The pages of classes: making one, keeping it, joining it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final

from tests.pictures.house import READER, TRUSTED
from tests.pictures.states import State
from tests.pictures.visitor import Visitor

SHELF: Final = "/auth/classes"
CODE: Final = "K7MP-4XWT"
LONG_NAME: Final = "Wolfeschlegelsteinhausenbergerdorff Computer Science"
STUDENTS: Final = ("Mia Ahmed", "Noah", LONG_NAME, None, "zoë")
NEW: Final = "DELETE FROM classes"
INSERT: Final = """
INSERT INTO classes (id, name, book, address, code, open, created, archived) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def _furnish(visitor: Visitor, role: str | None, *students: str | None, archived: bool = False) -> None:
    """One class, with the reader in it as `role`."""
    visitor.sign_in()
    with closing(sqlite3.connect(visitor.house.directory)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(NEW)
        values = (
            "pictured",
            "7b Computing",
            "books",
            f"{TRUSTED}/cs1/",
            CODE,
            True,
            0,
            archived or None,
        )
        connection.execute(INSERT, values)
        people = [
            ("grace", "Grace Hopper", "teacher"),
            *((f"s{n}", name, "student") for n, name in enumerate(students)),
        ]
        for person, name, _ in people:
            connection.execute(
                "INSERT OR IGNORE INTO people (id, name, created, seen) VALUES (?, ?, 0, 0)", (person, name)
            )
        if role is not None:
            query = "SELECT id FROM people WHERE name = ?"
            (me,) = connection.execute(query, (READER,)).fetchone()
            people.append((me, READER, role))
        for person, _, is_what in people:
            row = ("pictured", person, is_what)
            connection.execute("INSERT INTO class_members VALUES (?, ?, ?, NULL, 1790000000)", row)


def _at(
    path: str, role: str | None, *students: str | None, archived: bool = False
) -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        _furnish(visitor, role, *students, archived=archived)
        visitor.open(path)

    return reach


def _nothing_yet(visitor: Visitor) -> None:
    _furnish(visitor, None)
    visitor.open(SHELF)


def _misspelt(visitor: Visitor) -> None:
    _nothing_yet(visitor)
    visitor.seen("input[name=name]").send_keys("7b")
    visitor.seen("input[name=address]").send_keys("our book")
    visitor.click("form[method=post] button.main")


def _more(visitor: Visitor) -> None:
    _at(ROOM, "teacher", *STUDENTS)(visitor)
    for summary in visitor.all("summary"):
        summary.click()


def _cards(visitor: Visitor) -> None:
    """A class with two cards, of which one was used."""
    _at(ROOM, "teacher", "Blue Otter")(visitor)
    with closing(sqlite3.connect(visitor.house.directory)) as connection, connection:
        for number, name, person in ((1, "Blue Otter", "s0"), (2, "Red Fox", None)):
            row = ("pictured", number, name, "found", "proved", name, person, 0)
            connection.execute("INSERT INTO class_cards VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    visitor.open(ROOM)
    for summary in visitor.all("summary"):
        summary.click()


def _sheet(visitor: Visitor) -> None:
    _at(ROOM, "teacher")(visitor)
    count = visitor.seen("input[name=count]")
    count.clear()
    count.send_keys("3")
    visitor.click("button[value=cards]")


def _card(typed: str | None = None) -> Callable[[Visitor], None]:
    def reach(visitor: Visitor) -> None:
        visitor.forget()
        visitor.open("/auth/classes/card")
        if typed is not None:
            visitor.seen("#words").send_keys(typed)
            visitor.click("#form button")

    return reach


def _scanned(visitor: Visitor) -> None:
    visitor.forget()
    visitor.open("/auth/classes/card#tiger-cloud-river-moon-apple-window")


def _unknown(visitor: Visitor) -> None:
    _furnish(visitor, None)
    visitor.forget()
    visitor.open(JOIN)


ROOM: Final = f"{SHELF}/of/pictured"
JOIN: Final = f"{SHELF}/join/{CODE}"

CLASSES: Final = (
    State("classes-none", "Nobody's class yet: making one, joining one.", "Make a class", _nothing_yet),
    State("classes-wrong-address", "What was typed is no address.", "not the address of a book", _misspelt),
    State("classes-teaching", "One's classes.", "You teach it.", _at(SHELF, "teacher", *STUDENTS)),
    State("class-new", "A class in which nobody is.", "Nobody is in it yet", _at(ROOM, "teacher")),
    State("class-roster", "A class with its roster.", "Noah", _at(ROOM, "teacher", *STUDENTS)),
    State("class-more", "All that a teacher may do.", "Archive 7b", _more),
    State("class-archived", "Put away.", "Take it up again", _at(ROOM, "teacher", archived=True)),
    State("class-cards", "Cards that were made before.", "nobody came in by it yet", _cards),
    State("class-sheet", "Cards to be printed.", "Print this page now", _sheet),
    State("card", "A card, before it is typed.", "six words on your card", _card()),
    State("card-scanned", "A card that was scanned.", "Sign in with your class card", _scanned),
    State("card-wrong", "Words of no card.", "open no card", _card("tiger cloud river moon apple window")),
    State("class-poster", "The link for the wall.", CODE, _at(f"{ROOM}/poster", "teacher")),
    State("class-student", "What a student sees of it.", "Leave this class", _at(ROOM, "student")),
    State("join-signed-out", "The link, before a sign-in.", "Sign in to join", _unknown),
    State("join", "The question.", "What your teacher will see", _at(JOIN, None)),
    State("joined", "In.", "Open the book", _at(JOIN, "student")),
    State(
        "join-wrong-code", "A code of no class.", "leads to no class", _at(f"{SHELF}/join/2222-2222", None)
    ),
)
