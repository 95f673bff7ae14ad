"""The calls of unmodified books: what they keep, what they show again, and what they leave alone."""

import asyncio
import json
import uuid

import pytest

from backends.allowance import Rate
from backends.storage import thinning
from tests.backends.book_calls import COURSE, call, event, history, restored, results, run, versions
from tests.backends.issuer import Issuer
from tests.backends.services import Reader, Running, storage


async def test_the_last_answer_counts_and_every_attempt_stays(ada: Reader) -> None:
    for answer in ("0", "1", "2"):
        await event(ada, event="mChoice", div_id="mc", answer=answer, correct="F")
    assert (await restored(ada, "mChoice", "mc"))["answer"] == "2"
    kept = await versions(ada, "ns:mChoice:mc")
    assert [one["role"] for one in kept] == ["attempt"] * 3


async def test_what_a_page_reports_beside_answers_hides_none(ada: Reader) -> None:
    await event(ada, event="webwork", div_id="ww", answer='{"a":1}', correct=True)
    await event(ada, event="webwork", div_id="ww", act="show")
    assert (await restored(ada, "webwork", "ww"))["answer"] == {"a": 1}


async def test_what_asks_for_a_state_cannot_take_its_place(ada: Reader) -> None:
    assert (await event(ada, event="SPLICE.getState", div_id="frame", answer="x")).status == 201
    assert (await event(ada, event="SPLICE.reportScoreAndState", div_id="frame", answer="[1]")).status == 201
    assert (await restored(ada, "SPLICE.getState", "frame"))["answer"] == [1]


async def test_moves_thin_out_and_answers_do_not(ada: Reader) -> None:
    for number in range(thinning.KEPT + 20):
        await event(ada, event="parsonsMove", div_id="pp", act=f"move|{number}")
    assert len(await versions(ada, "ns.log:parsonsMove:pp")) == thinning.KEPT


async def test_an_event_that_nobody_knows_is_kept_as_it_came(ada: Reader) -> None:
    assert (await event(ada, event="newThing", div_id="n", act="x", more={"deep": [1, None]})).status == 201
    kept = json.loads((await ada.get(f"/v1/items/ns.log:newThing:n?course={COURSE}")).body)
    assert (kept["act"], kept["more"]) == ("x", {"deep": [1, None]})


async def test_a_body_names_nobody(store: Running) -> None:
    ada, eve = (store.reader(sub=f"{name}-{uuid.uuid4()}") for name in ("ada", "eve"))
    await event(ada, event="mChoice", div_id="mc", answer="1")
    await event(eve, event="mChoice", div_id="mc", answer="2", sid="ada", username="ada", email="a@x")
    asked = {"div_id": "mc", "course": COURSE, "event": "mChoice", "sid": "ada"}
    seen = (await call(eve, "assessment/results", asked)).json["detail"]
    assert isinstance(seen, dict)
    assert seen["answer"] == "2"
    assert (await restored(ada, "mChoice", "mc"))["answer"] == "1"
    kept = json.loads((await eve.get(f"/v1/items/ns:mChoice:mc?course={COURSE}")).body)
    assert not {"sid", "username", "email"} & set(kept)


async def test_books_and_courses_are_apart(store: Running) -> None:
    sub = str(uuid.uuid4())
    one, other = store.reader(sub=sub, book="one"), store.reader(sub=sub, book="other")
    await event(one, event="mChoice", div_id="mc", answer="1")
    assert await results(other, "mChoice", "mc") == "no data"
    assert await results(one, "mChoice", "mc", "another-course") == "no data"


# --- programs


async def test_runs_are_a_history(ada: Reader) -> None:
    assert await history(ada, "ac") == []
    for code in ("print(1)\n", "print(2)\n"):
        answer = await run(ada, div_id="ac", code=code, prefix="import x\n", suffix="assert y\n")
        assert (answer.status, answer.json) == (201, {"detail": None})
    assert await history(ada, "ac") == ["print(1)\n", "print(2)\n"]
    kept = json.loads((await ada.get(f"/v1/items/ns.run:ac?course={COURSE}")).body)
    assert (kept["prefix"], kept["suffix"], kept["errinfo"]) == ("import x\n", "assert y\n", "success")


@pytest.mark.parametrize("word", ["False", "false", "F", False])
async def test_a_run_that_changed_nothing_is_kept_beside_the_history(ada: Reader, word: object) -> None:
    await run(ada, div_id="ac", code="1", to_save="True")
    assert (await run(ada, div_id="ac", code="2", to_save=word)).status == 201
    assert await history(ada, "ac") == ["1"]
    assert json.loads((await ada.get(f"/v1/items/ns.rerun:ac?course={COURSE}")).body)["code"] == "2"


