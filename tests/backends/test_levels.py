from dataclasses import asdict, replace

import pytest

from backends.analytics import levels
from backends.analytics.events import Event, parse
from backends.analytics.levels import Level, kept, level

NOW = 1_795_341_600_000
SECRET = "what Ada wrote"


def event(**changed: object) -> Event:
    raw: dict[str, object] = {
        "id": "01936f5e-7c00-7000-8000-000000000001",
        "type": "Submit",
        "t": NOW,
        "seq": 1,
        "session": "visit",
        "page": "/a.html",
        "item": "q1",
        "item_kind": "mchoice",
        "attempt": 2,
        "answer": "1",
        "correct": False,
        "score": 0.5,
        "dur_ms": 1200,
        "code_sha": "a" * 40,
        "delta": [SECRET],
        "error": f"NameError: {SECRET} on line 3",
        "x": {"tries": 3, "note": SECRET, "fast": True},
    }
    made = parse(raw | changed, 0, NOW)
    assert isinstance(made, Event)
    return made


COUNTED = {"id", "type", "t", "seq", "session", "page", "item", "item_kind", "attempt"}
OF_A_CLASS = COUNTED | {"correct", "score", "dur_ms", "error_type", "answer"}
KEPT = {
    Level.SERVICE: COUNTED,
    Level.CLASS: OF_A_CLASS,
    Level.RESEARCH: OF_A_CLASS | {"code_sha", "error_line", "x"},
    Level.EVERYTHING: OF_A_CLASS | {"code_sha", "error_line", "x", "error", "delta"},
}


@pytest.mark.parametrize("at", KEPT)
def test_each_level_keeps_just_its_own(at: Level) -> None:
    found = kept(event(), at)
    assert {name for name, value in asdict(found).items() if value is not None} == KEPT[at]
    if at < Level.EVERYTHING:
        assert SECRET not in str(found)
    assert kept(event(), Level.EVERYTHING) == event()


def test_a_lower_level_of_what_a_level_left_is_the_lower_level() -> None:
    for lower in KEPT:
        for higher in [at for at in KEPT if at > lower]:
            assert kept(kept(event(), higher), lower) == kept(event(), lower)


def test_of_x_research_without_text_has_numbers_alone() -> None:
    assert kept(event(), Level.RESEARCH).x == '{"tries":3,"fast":true}'
    assert kept(event(x={"note": SECRET, "more": [1]}), Level.RESEARCH).x is None


@pytest.mark.parametrize("at", [Level.CLASS, Level.RESEARCH])
@pytest.mark.parametrize(
    ("kind", "answer", "is_kept"),
    [
        pytest.param("mchoice", "1", True, id="a choice"),
        pytest.param("mChoice", "0,2", True, id="two choices, as Runestone spells it"),
        pytest.param("truefalse", True, True, id="yes or no"),
        pytest.param("parsons", "0_0-1_0", True, id="an order"),
        pytest.param("choice", [0, "b"], True, id="a list of choices"),
        pytest.param("mchoice", "Ada Lovelace", False, id="a choice with a blank"),
        pytest.param("mchoice", {"a": "b"}, False, id="a choice that is an object"),
        pytest.param("mchoice", "x" * 65, False, id="a choice that is long"),
        pytest.param("mchoice", ["0", "my name"], False, id="a list with words"),
        pytest.param("fillb", "Ada", False, id="a word that a person wrote"),
        pytest.param(None, "1", False, id="of an unknown kind"),
    ],
)
def test_of_answers_only_those_that_the_author_wrote(
    at: Level, *, kind: str | None, answer: object, is_kept: bool
) -> None:
    assert (kept(event(item_kind=kind, answer=answer), at).answer is not None) == is_kept


def test_no_answer_is_none() -> None:
    assert kept(replace(event(), answer=None), Level.CLASS).answer is None
    assert kept(replace(event(), x=None), Level.RESEARCH).x is None


@pytest.mark.parametrize(
    ("cap", "expected"), [(None, 1), (0, 0), (-1, 0), (1, 1), (2, 2), (3, 3), (4, 4), (9, 4)]
)
def test_levels(cap: int | None, expected: int) -> None:
    assert level(cap) is Level(expected)


def test_what_each_level_adds_is_said() -> None:
    said = levels.__doc__ or ""
    for name in ("correct", "score", "dur_ms", "code_sha", "answer", "error", "delta", "x"):
        assert f"`{name}`" in said
