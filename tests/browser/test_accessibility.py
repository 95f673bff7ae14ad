"""Every page and state by the rules of WCAG 2.2 AA, as axe-core reads them.

On a desk and on a phone, in the light and in the dark, in every language of the pages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config.settings import LANGUAGES
from tests.pictures.house import open_house
from tests.pictures.pages import STATES
from tests.pictures.states import State
from tests.pictures.visitor import PICTURED, SIZES, Visitor, visitor

AXE = Path(__file__).parents[1] / "axe-core" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LOOK = """
const done = arguments[arguments.length - 1];
const rules = {runOnly: {type: 'tag', values: arguments[0]}, resultTypes: ['violations']};
const fails = (error) => done([{id: String(error), nodes: []}]);
axe.run(document, rules).then(({violations}) => done(violations), fails);
"""
# WCAG 1.4.10: no scrolling sideways, at 320 pixels either.
TOO_WIDE = "const page = document.documentElement; return page.scrollWidth - page.clientWidth"
MENU = """
const menu = document.querySelector('bookgate-sign-in').shadowRoot.querySelector('[part=menu]');
const {left, right} = menu.getBoundingClientRect();
return [left, right];
"""
COLOURS = ("light", "dark")
WITHOUT_SCRIPT = frozenset({"deliver-no-script", "signing-out"})  # nothing can look around there


@pytest.fixture(scope="module", params=LANGUAGES)
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    folder = tmp_path_factory.mktemp("accessibility")
    with open_house(folder) as house, visitor(house, folder / "profile", request.param) as made:
        yield made


@pytest.mark.parametrize("state", [pytest.param(state, id=state.name) for state in STATES])
def test_a_page_for_everybody(reader: Visitor, state: State) -> None:
    with state.shown(reader):
        for device in SIZES:
            with reader.on(device):
                reader.until_live()
                assert reader.driver.execute_script(TOO_WIDE) == 0, device
            for scheme in COLOURS if device in PICTURED and state.name not in WITHOUT_SCRIPT else ():
                with reader.on(device, scheme=scheme):
                    assert broken(reader) == [], f"{device}, {scheme}"


def test_an_open_menu_stays_in_a_window_that_changes(reader: Visitor) -> None:
    (menu,) = (state for state in STATES if state.name == "book-menu")
    with menu.shown(reader):
        for device, (width, _) in SIZES.items():
            with reader.on(device, whole=False):
                left, right = reader.driver.execute_script(MENU)
                assert 0 <= left < right <= width, device


def broken(reader: Visitor) -> list[str]:
    """The rules that the page breaks, with where and why."""
    reader.driver.execute_script(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = reader.driver.execute_async_script(LOOK, RULES)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]
    ] + [one["id"] for one in found if not one["nodes"]]
