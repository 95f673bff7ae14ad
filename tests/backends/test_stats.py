"""Figures over HTTP: who sees them, of whom they are, and that none is about fewer than five."""

import uuid
from collections.abc import Mapping

import pytest
from sqlalchemy import Delete, Insert, Select, Update

from backends.analytics import aggregates, schema
from tests.backends.services import Answer, Reader, Running
from tests.backends.test_analytics import event, send

DAY = "2026-11-22"
ASKED = f"from={DAY}&to={DAY}"


@pytest.fixture
def book() -> str:
    return f"book-{uuid.uuid4()}"


def teacher(events: Running, book: str, *classes: str, **claims: object) -> Reader:
    taught = [{"id": one, "role": "teacher"} for one in classes or ("class-1",)]
    return events.reader("teacher", book, classes=taught, **claims)


def student(events: Running, book: str, number: int, classes: str = "class-1", level: int = 2) -> Reader:
    member = [{"id": classes, "role": "student"}]
    return events.reader(f"{book}-{number}", book, classes=member, research_cap=level)


async def rows(reader: Reader, figure: str, more: str = "") -> list[Mapping[str, object]]:
    answer = await reader.get(f"/v1/stats/{figure}?{ASKED}{more}")
    assert answer.status == 200
    said = answer.json
    assert (said["k"], said["from"], said["to"]) == (5, DAY, DAY)
    found = said["rows"]
    assert isinstance(found, list)
    return found


def submit(*, correct: bool, answer: str = "1", minute: int = 0, **changed: object) -> dict[str, object]:
    t = f"{DAY}T10:{minute:02d}:00Z"
    return event(type="Submit", item="q1", item_kind="mchoice", error=..., t=t) | {
        "correct": correct,
        "answer": answer,
        **changed,
    }


async def test_difficulty_and_wrong_answers(events: Running, book: str) -> None:
    for number in range(12):
        once = [submit(correct=number < 5, answer="1" if number < 5 else "2")]
        again = [submit(correct=True, minute=5)] if number == 5 else []
        await send(student(events, book, number), once + again)
    assert await rows(teacher(events, book), "items") == [
        {
            "item": "q1",
            "kind": "mchoice",
            "people": 12,
            "attempts": 13,
            "right": 6,
            "right_share": 0.5,
            "right_at_once_share": 0.417,
            "wrong_answers": '"2" (7)',
        }
    ]


@pytest.mark.parametrize("figure", ["items", "pages", "errors", "funnel", "hours"])
async def test_nothing_is_said_of_four_people(events: Running, book: str, figure: str) -> None:
    sent = [submit(correct=False), event(error="NameError: x", answer=..., t=f"{DAY}T11:00:00Z")]
    for number in range(4):
        await send(student(events, book, number), [one | {"id": str(uuid.uuid4())} for one in sent])
    await send(teacher(events, book), sent)  # who teaches is no reader
    assert await rows(teacher(events, book), figure) == []
    await send(student(events, book, 5), sent)
    assert await rows(teacher(events, book), figure) != []


async def test_figures_are_of_one_book_one_class_and_their_days(events: Running, book: str) -> None:
    for number in range(5):
        await send(student(events, book, number, "class-1"), [submit(correct=True)])
        await send(student(events, book, 10 + number, "class-10"), [submit(correct=True)])
        await send(student(events, book + "-other", number), [submit(correct=True)])
        await send(
            student(events, book, number, "Class-1"), [submit(correct=True, t="2026-11-21T23:59:59.999Z")]
        )
    for reader, more, people in (
        (teacher(events, book), "", [5]),
        (teacher(events, book, "class-1", "class-10"), "&class=class-10", [5]),
        (teacher(events, book, roles=["instructor"]), "", [10]),
        (teacher(events, book, "Class-1"), "", []),
        (teacher(events, book, "class"), "", []),
        (teacher(events, book, "%"), "", []),
    ):
        assert [row["people"] for row in await rows(reader, "items", more)] == people


async def test_free_text_of_a_study_is_shown_to_no_teacher(events: Running, book: str) -> None:
    for number in range(6):
        wrote = submit(correct=False, item_kind="fillb", answer="Ada")
        await send(student(events, book, number, level=4), [wrote])
    (row,) = await rows(teacher(events, book), "items")
    assert (row["people"], row["wrong_answers"]) == (6, None)


