"""A site's colour on its pages: whatever colour it is, what is written in it or on it can be read."""

from dataclasses import dataclass
from typing import Final

ENOUGH: Final = 4.5  # WCAG 2.2, 1.4.3: of text

# The grounds of the pages, as the template `base.html` has them; the one that leaves less contrast.
LIGHT_GROUND: Final = "#f3f5f8"
DARK_GROUND: Final = "#1c2229"

_STEPS: Final = 64


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as CSS writes them.

    brand: the site's own, for what is filled with it. on_brand: what is written there. light, dark: the same
    hue for links, lines and signs on the page, as dark or as light as it takes to be read.
    """

    brand: str
    on_brand: str
    light: str
    dark: str


def palette(colour: str) -> Palette:
    """colour: `#rrggbb`, any."""
    return Palette(
        brand=colour,
        # one of them can always be read: the contrasts' product is 21, which is more than the square of 4.5
        on_brand="#ffffff" if contrast(colour, "#ffffff") >= ENOUGH else "#000000",
        light=_readable(colour, "#000000", LIGHT_GROUND),
        dark=_readable(colour, "#ffffff", DARK_GROUND),
    )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, "contrast ratio"): 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: str, towards: str, ground: str) -> str:
    """The first on the way from the colour that can be read on the ground."""
    steps = (_mixed(colour, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(found for found in steps if contrast(found, ground) >= ENOUGH)


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
