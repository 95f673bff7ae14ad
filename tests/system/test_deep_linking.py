"""A teacher picks a page of a book, in a frame of the platform's: no cookie comes back there."""

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.lti_platform import CLAIM, INSTRUCTOR, LtiPlatform, lti_platform
from tests.system.house import DENIED, MIRROR, TRUSTED, open_house
from tests.system.reader import Got, Reader
from tests.system.test_lti import Course
from tests.system.tool_keys import write_tool_key

OWN = "https://purl.imsglobal.org/spec/lti-dl/claim/"
PAGE = f"{TRUSTED}/cs1/loops.html"


def wants(platform: LtiPlatform, **more: object) -> None:
    settings = {
        "deep_link_return_url": f"{platform.issuer}/back",
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["iframe", "window"],
        "data": "opaque",
        "title": "Week 3",
        **more,
    }
    platform.claims = {
        f"{CLAIM}message_type": "LtiDeepLinkingRequest",
        f"{CLAIM}roles": [INSTRUCTOR],
        f"{CLAIM}resource_link": None,
        f"{OWN}deep_linking_settings": settings,
    }


class Picking(Course):
    @property
    def links(self) -> str:
        return f"{self.house.url}/auth/lti/links"

    async def asked(self, reader: Reader) -> Got:
        """In a frame, which sends no cookie of ours: the page that asks for a page."""
        sent = await self.post(reader, "/auth/lti/login", self.begins(self.links), "iframe")
        assert sent.status == 303, sent.text
        assert sent.every("Set-Cookie") == []
        answer = self.platform.answer(sent.one("Location") or "", self.links)
        return await self.post(reader, "/auth/lti/launch", answer, "iframe")

    async def picks(self, reader: Reader, page: Got, address: str = PAGE, **more: str) -> Got:
        form = {"transaction": page.transaction, "address": address, "title": "Loops", **more}
        return await reader.navigate("/auth/lti/links", form=form, headers={"Sec-Fetch-Dest": "iframe"})


def without_key(text: str) -> dict[str, str]:
    found = re.search(r'action="([^"]+)" id="back">\s*<input type="hidden" name="JWT" value="([^"]+)"', text)
    assert found is not None, text
    return {"to": html.unescape(found[1]), "token": found[2]}


@pytest.fixture(name="course")
async def _course(tmp_path: Path, redis_url: str) -> AsyncIterator[Picking]:
    async with lti_platform() as platform:
        text = (
            "\nlti: {moodle: {preset: moodle, client_id: bookgate, deployments: ['1:abc'],"
            f" books: [books.example.edu], page: '{TRUSTED}/', issuer: '{platform.issuer}'}}}}\n"
        )
        write_tool_key(tmp_path)
        async with open_house(tmp_path, redis_url, more_backends=text) as house:
            yield Picking(house, platform)


async def test_the_page_that_a_teacher_names_goes_to_the_course(course: Picking) -> None:
    async with course.house.reader() as ada, course.house.reader() as frame:
        wants(course.platform)
        page = await course.asked(frame)
        assert page.status == 200
        policy = page.one("Content-Security-Policy") or ""
        assert f"frame-ancestors {course.platform.issuer}" in policy
        assert 'value="Week 3"' in page.text
        assert re.findall(r'<option value="([^"]+)"', page.text) == [f"{TRUSTED}/"], "its books, no others"
        assert f'value="{TRUSTED}/"' in page.text, "where the block says a page"
        got = await course.picks(frame, page)
        assert (got.status, got.every("Set-Cookie")) == (200, [])
        assert f"form-action {course.platform.issuer};" in (got.one("Content-Security-Policy") or "")
        sent = without_key(got.text)
        assert sent["to"] == f"{course.platform.issuer}/back"
        keys = (await ada.navigate("/auth/lti/jwks", site="none")).text
        said = jwt.decode(sent["token"], KeySet.import_key_set(json.loads(keys)), algorithms=["RS256"])
        assert (said.claims["iss"], said.claims["aud"]) == ("bookgate", course.platform.issuer)
        assert said.claims["exp"] - said.claims["iat"] == 60
        assert said.claims[f"{OWN}data"] == "opaque"
        assert said.claims[f"{CLAIM}deployment_id"] == "1:abc"
        assert said.claims[f"{OWN}content_items"] == [
            {"type": "ltiResourceLink", "url": PAGE, "title": "Loops", "window": {"targetName": "_blank"}}
        ]
        course.platform.claims = {}
        assert await course.arrives(ada, target=PAGE) == f"{PAGE}#bookgate=launched", "and so it opens"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        pytest.param("loops", "it begins with https://", id="no address"),
        pytest.param(f"{DENIED}/x", "No course may open", id="of nobody"),
        pytest.param(f"{MIRROR}/x", "No course may open", id="not among the block's books"),
        pytest.param("javascript:alert(1)", "it begins with https://", id="a script"),
    ],
)
async def test_a_page_that_no_course_may_open_is_said_and_can_be_mended(
    course: Picking, address: str, said: str
) -> None:
    async with course.house.reader() as frame:
        wants(course.platform)
        got = await course.picks(frame, await course.asked(frame), address)
        assert got.status == 400
        assert said in got.text
        assert "frame-ancestors http" in (got.one("Content-Security-Policy") or "")
        assert (await course.picks(frame, got)).status == 200


async def test_a_picking_counts_once_and_only_from_our_page(course: Picking) -> None:
    async with course.house.reader() as frame:
        wants(course.platform)
        page = await course.asked(frame)
        foreign = {"transaction": page.transaction, "address": PAGE, "title": "x"}
        refused = await course.post(frame, "/auth/lti/links", foreign, "iframe")
        assert refused.status == 403
        assert (await course.picks(frame, page)).status == 200
        assert (await course.picks(frame, page)).status == 400, "used"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"deep_link_return_url": "http://elsewhere.example/"}, id="back by plain http"),
        pytest.param({"accept_types": ["file"]}, id="takes no links"),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_the_frame(
    course: Picking, more: dict[str, object]
) -> None:
    async with course.house.reader() as frame:
        wants(course.platform, **more)
        got = await course.asked(frame)
        assert got.status == 403
        assert f"frame-ancestors {course.platform.issuer}" in (got.one("Content-Security-Policy") or "")


async def test_a_launch_is_no_picking_and_a_picking_no_launch(course: Picking) -> None:
    async with course.house.reader() as frame:
        assert (await course.asked(frame)).status == 403, "a launch, where a page was to be picked"
        wants(course.platform)
        got = await course.launched(frame)
        assert got.status == 403
        assert "pages are picked at /auth/lti/links" in got.text
        sent = await course.post(frame, "/auth/lti/login", course.begins(course.links), "iframe")
        answer = course.platform.answer(sent.one("Location") or "", course.links)
        assert (await course.post(frame, "/auth/lti/launch", answer)).status == 200
        assert (await course.post(frame, "/auth/lti/launch", answer)).status == 400, "a state counts once"


async def test_where_there_is_no_key_nothing_can_be_picked(tmp_path: Path, redis_url: str) -> None:
    async with lti_platform() as platform:
        text = (
            "\nlti: {moodle: {preset: moodle, client_id: bookgate, deployments: ['1:abc'],"
            f" issuer: '{platform.issuer}'}}}}\n"
        )
        async with open_house(tmp_path, redis_url, more_backends=text) as house, house.reader() as frame:
            course = Picking(house, platform)
            wants(platform)
            got = await course.asked(frame)
            assert got.status == 403
            assert "This service has no key yet" in got.text
