"""What a learning platform shows of ours: the framed page, and the one on which a page is picked."""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from gateway.directory import Directory
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


def _opens_invitation(visitor: Visitor) -> None:
    """As a platform's administrator: an invitation of ours, with what the platform says along."""
    house = visitor.house
    secret = asyncio.run(_invited(house.directory, house.course.platform.issuer))
    given = {"openid_configuration": f"{house.course.platform.issuer}/configuration"}
    visitor.open(f"/auth/lti/register?{urlencode({'invitation': secret, **given})}")


async def _invited(file: Path, issuer: str) -> str:
    directory = await Directory.open(f"sqlite+aiosqlite:///{file}", b"x" * 32, time.time)
    try:
        secret = await directory.platforms.invite("campus-moodle", issuer)
    finally:
        await directory.close()
    assert secret is not None
    return secret


def _registers(visitor: Visitor) -> None:
    _opens_invitation(visitor)
    visitor.seen("button.main").click()
    visitor.seen(".notice")


def _comes_too_late(visitor: Visitor) -> None:
    visitor.open("/auth/lti/register?invitation=x&openid_configuration=https://lms.example.edu/x")


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
    State(
        "course-register",
        "An administrator connects a learning platform by an invitation.",
        "Connect this learning platform?",
        _opens_invitation,
    ),
    State("course-registered", "It is connected.", "deployment id", _registers),
    State("course-invitation-used", "The invitation was used.", "Ask for a new one", _comes_too_late),
    State("course-unknown", "A platform that the service does not know.", "does not know", _of_nobody),
)
