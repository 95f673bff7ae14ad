import pytest

from backends.storage.conditions import (
    Conditions,
    InvalidEntityTag,
    Judgement,
    Tags,
    judge_read,
    judge_write,
    match_fails,
)
from backends.storage.items import Mode, entity_tag, revision_in

NOW = '"2-AAAAAAAAAAAAAAAA"'
OLD = '"1-BBBBBBBBBBBBBBBB"'


def conditions(match: str | None = None, none_match: str | None = None) -> Conditions:
    return Conditions.parse(
        [match] if match is not None else [], [none_match] if none_match is not None else []
    )


@pytest.mark.parametrize(
    ("lines", "tags"),
    [
        pytest.param(["*"], Tags(any=True), id="asterisk"),
        pytest.param([" * "], Tags(any=True), id="asterisk among blanks"),
        pytest.param(['"a"'], Tags(strong=frozenset({'"a"'})), id="one"),
        pytest.param(['""'], Tags(strong=frozenset({'""'})), id="empty tag"),
        pytest.param(['"a", W/"b"'], Tags(strong=frozenset({'"a"'}), weak=frozenset({'"b"'})), id="weak"),
        pytest.param([',,"a",\t,"b",'], Tags(strong=frozenset({'"a"', '"b"'})), id="empty elements"),
        pytest.param(['"a"', '"b"'], Tags(strong=frozenset({'"a"', '"b"'})), id="two lines"),
        pytest.param(['"a,b"'], Tags(strong=frozenset({'"a,b"'})), id="comma inside"),
    ],
)
def test_parses(lines: list[str], tags: Tags) -> None:
    assert Conditions.parse(lines, []) == Conditions(match=tags)
    assert Conditions.parse([], lines) == Conditions(none_match=tags)


@pytest.mark.parametrize(
    "line", ["a", '"a', '"a" "b"', '"a"x', "W/", 'w/"a"', '"\x7f"', "", ",", "*, *", '"' * 5000]
)
def test_refuses(line: str) -> None:
    with pytest.raises(InvalidEntityTag):
        Conditions.parse([line], [])


@pytest.mark.parametrize(
    ("asked", "current", "mode", "judgement"),
    [
        pytest.param(conditions(), NOW, Mode.CHECKED, Judgement.REQUIRED, id="says nothing"),
        pytest.param(conditions(), None, Mode.CHECKED, Judgement.REQUIRED, id="says nothing about nothing"),
        pytest.param(conditions(), NOW, Mode.LWW, Judgement.GO, id="last writer wins"),
        pytest.param(conditions(), NOW, Mode.APPEND, Judgement.GO, id="append"),
        pytest.param(conditions(NOW), NOW, Mode.CHECKED, Judgement.GO, id="current"),
        pytest.param(conditions(f"{OLD}, {NOW}"), NOW, Mode.CHECKED, Judgement.GO, id="one of two"),
        pytest.param(conditions(OLD), NOW, Mode.CHECKED, Judgement.FAILED, id="stale"),
        pytest.param(conditions(OLD), NOW, Mode.LWW, Judgement.FAILED, id="stale, whatever the mode"),
        pytest.param(conditions("W/" + NOW), NOW, Mode.CHECKED, Judgement.FAILED, id="weak never matches"),
        pytest.param(conditions("*"), NOW, Mode.CHECKED, Judgement.GO, id="anything"),
        pytest.param(conditions("*"), None, Mode.CHECKED, Judgement.FAILED, id="anything, and nothing there"),
        pytest.param(conditions(NOW), None, Mode.CHECKED, Judgement.FAILED, id="something that is gone"),
        pytest.param(conditions(None, "*"), None, Mode.CHECKED, Judgement.GO, id="nothing there"),
        pytest.param(conditions(None, "*"), NOW, Mode.CHECKED, Judgement.FAILED, id="something there"),
        pytest.param(conditions(None, OLD), NOW, Mode.CHECKED, Judgement.GO, id="none of those"),
        pytest.param(conditions(None, "W/" + NOW), NOW, Mode.CHECKED, Judgement.FAILED, id="weakly this one"),
        pytest.param(conditions(NOW, NOW), NOW, Mode.CHECKED, Judgement.FAILED, id="contradiction"),
    ],
)
def test_judges_writes(asked: Conditions, current: str | None, mode: Mode, judgement: Judgement) -> None:
    assert judge_write(asked, current, mode) is judgement


def test_judges_reads() -> None:
    assert judge_read(conditions(), NOW) is Judgement.GO
    assert judge_read(conditions(None, OLD), NOW) is Judgement.GO
    assert judge_read(conditions(None, NOW), NOW) is Judgement.FAILED
    assert not match_fails(conditions(), NOW)
    assert not match_fails(conditions("*"), NOW)
    assert match_fails(conditions(OLD), NOW)


def test_the_base_is_what_if_match_names() -> None:
    assert conditions(OLD).base == 1
    assert conditions("*").base is None
    assert conditions(f"{OLD}, {NOW}").base is None
    assert conditions('"made-up"').base is None
    assert conditions(None, OLD).base is None


def test_an_entity_tag_names_its_revision() -> None:
    assert revision_in(entity_tag(7, "AAAAAAAAAAAAAAAA")) == 7
