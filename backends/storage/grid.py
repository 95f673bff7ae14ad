"""What students of a class did, activity by activity: points, attempts, when it was saved last.

Who is in the class says the gateway, in every call: storage knows neither classes nor names.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from backends.storage import runestone, statements
from backends.storage.items import Shelf


@dataclass(frozen=True, slots=True)
class Activity:
    """points: of the answer that stands, from 0 to 1; None: it says none. saved: milliseconds."""

    course: str
    activity: str
    points: float | None
    attempts: int
    saved: int


def activities(connection: Connection, shelf: Shelf) -> list[Activity]:
    """Of one student, by course and name. What a book keeps apart of one activity is one here."""
    scope = statements.scope(shelf)
    attempts = {
        (row.course, row.item): int(row.attempts) for row in connection.execute(statements.ATTEMPTED, scope)
    }
    found: dict[tuple[str, str], Activity] = {}
    for course, item, saved, body in _work(connection, scope):
        activity = runestone.activity(item)
        if activity is None:
            continue
        one = Activity(course, activity, runestone.points(body), attempts.get((course, item), 0), saved)
        before = found.get((course, activity))
        found[course, activity] = one if before is None else _together(before, one)
    return [found[key] for key in sorted(found)]


def _work(connection: Connection, scope: dict[str, object]) -> Iterator[tuple[str, str, int, bytes]]:
    """Course, item, when it was saved, and the body of an answer; of programs the body says no points."""
    for row in connection.execute(statements.ANSWERS, scope):
        yield row.course, row.id, row.updated, bytes(row.body)
    for program in connection.execute(statements.PROGRAMS, scope):
        yield program.course, program.id, program.updated, b""


def _together(one: Activity, other: Activity) -> Activity:
    """The points of the later one that says any."""
    earlier, later = sorted((one, other), key=lambda activity: activity.saved)
    points = earlier.points if later.points is None else later.points
    return replace(later, points=points, attempts=one.attempts + other.attempts)
