"""Sessions know the classes of now, whoever changes them while somebody is told of them."""

from collections.abc import Callable, Mapping
from typing import cast

from gateway.pages.classes.forms import restate
from gateway.pages.flow import Parts

Said = Mapping[str, tuple[str, str]]
TAUGHT: Said = {"c": ("teacher", "b")}


class School:
    """A directory and its sessions, in the places where the pages look for them. between: happens after each
    look at the directory.
    """

    def __init__(self, between: Callable[["School"], None]) -> None:
        self.now = TAUGHT
        self.told: Said = TAUGHT
        self.looks = 0
        self._between = between
        self.directory = self.classes = self.sessions = self

    async def of_person(self, _: str) -> Said:
        found = self.now
        self.looks += 1
        self._between(self)
        return found

    async def restate(self, _: str, classes: Said) -> None:
        self.told = classes


def taken_out(school: School) -> None:
    """And told of it, by whoever did it."""
    if school.looks == 1:
        school.now = school.told = {}


async def test_a_removal_between_look_and_word_is_not_unsaid() -> None:
    school = School(taken_out)
    await restate(cast("Parts", school), ["ada"])
    assert school.told == school.now == {}


async def test_who_changes_without_an_end_keeps_nobody_busy() -> None:
    def to_and_fro(school: School) -> None:
        school.now = {} if school.now else TAUGHT

    school = School(to_and_fro)
    await restate(cast("Parts", school), ["ada"])
    assert school.looks < 20
