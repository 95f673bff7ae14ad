import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.analytics.events import DAY, FIELDS, Event, Rejected, failure, parse

NOW = 1_795_341_600_000
GOOD: dict[str, object] = {"id": "01936f5e-7c00-7000-8000-000000000001", "type": "Submit", "t": NOW}


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"id": None}, "missing_id", id="no id"),
        pytest.param({"type": None}, "missing_type", id="no type"),
        pytest.param({"t": None}, "missing_t", id="no time"),
        pytest.param({"id": "1"}, "invalid_id", id="id is no UUID"),
        pytest.param({"id": "01936F5E-7C00-7000-8000-000000000001"}, "invalid_id", id="capital letters"),
        pytest.param({"id": 5}, "invalid_id", id="id is a number"),
        pytest.param({"type": "Session"}, "invalid_type", id="half a type"),
        pytest.param({"type": "X-"}, "invalid_type", id="own type without a name"),
        pytest.param({"type": "Submit\n"}, "invalid_type", id="type with a newline"),
        pytest.param({"t": 0}, "invalid_t", id="time of zero"),
        pytest.param({"t": True}, "invalid_t", id="time is a boolean"),
        pytest.param({"t": 1.5}, "invalid_t", id="time is a fraction"),
        pytest.param({"t": "2026-11-22T10:00:00"}, "invalid_t", id="time without a zone"),
        pytest.param({"t": "soon"}, "invalid_t", id="no time at all"),
        pytest.param({"t": "0001-01-01T00:00:00+14:00"}, "invalid_t", id="time before time"),
        pytest.param({"t": NOW + DAY + 1}, "future", id="the day after tomorrow"),
        pytest.param({"seq": -1}, "invalid_seq", id="negative count"),
        pytest.param({"seq": True}, "invalid_seq", id="count is a boolean"),
        pytest.param({"seq": 2**60}, "invalid_seq", id="huge count"),
        pytest.param({"session": "a b"}, "invalid_session", id="session with a blank"),
        pytest.param({"page": "a b"}, "invalid_page", id="page with a blank"),
        pytest.param({"page": "/é"}, "invalid_page", id="page not ASCII"),
        pytest.param({"page": "/" * 1001}, "invalid_page", id="page too long"),
        pytest.param({"item": {"id": 1}}, "invalid_item", id="item is an object"),
        pytest.param({"item": "x" * 201}, "invalid_item", id="item too long"),
        pytest.param({"attempt": "1"}, "invalid_attempt", id="attempt is text"),
        pytest.param({"correct": "T"}, "invalid_correct", id="correct is text"),
        pytest.param({"score": "1"}, "invalid_score", id="score is text"),
        pytest.param({"score": float("inf")}, "invalid_score", id="score without end"),
        pytest.param({"dur_ms": 1.5}, "invalid_dur_ms", id="duration is a fraction"),
        pytest.param({"code_sha": "zz"}, "invalid_code_sha", id="no hash"),
        pytest.param({"answer": "x" * 65_537}, "invalid_answer", id="answer too long"),
        pytest.param({"error": "x" * 65_537}, "invalid_error", id="error too long"),
        pytest.param({"delta": nested(300)}, "invalid_delta", id="delta too deep"),
        pytest.param({"x": []}, "invalid_x", id="x is a list"),
        pytest.param({"x": {"a": nested(300)}}, "invalid_x", id="x too deep"),
        pytest.param({"x": {"a": "x" * 65_537}}, "invalid_x", id="x too long"),
        pytest.param({"level": 4}, "unknown_field", id="a level of its own"),
        pytest.param({"pseudonym": "eve"}, "unknown_field", id="a person of its own"),
    ],
)
def test_rejects(changed: dict[str, object], code: str) -> None:
    assert parse(GOOD | changed, 3, NOW) == Rejected(3, code)


def test_takes_what_is_absent_or_null() -> None:
    bare = Event(str(GOOD["id"]), "Submit", NOW, None, None, None, None, None, None)
    assert parse(GOOD, 0, NOW) == bare
    assert parse(GOOD | dict.fromkeys(set(FIELDS) - set(GOOD)), 0, NOW) == bare


@pytest.mark.parametrize(
    ("t", "milliseconds"),
    [
        (NOW, NOW),
        (NOW + DAY, NOW + DAY),
        ("2026-11-22T10:00:00Z", NOW),
        ("2026-11-22T11:00:00.001+01:00", NOW + 1),
    ],
)
def test_times(t: object, milliseconds: int) -> None:
    event = parse(GOOD | {"t": t}, 0, NOW)
    assert isinstance(event, Event)
    assert event.t == milliseconds


@pytest.mark.parametrize(
    "kind", ["Session.Start", "Compile.Error", "File.Edit", "X-Poll.vote", "Intervention"]
)
def test_types(kind: str) -> None:
    assert isinstance(parse(GOOD | {"type": kind}, 0, NOW), Event)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param("NameError: name 'x' is not defined on line 3", ("NameError", 3), id="Python"),
        pytest.param(
            "java.lang.ArithmeticException: / by zero", ("java.lang.ArithmeticException", None), id="Java"
        ),
        pytest.param("SyntaxError", ("SyntaxError", None), id="the type alone"),
        pytest.param("it does not work", (None, None), id="a sentence"),
        pytest.param("Ada wrote: this", (None, None), id="words before a colon"),
        pytest.param({"type": "TypeError", "line": 4}, ("TypeError", 4), id="an object"),
        pytest.param(
            {"type": "a b", "line": True, "message": "E: line 2"}, ("E", 2), id="an object's message"
        ),
        pytest.param({"message": 5}, (None, None), id="an object that says nothing"),
        pytest.param([1], (None, None), id="a list"),
    ],
)
def test_what_an_error_says_of_itself(error: object, said: tuple[object, object]) -> None:
    assert failure(error) == said
    event = parse(GOOD | {"error": error}, 0, NOW)
    assert isinstance(event, Event)
    assert (event.error_type, event.error_line) == said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(max_size=5), VALUES, max_size=6))
def test_whatever_comes_is_an_event_or_rejected(changed: dict[str, object]) -> None:
    checked = parse(GOOD | changed, 0, NOW)
    if isinstance(checked, Event):
        assert json.dumps(checked.t)
        assert checked.page is None or not {"?", "#"} & set(checked.page)
