"""What /ns takes although it is odd, for a page alerts at every refusal; and what it refuses, with a code."""

import json
import uuid
from itertools import combinations

import pytest

from backends.storage import runestone
from backends.storage.items import KIB, NAME
from tests.backends.book_calls import COURSE, call, event, history, restored, results, run
from tests.backends.services import Reader, Running

ODD = [
    pytest.param("chap/ex 1", id="slash and blank"),
    pytest.param("größe-字-🐢", id="not ASCII"),
    pytest.param("internal", id="internal"),
    pytest.param("..", id="dots"),
    pytest.param("-rf", id="hyphen first"),
    pytest.param("a:b", id="colon"),
    pytest.param("_~abc", id="looks like a hash"),
    pytest.param("a\0b", id="NUL"),
    pytest.param("a\nb", id="newline"),
    pytest.param("\ud800", id="half a character"),
    pytest.param("'; DROP TABLE items; --", id="quote"),
    pytest.param("x" * 10_000, id="very long"),
    pytest.param("https://frame.example/a?b=c#d", id="address of a frame"),
    pytest.param("", id="empty"),
]


@pytest.mark.parametrize("activity", ODD)
async def test_any_name_of_an_activity_saves_and_restores(ada: Reader, activity: str) -> None:
    assert (await event(ada, event="mChoice", div_id=activity, answer="1")).status == 201
    assert await restored(ada, "mChoice", activity) == {"answer": "1"}
    assert (await run(ada, div_id=activity, code="1")).status == 201
    assert await history(ada, activity) == ["1"]
    assert (await event(ada, event=activity, div_id="x", answer="2")).status == 201
    assert (await restored(ada, activity, "x"))["answer"] == "2"
    body = {"event": "mChoice", "div_id": "y", "course_name": activity, "answer": "3"}
    assert (await call(ada, "logger/bookevent", body)).status == 201
    detail = await results(ada, "mChoice", "y", activity)
    assert isinstance(detail, dict)
    assert detail["answer"] == "3"


def test_no_two_names_share_an_item() -> None:
    words = [str(one.values[0]) for one in ODD] + ["a", "c", "b:c", "x" * 80, "x" * 81]
    words.append(runestone.named("a:b"))
    pairs = {(event, activity) for event in words for activity in words}
    keys = {pair: runestone.answer_key("", *pair) for pair in pairs}
    for one, other in combinations(pairs, 2):
        assert keys[one] != keys[other], (one, other)
    assert all(NAME.fullmatch(key.id) for key in keys.values())
    assert all(NAME.fullmatch(runestone.named(word)) for word in words if word)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("half \ud83d of a turtle", id="lone surrogate"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("\u2028</script>", id="script"),
        pytest.param("字" * 20_000, id="60,000 bytes, which act repeats"),
    ],
)
async def test_any_text_comes_back_as_it_was(ada: Reader, answer: str) -> None:
    assert (await event(ada, event="shortanswer", div_id="sa", answer=answer, act=answer)).status == 201
    read = await ada.post(
        "/ns/assessment/results",
        json.dumps({"div_id": "sa", "event": "shortanswer", "course": COURSE}).encode(),
    )
    assert json.loads(read.body)["detail"]["answer"] == answer


@pytest.mark.parametrize("left_out", ["div_id", "event", "course_name", "act"])
async def test_scripts_leave_out_what_is_undefined(ada: Reader, left_out: str) -> None:
    body = {"event": "spreadsheet", "div_id": "s", "course_name": COURSE, "act": "x"}
    del body[left_out]
    assert (await call(ada, "logger/bookevent", body)).status == 201


async def test_what_a_teacher_says_is_not_taken_from_a_page(ada: Reader) -> None:
    await event(ada, event="shortanswer", div_id="sa", answer="x", comment="<img src=x>", score=10)
    assert await restored(ada, "shortanswer", "sa") == {"answer": "x"}


@pytest.mark.parametrize("body", [b"[1]", b'"x"', b"not JSON", b"\xff\xfe", b'{"event":"e"', b"{}"])
async def test_an_item_that_somebody_else_put_there_is_no_data(ada: Reader, body: bytes) -> None:
    await ada.put(f"/v1/items/ns:mChoice:mc?mode=lww&kind=answer&course={COURSE}", body)
    await ada.put(f"/v1/items/ns.run:ac?mode=lww&course={COURSE}", body)
    await ada.put(f"/v1/items/ns.page?mode=lww&kind=progress&course={COURSE}", body)
    await ada.put("/v1/items/ns.done:x?mode=lww&kind=progress", body)
    assert (body == b"{}") or await results(ada, "mChoice", "mc") == "no data"
    assert await history(ada, "ac") == []
    for path in (
        f"getlastpage?course={COURSE}",
        "getAllCompletionStatus",
        "getCompletionStatus?lastPageUrl=x",
    ):
        assert (await ada.get(f"/ns/logger/{path}")).status == 200


