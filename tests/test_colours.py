import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pages.colours import DARK_GROUND, ENOUGH, LIGHT_GROUND, Palette, contrast, palette
from gateway.pages.render import TEMPLATES

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        pytest.param("#000000", "#ffffff", 21.0, id="the most"),
        pytest.param("#8a1538", "#8a1538", 1.0, id="the least"),
        pytest.param("#777777", "#ffffff", 4.478, id="just not enough"),
        pytest.param("#767676", "#ffffff", 4.542, id="just enough"),
    ],
)
def test_contrast(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.001)
    assert contrast(one, other) == contrast(other, one)


@given(COLOURS)
def test_whatever_the_colour_it_can_be_read(colour: str) -> None:
    made = palette(colour)
    assert made.brand == colour
    assert contrast(made.on_brand, made.brand) >= ENOUGH
    for ground in (LIGHT_GROUND, "#ffffff"):
        assert contrast(made.light, ground) >= ENOUGH
    for ground in (DARK_GROUND, "#12161b"):
        assert contrast(made.dark, ground) >= ENOUGH


def test_a_colour_that_can_be_read_stays_what_it_is() -> None:
    assert palette("#8a1538") == Palette("#8a1538", "#ffffff", "#8a1538", palette("#8a1538").dark)
    assert palette("#ffe600").brand == "#ffe600"
    assert palette("#ffe600").on_brand == "#000000"
    assert palette("#ffe600").dark == "#ffe600"


def test_the_grounds_are_those_of_the_pages() -> None:
    style = (TEMPLATES / "base.html").read_text("utf-8")
    light, dark = re.findall(r"--paper:(#\w+);--ground:(#\w+)", style)
    assert [light, dark] == [("#fff", LIGHT_GROUND), (DARK_GROUND, "#12161b")]
