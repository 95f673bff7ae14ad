"""Who teaches, writes or runs a book: no readers of it themselves, who may see figures about its readers."""

from dataclasses import dataclass
from typing import Final

from backends.assertion import Assertion
from backends.problem import InvalidParameter, Problem

TEACHER: Final = "teacher"
ROLES: Final = frozenset({"teacher", "instructor", "author", "admin", "tester"})  # a site may name others


class NotATeacher(Problem):
    status = 403
    code = "not_a_teacher"
    title = "Only who teaches a class of this book, or has a role in it, sees figures about its readers."


@dataclass(frozen=True, slots=True)
class Readers:
    """Whose events a figure is about: those of a book, or of one class of it (None: all of the book)."""

    book: str
    class_id: str | None


def is_staff(assertion: Assertion, roles: frozenset[str]) -> bool:
    return not roles.isdisjoint(assertion.roles) or bool(classes_of(assertion))


def classes_of(assertion: Assertion) -> list[str]:
    """The classes of the book that this person teaches."""
    return [one.id for one in assertion.classes if one.role == TEACHER]


def readers(assertion: Assertion, roles: frozenset[str], asked: str | None) -> Readers:
    """Whom this person may see figures about; raises NotATeacher and InvalidParameter.

    asked: a class. A role is for the whole book, teaching for one's own classes.
    """
    taught = classes_of(assertion)
    if not roles.isdisjoint(assertion.roles):
        return Readers(assertion.book, asked)
    if not taught or (asked is not None and asked not in taught):
        raise NotATeacher
    if asked is None and len(taught) > 1:
        raise InvalidParameter(f"class is one of {', '.join(sorted(taught))}.")
    return Readers(assertion.book, asked or taught[0])
