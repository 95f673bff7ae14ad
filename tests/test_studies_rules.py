from dataclasses import replace
from datetime import date

import pytest

from gateway.studies_rules import (
    NO,
    Answers,
    Basis,
    Participant,
    Study,
    asked_of,
    books_with_a_question,
    participants,
    research_cap,
)

STUDY = Study(
    id="errors",
    title="Error messages",
    irb="STUDY1",
    basis=Basis.CONSENT,
    level=3,
    books=frozenset({"cs1"}),
    text="We look at errors.",
    begins=date(2027, 1, 10),
    ends=date(2027, 6, 30),
)
WAIVED = replace(STUDY, id="counts", basis=Basis.WAIVER, level=4)
DAY = date(2027, 2, 1)
YES = (("errors", STUDY.version),)


@pytest.mark.parametrize(
    ("study", "answers", "book", "day", "cap"),
    [
        pytest.param(STUDY, YES, "cs1", DAY, 3, id="yes"),
        pytest.param(STUDY, (), "cs1", DAY, 1, id="not asked"),
        pytest.param(STUDY, (("errors", NO),), "cs1", DAY, 1, id="no"),
        pytest.param(STUDY, (("errors", "another"),), "cs1", DAY, 1, id="yes to another text"),
        pytest.param(STUDY, YES, "cs2", DAY, 1, id="another book"),
        pytest.param(STUDY, YES, "cs1", STUDY.begins, 3, id="first day"),
        pytest.param(STUDY, YES, "cs1", STUDY.ends, 3, id="last day"),
        pytest.param(STUDY, YES, "cs1", date(2027, 1, 9), 1, id="before"),
        pytest.param(STUDY, YES, "cs1", date(2027, 7, 1), 1, id="after"),
        pytest.param(WAIVED, (), "cs1", DAY, 4, id="waived, not asked"),
        pytest.param(WAIVED, (("counts", NO),), "cs1", DAY, 1, id="waived, no"),
    ],
)
def test_how_much_is_open(study: Study, answers: Answers, book: str, day: date, cap: int) -> None:
    assert research_cap([study], answers, book, day, 1) == cap


def test_a_study_takes_nothing_away() -> None:
    assert research_cap([], (), "cs1", DAY, 2) == 2
    assert research_cap([STUDY, WAIVED], YES, "cs1", DAY, 2) == 4


def test_who_is_asked() -> None:
    assert asked_of([STUDY, WAIVED], ["cs2", "cs1"], DAY) == [STUDY, WAIVED]
    assert asked_of([STUDY], ["cs2"], DAY) == []
    assert asked_of([STUDY], ["cs1"], date(2028, 1, 1)) == []


@pytest.mark.parametrize(
    ("answers", "books", "day", "asking"),
    [
        pytest.param({}, ["cs2", "cs1"], DAY, ["cs1"], id="not asked yet"),
        pytest.param({}, ["cs2"], DAY, [], id="of another book"),
        pytest.param({}, ["cs1"], date(2028, 1, 1), [], id="over"),
        pytest.param(dict(YES), ["cs1"], DAY, ["cs1"], id="one of two answered"),
        pytest.param({"errors": NO, "counts": WAIVED.version}, ["cs1"], DAY, [], id="both answered"),
        pytest.param({"errors": "another", "counts": NO}, ["cs1"], DAY, ["cs1"], id="yes to another text"),
    ],
)
def test_in_which_books_an_answer_waits(
    answers: dict[str, str], books: list[str], day: date, asking: list[str]
) -> None:
    assert books_with_a_question([STUDY, WAIVED], answers, books, day) == asking


def test_who_takes_part_and_since_when() -> None:
    first, later = STUDY.since, STUDY.since + 86_400
    answers = {
        "ada": (STUDY.version, later),
        "early": (STUDY.version, first - 5),
        "no": (NO, later),
        "old": ("another", later),
    }
    readers = [(person, "cs1") for person in (*answers, "unasked")] + [("ada", "cs2")]
    assert participants(STUDY, answers, readers) == [
        Participant("ada", "cs1", later),
        Participant("early", "cs1", first),
    ]
    assert [one.person for one in participants(WAIVED, answers, readers)] == [
        "ada",
        "early",
        "old",
        "unasked",
    ]
    assert participants(WAIVED, {}, readers)[-1] == Participant("unasked", "cs1", first)


def test_the_seconds_of_a_study() -> None:
    assert (STUDY.since, STUDY.until) == (1799539200, 1814400000)
