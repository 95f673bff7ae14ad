"""What recorded visits of real books become, and what any call becomes."""

import hashlib
import json
import re
import uuid
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.analytics import runestone
from backends.analytics.events import Event, Rejected
from backends.analytics.events import parse as parse_event
from tests.backends.services import Reader, Running
from tests.backends.test_analytics import rows

NOW = 1_795_341_600_000
CALLS = {"/ns/logger/bookevent", "/ns/logger/runlog"}
VISITS = json.loads((Path(__file__).parent / "runestone_visits.json").read_text("utf-8"))


def mapped(**fields: object) -> Event | Rejected:
    body = msgspec.json.encode(fields)
    return parse_event(runestone.event(runestone.parse(body), None, NOW, "/a.html?x"), 0, NOW)


def event(**fields: object) -> Event:
    made = mapped(**fields)
    assert isinstance(made, Event)
    return made


@pytest.mark.parametrize("book", VISITS)
def test_every_recorded_call_becomes_an_event(book: str) -> None:
    made = [event(**visit["body"]) for visit in VISITS[book] if visit["path"] in CALLS]
    assert {"Run.Program", "File.Edit", "Submit"} <= {one.type for one in made}
    assert all(one.item and one.page == "/a.html" for one in made)
    right = [one for one in made if one.item_kind == "mChoice"]
    assert [(one.answer, one.correct, one.score) for one in right[:1]] == [('"1"', True, 1.0)]


def test_the_recorded_types() -> None:
    seen = {
        (one.type, one.item_kind)
        for visits in VISITS.values()
        for one in [event(**visit["body"]) for visit in visits if visit["path"] in CALLS]
    }
    assert seen == {
        ("Run.Program", "activecode"),
        ("File.Edit", "activecode"),
        ("X-activecode", "activecode"),
        ("Submit", "mChoice"),
        ("Submit", "fillb"),
        ("Submit", "shortanswer"),
        ("Submit", "parsons"),
        ("Submit", "dragNdrop"),
        ("Submit", "poll"),
        ("X-parsonsMove", "parsonsMove"),
        ("X-timedExam", "timedExam"),
        ("Resource.View", "knowl"),
    }


def test_a_run_that_failed() -> None:
    made = event(
        div_id="ac", code="print(x)", errinfo="NameError: name 'x' is not defined on line 1", to_save="False"
    )
    assert (made.type, made.error_type, made.error_line) == ("Run.Program", "NameError", 1)
    assert made.delta == '{"source":"print(x)"}'
    assert made.x == '{"to_save":false}'
    assert made.code_sha == hashlib.sha256(b"print(x)").hexdigest()
    assert event(div_id="ac", code="", errinfo="success").error is None


@pytest.mark.parametrize(
    ("act", "score", "correct"),
    [
        ("percent:50:passed:1:failed:1", 0.5, False),
        ("percent:100.0:passed:2:failed:0", 1.0, True),
        ("percent:0:passed:0:failed:2", 0.0, False),
        ("no tests", None, None),
    ],
)
def test_unit_tests(act: str, *, score: float | None, correct: bool | None) -> None:
    made = event(event="unittest", act=act, div_id="ac")
    assert (made.type, made.score, made.correct) == ("Run.Test", score, correct)


def test_what_is_longer_than_is_kept_is_left_out_and_the_event_is_there() -> None:
    assert event(div_id="ac", code="x" * 100_000).delta is None
    assert event(event="shortanswer", answer="\u00e9" * 60_000).answer is None
    assert event(event="codelens", act="x" * 70_000).x is None


def test_names_that_no_item_may_have() -> None:
    assert re.fullmatch(r"_~[A-Za-z0-9_-]{43}", event(div_id="my div", event="x").item or "")
    assert event(event="a b/c", act="1").type == "X-a-b-c"
    assert event(event="").type == "X-event"


FIELDS = st.dictionaries(
    st.sampled_from(["event", "act", "div_id", "answer", "correct", "percent", "code", "errinfo", "to_save"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
)


@settings(max_examples=150, deadline=None)
@given(FIELDS)
def test_whatever_a_page_sends_becomes_an_event(fields: dict[str, object]) -> None:
    body = json.dumps(fields).encode("utf-8", "surrogatepass")
    made = parse_event(runestone.event(runestone.parse(body), "key", NOW, None), 0, NOW)
    assert isinstance(made, Event) or made.code in {"invalid_score", "invalid_answer"}


@pytest.fixture
def pseudonym() -> str:
    return f"pseudonym-{uuid.uuid4()}"


@pytest.fixture
def ada(events: Running, pseudonym: str) -> Reader:
    return events.reader(sub=pseudonym, research_cap=2)


CHOICE = b'{"event":"mChoice","act":"answer:1:no","answer":"1","correct":"F","div_id":"q","course_name":"c"}'


async def test_the_same_call_is_kept_once(events: Running, ada: Reader, pseudonym: str) -> None:
    for _ in range(2):
        answer = await ada.post("/v1/runestone?page=/ch1.html", CHOICE, idempotency_key="key-1")
        assert answer.status == 202
    assert answer.json == {"accepted": 0, "duplicate": 1, "rejected": []}
    assert (await ada.post("/v1/runestone", CHOICE, x_bookgate_time="2026-11-22T10:00:00Z")).status == 202
    found = await rows(events, pseudonym)
    assert len(found) == 2
    assert {(row["type"], row["page"], row["answer"], row["correct"]) for row in found} == {
        ("Submit", "/ch1.html", '"1"', 0),
        ("Submit", None, '"1"', 0),
    }
    assert NOW in {row["t"] for row in found}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"{", 400, "invalid_json", id="no JSON"),
        pytest.param(b"[]", 400, "invalid_json", id="a list"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "invalid_json", id="very deep"),
        pytest.param(b" " * (runestone.LARGEST + 1), 413, "too_large", id="too large"),
    ],
)
async def test_refused(ada: Reader, body: bytes, status: int, code: str) -> None:
    answer = await ada.post("/v1/runestone", body)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("key", ["", "k" * 201, "\u00e9"])
async def test_keys_that_are_none(ada: Reader, key: str) -> None:
    answer = await ada.post("/v1/runestone", CHOICE, idempotency_key=key)
    assert (answer.status, answer.code) == (400, "invalid_header")


async def test_halves_of_characters_and_numbers_that_are_none(ada: Reader) -> None:
    body = b'{"event":"fillb","answer":"a\\ud83d","percent":NaN,"div_id":"q"}'
    assert (await ada.post("/v1/runestone", body)).json == {"accepted": 1, "duplicate": 0, "rejected": []}