async def test_without_to_save_a_run_is_saved(ada: Reader) -> None:
    body = {"div_id": "sql", "code": "SELECT 1", "course": COURSE, "save_code": "True"}
    assert (await call(ada, "logger/runlog", body)).status == 201
    assert await history(ada, "sql") == ["SELECT 1"]


async def test_a_history_without_a_course_is_that_of_the_course_written_last(own_store: Running) -> None:
    ada = own_store.reader(sub=str(uuid.uuid4()))
    await run(ada, div_id="ac", code="spring", course="cs1-spring")
    own_store.clock.ahead += 60
    await run(ada, div_id="ac", code="autumn", course="cs1 autumn")
    assert await history(ada, "ac") == ["autumn"]
    assert await history(ada, "ac", course="cs1-spring") == ["spring"]
    assert await history(ada, "ac", course="nowhere") == []


async def test_a_history_is_never_larger_than_a_page_can_take(ada: Reader) -> None:
    for number in range(6):
        assert (await run(ada, div_id="ac", code=str(number) * 1_000_000)).status == 201
    assert [source[0] for source in await history(ada, "ac")] == ["2", "3", "4", "5"]


async def test_a_partner_is_told_apart(ada: Reader) -> None:
    answer = await run(ada, div_id="ac", code="1", partner="ben")
    assert (answer.status, answer.json) == (
        207,
        {"detail": "Saved for you. Nothing was saved for your partner."},
    )
    assert (await run(ada, div_id="ac", code="1", partner=True)).status == 201
    assert await history(ada, "ac") == ["1", "1"]


# --- timed exams, polls, pages


async def took(reader: Reader) -> object:
    return (
        await call(reader, "assessment/tookTimedAssessment", {"div_id": "exam", "course_name": COURSE})
    ).json


async def test_an_exam_is_taken_once_it_is_begun_and_has_its_numbers_at_the_end(ada: Reader) -> None:
    assert await took(ada) == {"detail": {"tookAssessment": False}}
    await event(ada, event="mChoice", div_id="exam", answer="1")
    assert await took(ada) == {"detail": {"tookAssessment": False}}
    await event(ada, event="timedExam", act="start", div_id="exam")
    assert await took(ada) == {"detail": {"tookAssessment": True}}
    nothing = {"correct": 0, "incorrect": 0, "skipped": 0, "time_taken": 0}
    assert await restored(ada, "timedExam", "exam") == nothing
    numbers = {"correct": 2, "incorrect": 1, "skipped": 0, "time_taken": 60}
    await event(ada, event="timedExam", act="finish", div_id="exam", **numbers)
    await event(ada, event="timedExam", act="pause", div_id="exam")
    assert await restored(ada, "timedExam", "exam") == numbers


@pytest.mark.parametrize(
    ("act", "vote"),
    [("1", "1"), ("12:because", "12"), ("0", "0"), ("none", None), ("-1", None), ("9999", None), (3, "3")],
)
async def test_a_poll_shows_ones_own_vote(ada: Reader, act: object, vote: str | None) -> None:
    path = f"/ns/assessment/getpollresults?course={COURSE}&div_id=poll"
    none = {"total": 0, "opt_counts": {}, "div_id": "poll", "my_vote": -1, "my_comment": ""}
    assert (await ada.get(path)).json == {"detail": none}
    await event(ada, event="poll", act=act, div_id="poll")
    voted = none if vote is None else none | {"total": 1, "opt_counts": {vote: 1}, "my_vote": vote}
    assert (await ada.get(path)).json == {"detail": voted}


async def turn(reader: Reader, page: object, **more: object) -> None:
    answer = await call(
        reader, "logger/updatelastpage", {"lastPageUrl": page, "course": COURSE, "completionFlag": 1} | more
    )
    assert (answer.status, answer.json) == (200, {"detail": "Success"})


async def last_page(reader: Reader) -> dict[str, object]:
    detail = (await reader.get(f"/ns/logger/getlastpage?course={COURSE}&_=1700000000")).json["detail"]
    assert isinstance(detail, dict)
    return detail


