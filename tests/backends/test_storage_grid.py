"""What a teacher's page asks of a class: by student and activity, named by the gateway and by nobody else."""

import json
import uuid
from typing import Any

import pytest

from backends.assertion import MOST_STUDENTS
from backends.storage.runestone import activity, points
from tests.backends.services import Answer, Reader, Running
from tests.backends.test_storage_merge import save

GRID = "/v1/internal/grid"


async def ask(store: Running, *students: str, book: str = "book-1") -> Answer:
    return await store.class_of(*students, book=book).post(GRID, b"")


async def grid(store: Running, *students: str) -> dict[str, list[dict[str, Any]]]:
    answer = await ask(store, *students)
    assert answer.status == 200, answer.body
    found: Any = answer.json["students"]
    return {one["student"]: one["activities"] for one in found}


class Student:
    def __init__(self, store: Running, book: str = "book-1") -> None:
        self.sub = str(uuid.uuid4())
        self.reader: Reader = store.reader(self.sub, book)

    async def event(self, **fields: object) -> None:
        said = {"event": "mChoice", "div_id": "q1", "course_name": "cs1"} | fields
        answer = await self.reader.post("/ns/logger/bookevent", json.dumps(said).encode())
        assert answer.status == 201


class TestGrid:
    async def test_points_attempts_and_when(self, store: Running) -> None:
        ada, bob, eve = Student(store), Student(store), Student(store)
        await ada.event(answer="1", correct="F")
        await ada.event(answer="2", correct="T", percent=0.5)
        await save(bob.reader, "p", "print(1)", "program")
        await save(eve.reader, "p", "of nobody's business", "program")
        found = await grid(store, ada.sub, bob.sub, "somebody-new")
        assert list(found) == [ada.sub, bob.sub, "somebody-new"]
        [one] = found[ada.sub]
        saved = one.pop("saved")
        assert one == {"course": "cs1", "activity": "q1", "points": 0.5, "attempts": 2}
        assert abs(saved / 1000 - store.clock()) < 60
        [program] = found[bob.sub]
        assert (program["activity"], program["points"], program["attempts"]) == ("p", None, 1)
        assert found["somebody-new"] == []

    async def test_one_activity_is_one_however_it_is_kept(self, store: Running) -> None:
        ada = Student(store)
        await ada.event(event="unittest", div_id="ac1", act="percent:100", answer="x", percent=1)
        run = {"div_id": "ac1", "code": "1", "course": "cs1"}
        await ada.reader.post("/ns/logger/runlog", json.dumps(run).encode())
        await ada.event(event="page", div_id="/a.html")
        await ada.event(event="timedExam", div_id="e1", act="start")
        await ada.reader.post("/ns/logger/updatelastpage", b'{"lastPageUrl":"/a.html","course":"cs1"}')
        [one] = (await grid(store, ada.sub))[ada.sub]
        assert (one["activity"], one["points"], one["attempts"]) == ("ac1", 1.0, 2)

    async def test_what_is_deleted_or_never_stood_is_not_there(self, store: Running) -> None:
        ada = Student(store)
        await save(ada.reader, "x", "1")
        await ada.reader.delete("/v1/items/x?mode=lww")
        await ada.reader.put("/v1/items/y", b"lost", if_match='"1-AAAAAAAAAAAAAAAA"')
        await save(ada.reader, "g", "{}", "progress")
        assert await grid(store, ada.sub) == {ada.sub: []}

    async def test_of_one_book(self, store: Running) -> None:
        ada = Student(store)
        await save(ada.reader, "x", "1")
        answer = await ask(store, ada.sub, book="book-2")
        assert answer.json == {"students": [{"student": ada.sub, "activities": []}]}

    async def test_by_the_gateway_alone(self, store: Running) -> None:
        ada = Student(store)
        await save(ada.reader, "x", "1")
        teacher = store.reader("teacher", classes=[{"id": "class-1", "role": "teacher"}], students=[ada.sub])
        assert (await teacher.post(GRID, b"")).code == "assertion_type"

    @pytest.mark.parametrize(
        "claims",
        [
            {"class": None},
            {"class": None, "purpose": "export"},
            {"from": "somebody"},
            {"students": "all"},
            {"students": ["x"] * (MOST_STUDENTS + 1)},
        ],
        ids=str,
    )
    async def test_claims_that_do_not_fit(self, store: Running, claims: dict[str, object]) -> None:
        purpose = str(claims.get("purpose", "grid"))
        reader = store.class_of("x", **claims)
        assert (await reader.post(f"/v1/internal/{purpose}", b"")).code == "assertion_claims"

    async def test_another_purpose_is_none_for_it(self, store: Running) -> None:
        reader = store.asked("export", "ada")
        assert (await reader.post(GRID, b"")).code == "assertion_purpose"


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("essay", "essay"), ("a:b", "a:b"), ("ns", "ns"), ("ns:mChoice:q1", "q1"), ("ns.run:ac1", "ac1"),
        ("ns:timedExam:e1", "e1"), ("ns:timedExam.begun:e1", None), ("ns.rerun:ac1", None),
        ("ns.log:page:x", None), ("ns.page", None), ("ns.done:p", None),
    ],
)  # fmt: skip
def test_activity(item: str, name: str | None) -> None:
    assert activity(item) == name


@pytest.mark.parametrize(
    ("body", "worth"),
    [
        ({"percent": 0.25, "correct": "T"}, 0.25), ({"percent": 3, "correct": "T"}, 1.0),
        ({"percent": True}, None),
        ({"percent": "1", "correct": False}, 0.0), ({"correct": "F"}, 0.0), ({"correct": "perhaps"}, None),
        ({"correct": None}, None), ({"correct": {}}, None), ({"correct": 1}, None), ({}, None),
        ({"event": "timedExam", "correct": 3, "incorrect": 1, "skipped": 0}, 0.75),
        ({"event": "timedExam", "correct": -3, "incorrect": "x"}, 0.0),
        ([], None), ("text", None),
    ],
)  # fmt: skip
def test_points(body: object, worth: float | None) -> None:
    assert points(json.dumps(body).encode()) == worth
