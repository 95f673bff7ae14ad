"""Figures as values: what is said, and what is left out because it would be about too few."""

from datetime import date

import pytest

from backends.analytics import figures
from backends.analytics.figures import Days, Table, share, shown
from backends.problem import InvalidParameter

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(("people", "said"), [(0, 0), (1, None), (4, None), (5, 5), (200, 200), ("5", None)])
def test_numbers_of_people(people: object, said: int | None) -> None:
    assert shown(people) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (5, 10, 0.5),
        (0, 5, 0.0),
        (5, 5, 1.0),
        pytest.param(4, 10, None, id="too few were"),
        pytest.param(6, 10, None, id="too few were not"),
        pytest.param(1, 4, None, id="too few at all"),
        pytest.param(None, 10, None, id="none counted"),
    ],
)
def test_shares_say_nothing_of_few_on_either_side(part: object, whole: object, said: float | None) -> None:
    assert share(part, whole) == said


def test_items() -> None:
    row = {"item": "q1", "kind": "mchoice", "people": 20, "attempts": 31, "right": 12, "right_at_once": 10}
    few = row | {"item": "q2", "right": 17, "right_at_once": 3}
    wrong = [
        {"item": "q1", "kind": "mchoice", "answer": '"2"', "people": 6, "times": 9},
        {"item": "q1", "kind": "fillb", "answer": '"Ada"', "people": 6, "times": 9},
    ]
    table = figures.items([row, few], wrong)
    assert table.records() == [
        {
            "item": "q1",
            "kind": "mchoice",
            "people": 20,
            "attempts": 31,
            "right": 12,
            "right_share": 0.6,
            "right_at_once_share": 0.5,
            "wrong_answers": '"2" (6)',
        },
        {
            "item": "q2",
            "kind": "mchoice",
            "people": 20,
            "attempts": 31,
            "right": None,
            "right_share": None,
            "right_at_once_share": None,
            "wrong_answers": None,
        },
    ]


def failures(people: int, fixed: int, kind: str = "NameError") -> list[dict[str, object]]:
    return [
        {
            "pseudonym": str(number),
            "item": "loop",
            "error_type": kind,
            "t": 1000,
            "fixed": 1000 + 10_000 * (number + 1) if number < fixed else None,
        }
        for number in range(people)
    ]


def test_errors() -> None:
    rows = [*failures(10, 5), *failures(6, 4, "TypeError"), *failures(4, 4, "Rare")]
    assert figures.errors(rows).rows == (
        ("NameError", 10, 10, 1, 0.5, 30.0),
        ("TypeError", 6, 6, 1, None, None),
    )


def test_hours_begin_on_monday() -> None:
    rows = [{"hour": 0, "people": 5, "events": 9}, {"hour": 4 * 24 + 7, "people": 6, "events": 7}]
    assert figures.hours(rows).rows == (("Mon", 7, 6, 7), ("Thu", 0, 5, 9))


def test_what_a_spreadsheet_would_run_is_text() -> None:
    table = Table("t", ("a", "b"), (("=1+1", -1), ("@x", None), ('a "b", c', 0.5), ("\tx", 1)))
    assert table.csv() == 'a,b\r\n\'=1+1,-1\r\n\'@x,\r\n"a ""b"", c",0.5\r\n\'\tx,1\r\n'


@pytest.mark.parametrize(
    ("first", "last", "since", "until"),
    [
        pytest.param(None, None, date(2026, 7, 26), TODAY, id="none asked for"),
        pytest.param("2026-11-01", "2026-11-01", date(2026, 11, 1), date(2026, 11, 1), id="one day"),
        pytest.param("2026-11-01", None, date(2026, 11, 1), TODAY, id="until today"),
    ],
)
def test_days(first: str | None, last: str | None, since: date, until: date) -> None:
    days = Days.parse(first, last, TODAY)
    assert (days.first, days.last) == (since, until)
    assert days.until - days.since == ((until - since).days + 1) * figures.DAY


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-11-02", "2026-11-01"),
        ("2020-01-01", None),
        ("yesterday", None),
        ("0001-01-01", "0001-01-01"),
        (None, "9999-12-31"),
    ],
)
def test_days_that_are_none(first: str | None, last: str | None) -> None:
    with pytest.raises(InvalidParameter):
        Days.parse(first, last, TODAY)