async def test_the_last_page_and_the_completed_ones(ada: Reader) -> None:
    status = "/ns/logger/getCompletionStatus?isPtxBook=false&lastPageUrl="
    assert set((await last_page(ada)).values()) == {None, ""}
    await turn(ada, "/chap1/page1.html", lastPageScrollLocation=40, pageLoad=True)
    assert await last_page(ada) == {
        "lastPageUrl": "/chap1/page1.html",
        "lastPageHash": "",
        "lastPageChapter": "chap1",
        "lastPageSubchapter": "page1",
        "lastPageScrollLocation": 40,
    }
    assert (await ada.get(status + "/chap1/page1.html")).json == {"detail": [{"completionStatus": -1}]}
    await turn(ada, "/chap1/page1.html", markingComplete=True)
    await turn(ada, "/one.html", markingComplete=True)
    await turn(ada, "/one.html", markingComplete=False, markingIncomplete=True)
    assert (await ada.get(status + "/chap1/page1.html")).json == {"detail": [{"completionStatus": 1}]}
    listed = (await ada.get("/ns/logger/getAllCompletionStatus")).json["detail"]
    assert isinstance(listed, list)
    found = {(one["chapterName"], one["subChapterName"], one["completionStatus"]) for one in listed}
    assert found == {("chap1", "page1.html", 1), ("", "one.html", 0)}


@pytest.mark.parametrize("page", ["//evil.example", "javascript:alert(1)", '/a"><script>', "/a'b", ""])
async def test_a_last_page_is_a_path_before_pages_put_it_into_their_html(ada: Reader, page: str) -> None:
    await turn(ada, page)
    assert (await last_page(ada))["lastPageUrl"] is None


# --- replays, late entries, many at once


async def test_a_replay_adds_no_attempt(ada: Reader) -> None:
    fields = {"event": "mChoice", "div_id": "mc", "answer": "1", "course_name": COURSE}
    source = {"div_id": "ac", "code": "1", "course": COURSE, "partner": "ben"}
    for _ in range(3):
        assert (await call(ada, "logger/bookevent", fields, idempotency_key="k-1")).status == 201
        assert (await call(ada, "logger/runlog", source, idempotency_key="k-2")).status == 207
    assert len(await versions(ada, "ns:mChoice:mc")) == 1
    assert await history(ada, "ac") == ["1"]
    other = await call(ada, "logger/bookevent", fields | {"answer": "2"}, idempotency_key="k-1")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert (await restored(ada, "mChoice", "mc"))["answer"] == "1"


async def test_a_replay_turns_no_mark_back(ada: Reader) -> None:
    marks = [
        {"lastPageUrl": "/p", "markingComplete": done, "markingIncomplete": not done}
        for done in (True, False)
    ]
    for mark, key in ((marks[0], "k-1"), (marks[1], "k-2"), (marks[0], "k-1")):
        assert (await call(ada, "logger/updatelastpage", mark, idempotency_key=key)).status == 200
    status = await ada.get("/ns/logger/getCompletionStatus?lastPageUrl=/p")
    assert status.json == {"detail": [{"completionStatus": 0}]}


async def test_a_late_entry_keeps_both_times(ada: Reader) -> None:
    made = "2026-11-20T08:00:00.000Z"
    fields = {"event": "mChoice", "div_id": "mc", "answer": "1", "course_name": COURSE}
    assert (await call(ada, "logger/bookevent", fields, x_bookgate_time=made)).status == 201
    (version,) = await versions(ada, "ns:mChoice:mc")
    assert version["client_ts"] == made
    detail = await results(ada, "mChoice", "mc")
    assert isinstance(detail, dict)
    assert detail["timestamp"] == version["saved"] != made


async def test_many_at_once_lose_nothing(ada: Reader) -> None:
    answers = await asyncio.gather(
        *(event(ada, event="fillb", div_id="fb", answer=f'["{number}"]') for number in range(40)),
        *(run(ada, div_id="ac", code=str(number)) for number in range(40)),
    )
    assert {answer.status for answer in answers} == {201}
    assert len(await versions(ada, "ns:fillb:fb")) == 40
    assert sorted(await history(ada, "ac"), key=int) == [str(number) for number in range(40)]


async def test_one_person_cannot_write_without_end(
    issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("storage") / "storage.db"
    async with storage(file, issuer, Rate(burst=2, per_second=0.01)) as running:
        ada = running.reader()
        for _ in range(2):
            assert (await event(ada, event="knowl", act="open", div_id="k")).status == 201
        answer = await event(ada, event="knowl", act="open", div_id="k")
        assert (answer.status, answer.code, "Retry-After" in answer.headers) == (
            429,
            "too_many_requests",
            True,
        )
