"""Takes the pictures of every page and state, on a desk in light and on a phone in the dark."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from selenium.common.exceptions import WebDriverException

from tests.pictures.book_states import BOOK, PROVIDER
from tests.pictures.class_states import CLASSES
from tests.pictures.course_states import COURSES
from tests.pictures.data_states import DATA_STATES
from tests.pictures.element import PICTURES
from tests.pictures.house import open_house
from tests.pictures.key_states import TOKENS
from tests.pictures.other_states import ACCOUNT, DOCTOR, REFUSALS
from tests.pictures.states import BACK, QUESTIONS, SIGN_IN, State, WrongPageError
from tests.pictures.visitor import PICTURED, Visitor, visitor
from tests.pictures.way_states import WAYS

PAGES: Final = PICTURES / "pages"
GROUPS: Final[Mapping[str, Sequence[State]]] = {
    "Signing in": SIGN_IN,
    "Questions before the way back": QUESTIONS,
    "Back to the book": BACK,
    "Refusals and trouble": REFUSALS,
    "The reader's account": ACCOUNT,
    "Their data": DATA_STATES,
    "Ways in": WAYS,
    "Tokens for scripts": TOKENS,
    "Classes": CLASSES,
    "Courses of a learning platform": COURSES,
    "The doctor's page": DOCTOR,
    "The demo book": BOOK,
    "The development provider": PROVIDER,
}
STATES: Final = tuple(state for states in GROUPS.values() for state in states)


def take_pages(names: Collection[str]) -> list[str]:
    """The pictures of the named states, of all where none is named; answers those not reached."""
    PAGES.mkdir(exist_ok=True)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        (site := Path(folder, "site")).mkdir()
        with open_house(site) as house, visitor(house, Path(folder, "profile")) as reader:
            for state in STATES:
                if not names or state.name in names:
                    missed += _take(reader, state)
    return missed


def _take(reader: Visitor, state: State) -> list[str]:
    try:
        with state.shown(reader):
            for device in PICTURED:
                (PAGES / f"{state.name}-{device}.webp").write_bytes(reader.picture(device, whole=state.whole))
    except (WebDriverException, WrongPageError) as error:
        return [f"{state.name}: {error}"]
    return []
