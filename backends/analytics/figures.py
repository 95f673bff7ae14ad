"""Figures about readers: tables of numbers, none of which is about fewer than five people.

What is too small to be shown is None. Nobody is named, and a text that a person wrote is never shown.
"""

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Final

from backends.analytics.levels import is_choice
from backends.problem import InvalidParameter

K: Final = 5  # people; a figure about fewer could be about one whom a teacher knows
LONGEST: Final = 1000  # days
USUALLY: Final = 120  # days, where none are asked for
DAY: Final = 86_400_000
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EPOCH: Final = 3  # 1970-01-01 was a Thursday
# What spreadsheets take for a formula (OWASP, "CSV Injection").
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = str | int | float | None
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """A figure's numbers, in the order in which they are shown."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def records(self) -> list[dict[str, Cell]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def csv(self) -> str:
        """RFC 4180, with what a spreadsheet would take for a formula made text."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(self.columns)
        writer.writerows([[_cell(value) for value in row] for row in self.rows])
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Days:
    """From one day to another, both of them meant, in UTC."""

    first: date
    last: date

    @classmethod
    def parse(cls, first: str | None, last: str | None, today: date) -> "Days":
        """Raises InvalidParameter."""
        until = _day(last, "to") if last is not None else today
        since = _day(first, "from") if first is not None else until - timedelta(days=USUALLY)
        if not 0 <= (until - since).days <= LONGEST:
            raise InvalidParameter(f"from is not after to, and at most {LONGEST} days before it.")
        return cls(since, until)

    @property
    def since(self) -> int:
        """The first millisecond."""
        return _milliseconds(self.first)

    @property
    def until(self) -> int:
        """The first millisecond that is not meant any more."""
        return _milliseconds(self.last) + DAY


def _day(text: str, name: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidParameter(f"{name} is a day such as 2026-11-23.") from error
    if not 1970 <= found.year <= 9000:
        raise InvalidParameter(f"{name} is a day from 1970 on.")
    return found


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _cell(value: Cell) -> Cell:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def shown(people: object) -> int | None:
    """A number of people, where it may be said: nobody, or as many as K."""
    return people if isinstance(people, int) and (people == 0 or people >= K) else None


def share(part: object, whole: object) -> float | None:
    """Of people, in [0, 1], where both numbers and their difference may be said."""
    if not isinstance(part, int) or not isinstance(whole, int) or whole < K:
        return None
    return None if shown(part) is None or shown(whole - part) is None else round(part / whole, 3)


def items(rows: Iterable[Row], wrong: Iterable[Row]) -> Table:
    """How hard each item was, and which wrong answers to it were given most."""
    answers: dict[object, list[str]] = defaultdict(list)
    for row in wrong:
        if is_choice(_text(row["kind"]), _text(row["answer"])):
            answers[row["item"]].append(f"{_text(row['answer'])} ({row['people']})")
    return Table(
        "items",
        (
            "item",
            "kind",
            "people",
            "attempts",
            "right",
            "right_share",
            "right_at_once_share",
            "wrong_answers",
        ),
        tuple(
            (
                _text(row["item"]),
                _text(row["kind"]),
                shown(row["people"]),
                _number(row["attempts"]),
                None if share(row["right"], row["people"]) is None else _number(row["right"]),
                share(row["right"], row["people"]),
                share(_number(row["right_at_once"]), row["people"]),
                "; ".join(answers[row["item"]][:5]) or None,
            )
            for row in rows
        ),
    )


def pages(rows: Iterable[Row]) -> Table:
    return Table(
        "pages",
        ("page", "people", "visits", "events"),
        tuple(
            (_text(row["page"]), shown(row["people"]), _number(row["visits"]), _number(row["events"]))
            for row in rows
        ),
    )


def funnel(rows: Iterable[Row]) -> Table:
    """How far people came on each page: who saw it, worked on something there, answered, was right."""
    steps = ("people", "worked", "answered", "right")
    return Table(
        "funnel",
        ("page", "saw", *steps[1:]),
        tuple((_text(row["page"]), *(shown(row[step]) for step in steps)) for row in rows),
    )


def errors(rows: Iterable[Row]) -> Table:
    """What went wrong, how often, and how long it took until the same program ran (the median)."""
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[_text(row["error_type"]) or ""].append(row)
    found: list[tuple[Cell, ...]] = []
    for kind, times in kinds.items():
        people = {row["pseudonym"] for row in times}
        if len(people) < K:
            continue
        mended = [row for row in times if row["fixed"] is not None]
        enough = len({row["pseudonym"] for row in mended}) >= K
        seconds = [(_number(row["fixed"]) - _number(row["t"])) / 1000 for row in mended]
        found.append(
            (
                kind,
                len(people),
                len(times),
                len({row["item"] for row in times}),
                share(len({row["pseudonym"] for row in mended}), len(people)),
                round(statistics.median(seconds), 1) if enough else None,
            )
        )
    columns = ("error", "people", "times", "items", "mended_share", "seconds_to_fix")
    return Table("errors", columns, tuple(sorted(found, key=lambda row: (-_number(row[2]), str(row[0])))))


def hours(rows: Iterable[Row]) -> Table:
    """When people work: each hour of the week in which enough of them did."""
    slots = [((_number(row["hour"]) + EPOCH * 24) % 168, row) for row in rows]
    return Table(
        "hours",
        ("weekday", "hour", "people", "events"),
        tuple(
            (WEEKDAYS[slot // 24], slot % 24, shown(row["people"]), _number(row["events"]))
            for slot, row in sorted(slots, key=itemgetter(0))
        ),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def whole(table: Table, days: Days, class_id: str | None) -> Mapping[str, object]:
    """The figure as JSON says it."""
    return {
        "figure": table.name,
        "class": class_id,
        "from": days.first.isoformat(),
        "to": days.last.isoformat(),
        "k": K,
        "rows": table.records(),
    }
