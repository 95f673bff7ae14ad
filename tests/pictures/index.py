"""docs/pictures/README.md: every picture, named, with a line each."""

from collections.abc import Iterator

from tests.pictures.element import SHOTS, picture_name
from tests.pictures.pages import GROUPS

HEAD = """\
# Every page and state, in pictures

Each page of the gateway, the demo book and the development provider: on a desk in light colours, on a phone
in dark ones. `make pictures` takes them from a running gateway and writes this page;
`tests/browser/test_accessibility.py` visits the same states.
"""
WIDTHS = {"desktop": 560, "phone": 230}
ELEMENT = {
    "": (
        "Every state of `<bookgate-sign-in>`, also in a frame, with a blocked window, in an app.",
        "",
    ),
    "menu": ("Its menu.", ' width="300"'),
    "guest menu": ("The menu of a guest.", ' width="300"'),
}


def index() -> str:
    return "\n".join([HEAD, *_pages(), *_element()])


def _pages() -> Iterator[str]:
    for group, states in GROUPS.items():
        yield f"## {group}\n"
        for state in states:
            yield f"### {state.name}\n{state.line}\n"
            for device, width in WIDTHS.items():
                file = f"pages/{state.name}-{device}.webp"
                yield f'<img src="{file}" width="{width}" alt="{state.name}, {device}">'
            yield ""


def _element() -> Iterator[str]:
    yield "## The sign-in element\n"
    for state, (line, width) in ELEMENT.items():
        yield f"### {state or 'states'}\n{line}\n"
        for language, scheme, device, shot in SHOTS:
            if shot == state:
                name = picture_name(language, scheme, device, state)
                yield f'<img src="{name}"{width} alt="{language}, {scheme}, {device}">'
        yield ""
