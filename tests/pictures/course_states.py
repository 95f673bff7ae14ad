"""What a learning platform shows of ours: the framed page, and the one on which a page is picked."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Final
from urllib.parse import urlencode

from tests.pictures.house import READER, TRUSTED
from tests.pictures.states import State
from tests.pictures.visitor import Visitor


def _framed(selector: str, *, picks: bool) -> Callable[[Visitor], AbstractContextManager[None]]:
    """selector: of what is on the page in the frame."""

    @contextmanager
    def reach(visitor: Visitor) -> Generator[None]:
        course = visitor.house.course
        visitor.driver.get(course.page(READER, course.links if picks else f"{TRUSTED}/", framed=True))
        visitor.driver.switch_to.frame(0)
        visitor.seen(selector)
        try:
            yield
        finally:
            visitor.driver.switch_to.default_content()

    return reach


@contextmanager
def _picks_nothing(visitor: Visitor) -> Generator[None]:
    with _framed("input[name=address]", picks=True)(visitor):
        visitor.seen("input[name=address]").send_keys("https://elsewhere.example.net/")
        visitor.seen("button.main").click()
        visitor.seen("[role=alert]")
        yield


def _of_nobody(visitor: Visitor) -> None:
    asked = {"iss": "https://elsewhere.example.net", "login_hint": "x", "target_link_uri": f"{TRUSTED}/"}
    visitor.open(f"/auth/lti/login?{urlencode(asked)}")


COURSES: Final = (
    State(
        "course-framed",
        "A link of a course that opens in a frame, where browsers let nobody be signed in.",
        "a tab of its own",
        _framed("#open", picks=False),
    ),
    State(
        "course-pick",
        "A teacher puts a page of a book into a course.",
        "Address of the page",
        _framed("input[name=address]", picks=True),
    ),
    State("course-pick-refused", "A page that no course may open.", "No course may open", _picks_nothing),
    State("course-unknown", "A platform that the service does not know.", "does not know", _of_nobody),
)
