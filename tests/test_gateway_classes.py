"""Who makes classes, as gateway.yaml says it."""

from pathlib import Path

import pytest

from gateway.config.settings import ClassSettings
from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        pytest.param("", ClassSettings(), id="nobody"),
        pytest.param(
            "classes: {create: [teacher, staff]}", ClassSettings(frozenset({"teacher", "staff"})), id="roles"
        ),
        pytest.param("classes: {create: anyone}", ClassSettings(frozenset({"anyone"})), id="anyone"),
        pytest.param("sign_in: {class_cards: true}", ClassSettings(frozenset(), cards=True), id="cards"),
    ],
)
def test_what_is_said(lines: str, settings: ClassSettings, site: Path) -> None:
    assert parse(with_state(f"{MINIMAL}{lines}\n"), site).classes == settings


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param("classes: {create: teacher}", "bad-create", id="a role that is no list"),
        pytest.param("classes: {create: [anyone, teacher]}", "bad-create", id="anyone among roles"),
        pytest.param("classes: {create: []}", "nobody-creates", id="an empty list"),
        pytest.param("classes: {create: [Teacher!]}", "bad-role", id="no name of a role"),
        pytest.param("classes: {make: [teacher]}", "unknown-key", id="another key"),
        pytest.param("sign_in: {class_cards: maybe}", "not-a-boolean", id="neither true nor false"),
    ],
)
def test_what_is_refused(line: str, code: str, site: Path) -> None:
    text = with_state(f"{MINIMAL}{line}\n")
    number = text.splitlines().index(line) + 1
    assert faults(text, site) == [(number, code)]