async def test_a_deleted_item_is_no_data(ada: Reader) -> None:
    await event(ada, event="mChoice", div_id="mc", answer="1")
    await run(ada, div_id="ac", code="1")
    for item in ("ns:mChoice:mc", "ns.run:ac"):
        assert (await ada.delete(f"/v1/items/{item}?mode=lww&course={COURSE}")).status == 204
    assert await results(ada, "mChoice", "mc") == "no data"
    assert await history(ada, "ac") == await history(ada, "ac", course=COURSE) == []


NOT_CALLS = [
    pytest.param(b"", "invalid_json", id="empty"),
    pytest.param(b"not json", "invalid_json", id="text"),
    pytest.param(b"[]", "invalid_json", id="a list"),
    pytest.param(b"null", "invalid_json", id="null"),
    pytest.param(b'{"div_id":"x"', "invalid_json", id="cut off"),
    pytest.param(b'{"div_id":"\xff"}', "invalid_json", id="not UTF-8"),
    pytest.param(b'{"a":NaN}', "invalid_json", id="NaN"),
    pytest.param(b'{"a":1e999}', "invalid_json", id="a number without end"),
    pytest.param(b'{"a":' + b"9" * 5000 + b"}", "invalid_json", id="a number of 5000 digits"),
    pytest.param(b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "invalid_json", id="deep"),
    pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", id="very deep"),
    pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "invalid_json", id="very deep objects"),
    pytest.param(b'{"div_id":1}', "invalid_field", id="div_id is a number"),
    pytest.param(b'{"div_id":["a"]}', "invalid_field", id="div_id is a list"),
    pytest.param(b'{"course":{},"course_name":{}}', "invalid_field", id="course is an object"),
]
CALLS = ["logger/bookevent", "logger/runlog", "assessment/results"]


@pytest.mark.parametrize(("body", "code"), NOT_CALLS)
@pytest.mark.parametrize("name", CALLS)
async def test_what_is_no_call_is_refused(ada: Reader, name: str, body: bytes, code: str) -> None:
    answer = await ada.post(f"/ns/{name}", body)
    assert (answer.status, answer.code) == (400, code)
    assert (await ada.get("/v1/me/usage")).json["versions"] == 0


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("logger/bookevent", b'{"event":1}'),
        ("logger/runlog", b'{"code":{}}'),
        ("logger/runlog", b'{"code":null}'),
        ("assessment/gethist", b'{"acid":1}'),
        ("assessment/tookTimedAssessment", b'{"div_id":1}'),
        ("logger/updatelastpage", b'{"lastPageUrl":1}'),
    ],
)
async def test_fields_of_other_types_are_refused(ada: Reader, name: str, body: bytes) -> None:
    answer = await ada.post(f"/ns/{name}", body)
    assert (answer.status, answer.code) == (400, "invalid_field")


@pytest.mark.parametrize("answer", [5, True, {"a": 1}, [1], "not JSON"])
@pytest.mark.parametrize("kind", ["mChoice", "matching", "timedExam", "poll"])
async def test_answers_of_other_types_break_nothing(ada: Reader, kind: str, answer: object) -> None:
    fields = {"answer": answer, "act": "finish", "correct": answer, "incorrect": answer}
    assert (await event(ada, event=kind, div_id="x", **fields)).status == 201
    assert isinstance(await results(ada, kind, "x"), dict)
    assert (await ada.get(f"/ns/assessment/getpollresults?course={COURSE}&div_id=x")).status == 200


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("bookevent", {"event": "shortanswer", "answer": "x" * 65 * KIB}, id="answer"),
        pytest.param("bookevent", {"event": "log", "act": "x" * 65 * KIB}, id="log"),
        pytest.param("bookevent", {"event": "log", "act": "x" * 1025 * KIB}, id="body"),
        pytest.param("runlog", {"code": "x" * 1025 * KIB}, id="program"),
    ],
)
async def test_what_is_too_large_says_so(ada: Reader, name: str, body: object) -> None:
    answer = await call(ada, f"logger/{name}", body)
    assert (answer.status, answer.code) == (413, "too_large")
    assert isinstance(answer.json["limit"], int)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(ada: Reader, content_type: str) -> None:
    answer = await ada.post("/ns/logger/bookevent", b"{}", content_type=content_type)
    assert (answer.status, answer.code) == (415, "unsupported_type")


@pytest.mark.parametrize("name", ["logger/bookevent", "logger/runlog"])
async def test_headers_that_name_nothing_are_refused(ada: Reader, name: str) -> None:
    body = {"div_id": "x", "code": "1", "answer": "1"}
    assert (await call(ada, name, body, idempotency_key="a b")).code == "invalid_header"
    assert (await call(ada, name, body, x_bookgate_time="yesterday")).code == "invalid_header"
    assert (await ada.get("/v1/me/usage")).json["versions"] == 0


async def test_nobody_without_an_assertion(store: Running) -> None:
    for name in CALLS:
        assert (await call(store.nobody(), name, {})).status == 401
    other = store.issuer.mint(aud="analytics", sub=str(uuid.uuid4()))
    assert (await call(Reader(store.session, store.url, other), "logger/bookevent", {})).status == 401


async def test_calls_that_are_not_answered_here(ada: Reader) -> None:
    assert (await call(ada, "coach/python_check", {})).code == "not_found"
    assert (await ada.get("/ns/logger/bookevent")).code == "method_not_allowed"
