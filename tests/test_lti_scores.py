"""Scores that books report, and what platforms are told of them."""

import pytest

from gateway.errors import InvalidRequestError
from gateway.lti.scores import (
    Score,
    page_name,
    page_of,
    plain,
    read_score,
    score_document,
    scores_address,
)

FORM = {"score": "7.5", "of": "10", "page": "/cs1/loops.html?part=2#x"}


def test_what_a_book_sends() -> None:
    assert read_score(FORM) == Score(7.5, 10, "", ("/cs1/loops.html?part=2", "/cs1/loops.html"))
    assert read_score({**FORM, "page": "/", "comment": " all\tright "}) == Score(7.5, 10, "all right", ("/",))
    assert read_score({**FORM, "score": "0"}).points == 0
    assert read_score({**FORM, "score": "1e1"}).points == 10


@pytest.mark.parametrize(
    "said",
    [
        {"score": ""},
        {"of": ""},
        {"page": ""},
        {"score": "-1"},
        {"score": "10.1"},
        {"score": "nan"},
        {"score": "inf", "of": "inf"},
        {"score": "seven"},
        {"score": "1_0"},
        {"score": "\u0667"},
        {"score": "0" * 31},
        {"of": "0", "score": "0"},
        {"of": "1000001"},
        {"comment": "x" * 501},
        {"page": "/" + "x" * 2000},
    ],
)
def test_what_is_no_score(said: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        read_score({**FORM, **said})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://b.example/cs1", "/cs1/", True),
        ("https://b.example/cs1/index.html", "/cs1", True),
        ("https://b.example/cs1/index.htm", "/cs1/", True),
        ("https://b.example", "/", True),
        ("https://b.example/%7Eada/", "/~ada/", True),
        ("https://b.example/cs1/a.html", "/cs1/b.html", False),
        ("https://b.example/cs1/a?x=1", "/cs1/a", False),
        ("https://b.example/index.html", "/index.html/", False),
    ],
)
def test_a_page_however_it_is_written(one: str, other: str, *, same: bool) -> None:
    assert (page_of(one) == page_name(other)) is same


def test_a_comment_is_a_line_and_no_markup() -> None:
    assert plain("<b>7</b>\u202e of\n10\x00") == "\u2039b\u203a7\u2039/b\u203a of 10"


def test_where_scores_go() -> None:
    assert scores_address("https://l.example/i/1?type=7") == "https://l.example/i/1/scores?type=7"


def test_what_a_platform_is_told() -> None:
    said = score_document("ada", Score(7, 10, "good", ()), "Self-reported", 1_800_000_000_123)
    assert said == {
        "userId": "ada",
        "scoreGiven": 7,
        "scoreMaximum": 10,
        "comment": "Self-reported: good",
        "timestamp": "2027-01-15T08:00:00.123Z",
        "activityProgress": "Submitted",
        "gradingProgress": "FullyGraded",
    }
    whole = score_document("ada", Score(10, 10, "", ()), "Self-reported", 1_800_000_000_000)
    assert (whole["comment"], whole["activityProgress"]) == ("Self-reported", "Completed")
    assert whole["timestamp"] == "2027-01-15T08:00:00.000Z"