async def test_errors_and_the_time_to_mend_them(events: Running, book: str) -> None:
    def run(minute: int, error: str | None) -> dict[str, object]:
        return event(type="Run.Program", item="loop", t=f"{DAY}T10:{minute:02d}:00Z", error=error, answer=...)

    for number in range(5):
        tried = [run(0, "NameError: x"), run(1, "NameError: x"), run(2 + number, None)]
        await send(student(events, book, number), [*tried, run(30, "TypeError: y")])
    found = {row["error"]: row for row in await rows(teacher(events, book), "errors")}
    assert found["NameError"] == {
        "error": "NameError",
        "people": 5,
        "times": 5,
        "items": 1,
        "mended_share": 1.0,
        "seconds_to_fix": 240.0,
    }
    assert (found["TypeError"]["mended_share"], found["TypeError"]["seconds_to_fix"]) == (0.0, None)


async def test_pages_funnel_and_hours(events: Running, book: str) -> None:
    for number in range(6):
        seen = event(type="Resource.View", item=..., page="/ch1.html", t=f"{DAY}T10:00:00Z")
        worked = [submit(correct=True)] if number < 5 else []
        await send(student(events, book, number, level=2), [seen, *worked])
    reader = teacher(events, book)
    assert await rows(reader, "pages") == [{"page": "/ch1.html", "people": 6, "visits": 1, "events": 11}]
    assert await rows(reader, "funnel") == [
        {"page": "/ch1.html", "saw": 6, "worked": 5, "answered": 5, "right": 5}
    ]
    sunday = {"weekday": "Sun", "people": 6, "events": 11}
    assert await rows(reader, "hours") == [sunday | {"hour": 10}]
    assert await rows(reader, "hours", "&offset=-660") == [sunday | {"weekday": "Sat", "hour": 23}]


async def test_csv(events: Running, book: str) -> None:
    for number in range(5):
        await send(student(events, book, number), [submit(correct=True, item="q1")])
    answer = await teacher(events, book).get(f"/v1/stats/items?{ASKED}&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="items.csv"'
    assert answer.body.decode().splitlines()[1] == "q1,mchoice,5,5,5,1.0,1.0,"


@pytest.mark.parametrize(
    ("claims", "more", "status", "code"),
    [
        pytest.param({"classes": []}, "", 403, "not_a_teacher", id="nobody in particular"),
        pytest.param(
            {"roles": ["reader"]}, "", 403, "not_a_teacher", id="a student with a role of no matter"
        ),
        pytest.param(
            {"classes": [{"id": "mine", "role": "teacher"}]},
            "&class=hers",
            403,
            "not_a_teacher",
            id="another's class",
        ),
        pytest.param(
            {"classes": [{"id": "a", "role": "teacher"}, {"id": "b", "role": "teacher"}]},
            "",
            400,
            "invalid_parameter",
            id="which of two classes",
        ),
        pytest.param({"roles": ["author"]}, "&book=other", 400, "invalid_parameter", id="another book"),
        pytest.param({"roles": ["author"]}, "&format=xml", 400, "invalid_parameter", id="another format"),
        pytest.param({"roles": ["author"]}, "&offset=900", 400, "invalid_parameter", id="far from Greenwich"),
        pytest.param({"roles": ["author"]}, "&offset=1.5", 400, "invalid_parameter", id="half a minute"),
        pytest.param({"roles": ["author"]}, "&from=x", 400, "invalid_parameter", id="from twice"),
    ],
)
async def test_refused(
    events: Running, book: str, claims: dict[str, object], more: str, status: int, code: str
) -> None:
    answer: Answer = await events.reader("eve", book, **claims).get(f"/v1/stats/items?{ASKED}{more}")
    assert (answer.status, answer.code) == (status, code)


def test_what_is_about_more_than_one_person_has_its_reason() -> None:
    found = {
        name
        for name, value in vars(aggregates).items()
        if isinstance(value, Select | Insert | Update | Delete)
    }
    assert found == schema.ACROSS_PEOPLE.keys()
