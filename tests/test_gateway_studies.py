"""The `studies:` of gateway.yaml: what is read, and what is refused."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.config.gateway_studies import LONGEST
from gateway.studies_rules import Basis, Study
from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state

SOUND = {
    "title": "Error messages",
    "irb": "STUDY1",
    "basis": "consent",
    "level": "3",
    "books": "[ada-cs1]",
    "text": "{file: cs1.md}",
    "from": '"2027-01-10"',
    "to": '"2027-06-30"',
}


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    site = make_site(tmp_path)
    (site / "cs1.md").write_text("We look at errors.", "utf-8")
    (site / "empty.md").write_text(" \n", "utf-8")
    (site / "long.md").write_text("a" * (LONGEST + 1), "utf-8")
    return site


def written(changed: Mapping[str, str | None] = MappingProxyType({}), more: str = "") -> str:
    keys = {name: value for name, value in {**SOUND, **changed}.items() if value is not None}
    inside = ", ".join(f"{name}: {value}" for name, value in keys.items())
    return with_state(MINIMAL) + f"studies: {{cs1-errors: {{{inside}}}}}\n{more}"


def test_a_study(site: Path) -> None:
    (study,) = parse(written(), site).studies
    assert study == Study(
        "cs1-errors",
        "Error messages",
        "STUDY1",
        Basis.CONSENT,
        3,
        frozenset({"ada-cs1"}),
        "We look at errors.",
        date(2027, 1, 10),
        date(2027, 6, 30),
    )
    assert parse(with_state(MINIMAL), site).studies == ()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"title": None}, "missing-key", id="no title"),
        pytest.param({"basis": "interest"}, "unknown-value", id="basis"),
        pytest.param({"level": "2"}, "bad-number", id="level"),
        pytest.param({"books": "[]"}, "no-books", id="no book"),
        pytest.param({"text": "{file: none.md}"}, "missing-file", id="no file"),
        pytest.param({"text": "{file: empty.md}"}, "empty", id="empty"),
        pytest.param({"text": "{file: long.md}"}, "long-text", id="long"),
        pytest.param({"from": "soon"}, "bad-date", id="date"),
        pytest.param({"to": '"2026-01-01"'}, "study-ends-first", id="ends first"),
        pytest.param({"more": "1"}, "unknown-key", id="another key"),
    ],
)
def test_what_is_refused(changed: dict[str, str | None], code: str, site: Path) -> None:
    assert [found for _, found in faults(written(changed), site)] == [code]


def test_children_are_not_asked(site: Path) -> None:
    assert [code for _, code in faults(written(more="sign_in: {under_13: true}\n"), site)] == [
        "studies-of-children"
    ]
