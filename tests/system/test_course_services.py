"""What a course's platform is asked and told: who is in it, how they did. With platforms that misbehave."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web

from tests.lti_platform import CLAIM, INSTRUCTOR, lti_platform
from tests.lti_services import MEMBERS, SCORE, Lie, LtiServices, elsewhere, lti_services, member
from tests.system.house import CONSENT, MIRROR, ORIGINS, TRUSTED, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.test_lti import PAGE, Course
from tests.system.tool_keys import write_tool_key

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SCORES = "/items/1/scores"


def nobody(following: str) -> web.Response:
    """A page without anybody, and what is said to follow it."""
    return web.json_response({"members": []}, headers={"Link": f'<{following}>; rel="next"'})


def answered(status: int, asked: web.Request) -> web.Response:
    return web.Response(status=status, headers={"Location": elsewhere(asked)})


LIES: Mapping[str, Lie] = {
    "fails": lambda _: web.Response(status=500),
    "no JSON": lambda _: web.Response(text="<html>"),
    "no object": lambda _: web.json_response([1]),
    "no list": lambda _: web.json_response({"members": {}}),
    "redirects": lambda asked: web.Response(status=302, headers={"Location": elsewhere(asked)}),
    "a next page that is none": lambda _: nobody("http://[x"),
    "a next page of another host": lambda asked: nobody(elsewhere(asked)),
    "huge": lambda _: web.json_response({"members": ["x" * 300_000]}),
    "encoded": lambda _: web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
}


@dataclass
class Graded(Course):
    services: LtiServices

    def teacher(self) -> None:
        self.platform.claims = {**self.services.claims(), f"{CLAIM}roles": [INSTRUCTOR]}

    def student(self, link: str = "1") -> None:
        self.platform.claims = self.services.claims(link)

    async def opens(self, reader: Reader, subject: str = "ada", target: str = PAGE) -> None:
        """From the course into the book, signed in there."""
        await self.arrives(reader, subject, target)
        await reader.sign_in(Flow(TRUSTED))

    async def roster(self, teacher: Reader) -> Got:
        shelf = await teacher.navigate("/auth/classes", site="none")
        (room,) = re.findall(r'href="(/auth/classes/of/[^"]+)"', shelf.text)
        assert f"{room}/course" in (await teacher.navigate(room)).text
        return await teacher.navigate(f"{room}/course")


async def report(reader: Reader, origin: str = TRUSTED, **fields: str) -> Got:
    said = {"score": "7", "of": "10", "page": "/cs1/", **fields}
    return await reader.fetch(origin, "POST", "/auth/lti/score", urlencode(said), **FORM)


@pytest.fixture(name="course")
async def _course(tmp_path: Path, redis_url: str) -> AsyncIterator[Graded]:
    write_tool_key(tmp_path)
    async with lti_platform() as platform, lti_services() as services:
        text = (
            "lti: {other: {preset: lti, client_id: bookgate, deployments: ['1:abc'],"
            f" issuer: '{platform.issuer}', authorization: '{platform.issuer}/auth',"
            f" jwks: '{platform.issuer}/mod/lti/certs.php', token: '{services.url}/token',"
            " audience: tokens, grades: self_reported, language: de}}\n"
        )
        reads = ORIGINS.replace("book: mirror", "book: mirror, read_only: true")
        async with open_house(tmp_path, redis_url, more_backends="\n" + text, origins=reads) as house:
            course = Graded(house, platform, services)
            course.student()
            yield course


def texts(page: Got) -> str:
    return re.sub(r"\s+", " ", page.text)


class TestRoster:
    async def test_a_teacher_sees_who_has_not_come(self, course: Graded) -> None:
        course.services.page = 1
        course.services.members += [
            member("old", status="Inactive"),
            member("cleo", name=None, given_name="Cleo", family_name="Ek"),
            member("quiet", name=None),
        ]
        async with course.house.reader() as grace, course.house.reader() as ada:
            course.teacher()
            await course.arrives(grace, "grace")
            course.student()
            await course.arrives(ada)
            text = texts(await course.roster(grace))
            assert "have not opened the book from there: 3 of 4" in text
            assert re.findall(r"<li><strong>([^<]+)", text) == ["Ben", "Cleo Ek"]
            assert "1 student whose name the platform does not say" in text
            assert "school.example" not in text

    async def test_everybody_has_come(self, course: Graded) -> None:
        course.services.members = [member("ada")]
        async with course.house.reader() as grace, course.house.reader() as ada:
            course.teacher()
            await course.arrives(grace, "grace")
            assert "Ada" in texts(await course.roster(grace))
            course.student()
            await course.arrives(ada)
            assert "The one student of the course has come" in texts(await course.roster(grace))
            course.services.members = []
            assert "names no student" in texts(await course.roster(grace))

    async def test_only_teachers_see_it(self, course: Graded) -> None:
        async with course.house.reader() as grace, course.house.reader() as ada:
            course.teacher()
            await course.arrives(grace, "grace")
            course.student()
            await course.arrives(ada)
            shelf = await grace.navigate("/auth/classes", site="none")
            (room,) = re.findall(r'href="(/auth/classes/of/[^"]+)"', shelf.text)
            assert (await ada.navigate(f"{room}/course")).status == 404
            assert "/course" not in (await ada.navigate(room)).text
            assert not course.services.seen

    async def test_a_token_is_kept_and_asked_for_once_more_when_it_is_refused(self, course: Graded) -> None:
        async with course.house.reader() as grace:
            course.teacher()
            await course.arrives(grace, "grace")
            for _ in range(3):
                assert (await course.roster(grace)).status == 200
            assert len(course.services.asked) == 1
            asked = course.services.asked[0]
            assert (asked["grant_type"], asked["scope"]) == ("client_credentials", MEMBERS)
            course.services.valid = {"t2"}
            course.services.token["access_token"] = "t2"
            assert (await course.roster(grace)).status == 200
            course.services.valid = {"none"}
            assert (await course.roster(grace)).status == 502
            assert len(course.services.asked) == 3, "once more, not for ever"

    async def test_a_platform_that_says_what_is_none(self, course: Graded) -> None:
        async with course.house.reader() as grace:
            course.teacher()
            await course.arrives(grace, "grace")
            for what, lie in LIES.items():
                course.services.lies["/members"] = lie
                got = await course.roster(grace)
                assert got.status == 502, what
                assert "does not say at the moment who is in the course" in texts(got)
            assert not course.services.strayed

    async def test_a_platform_that_pages_for_ever_is_followed_so_far(self, course: Graded) -> None:
        def same(_: web.Request) -> web.Response:
            link = f'<{course.services.url}/members?again>; rel="next"'
            return web.json_response({"members": [member("ada")]}, headers={"Link": link})

        async with course.house.reader() as grace:
            course.teacher()
            await course.arrives(grace, "grace")
            course.services.lies["/members"] = same
            text = texts(await course.roster(grace))
            assert "from there: 1 of 1" in text
            assert "more people than are read here" in text
            assert sum(path.startswith("/members") for path, _ in course.services.seen) == 20

    @pytest.mark.parametrize("path", ["/members", "/token"])
    async def test_a_platform_that_hangs_is_given_up(self, course: Graded, path: str) -> None:
        course.services.hanging = {path}
        async with course.house.reader() as grace:
            course.teacher()
            await course.arrives(grace, "grace")
            began = time.monotonic()
            assert (await course.roster(grace)).status == 502
            assert time.monotonic() - began < 60

    async def test_a_course_that_is_listed_no_more(self, course: Graded) -> None:
        async with course.house.reader() as grace:
            course.teacher()
            await course.arrives(grace, "grace")
            course.platform.claims = {f"{CLAIM}roles": [INSTRUCTOR]}
            await course.arrives(grace, "grace")
            shelf = await grace.navigate("/auth/classes", site="none")
            (room,) = re.findall(r'href="(/auth/classes/of/[^"]+)"', shelf.text)
            assert f"{room}/course" not in (await grace.navigate(room)).text
            assert (await grace.navigate(f"{room}/course")).status == 404


class TestScores:
    async def test_a_score_reaches_the_gradebook(self, course: Graded) -> None:
        async with course.house.reader() as ada:
            await course.opens(ada)
            got = await report(ada, comment="7 of\n10 <b>right</b>")
            assert (got.status, got.json["state"]) == (202, "delivered")
            score = dict(course.services.scores[0])
            moment = score.pop("timestamp")
            assert isinstance(moment, str)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
            assert score == {
                "userId": "ada",
                "scoreGiven": 7.0,
                "scoreMaximum": 10.0,
                "comment": "Vom Buch selbst gemeldet: 7 of 10 \u2039b\u203aright\u2039/b\u203a",
                "activityProgress": "Submitted",
                "gradingProgress": "FullyGraded",
                "line_item": "1",
                "query": "type_id=7",
            }
            assert course.services.asked[0]["scope"] == SCORE
            assert (await report(ada, score="10", page="/cs1/index.html")).json["state"] == "delivered"
            assert course.services.scores[-1]["activityProgress"] == "Completed"
            assert len(course.services.asked) == 1

    async def test_only_of_the_page_that_was_launched_at_the_origin_that_it_is_of(
        self, course: Graded
    ) -> None:
        async with course.house.reader() as ada:
            await course.opens(ada)
            assert (await report(ada, page="/cs1/other.html")).json["error"] == "not_graded"
            await ada.sign_in(Flow(CONSENT))
            assert (await report(ada, origin=CONSENT)).json["error"] == "not_graded"
            course.platform.claims = {}
            await course.opens(ada)
            assert (await report(ada)).json["error"] == "not_graded", "launched anew, without a gradebook"
            assert not course.services.scores

    async def test_a_book_that_may_only_read_reports_nothing(self, course: Graded) -> None:
        async with course.house.reader() as ada:
            page = f"{MIRROR}/cs1/"
            await course.arrives(ada, target=page)
            await ada.sign_in(Flow(MIRROR))
            assert (await report(ada, origin=MIRROR)).status == 403
            assert not course.services.scores

    async def test_of_nobody_a_guest_or_a_teacher_no_score_is_taken(self, course: Graded) -> None:
        async with course.house.reader() as nobody, course.house.reader() as grace:
            assert (await report(nobody)).status == 401
            course.teacher()
            await course.opens(grace, "grace")
            assert (await report(grace)).status == 404

    async def test_a_page_that_believes_in_another_reports_for_nobody(self, course: Graded) -> None:
        async with course.house.reader() as ada:
            await course.opens(ada)
            body = urlencode({"score": "1", "of": "1", "page": "/cs1/"})
            headers = {**FORM, "X-Bookgate-Person": "somebody-else"}
            got = await ada.fetch(TRUSTED, "POST", "/auth/lti/score", body, **headers)
            assert (got.status, got.json["error"]) == (409, "person_changed")
            assert not course.services.scores

    async def test_a_book_in_token_mode_reports_too(self, course: Graded) -> None:
        async with course.house.reader() as ada:
            await course.arrives(ada)
            flow = Flow(TRUSTED)
            confirmed = await ada.sign_in(flow, cookies=False)
            access = str(confirmed.json["access_token"])
            assert flow.key is not None
            url = f"{course.house.url}/auth/lti/score"
            proof = flow.key.proof("POST", url, int(time.time()), access)
            headers = {"Authorization": f"DPoP {access}", "DPoP": proof}
            said = {"score": "1", "of": "1", "page": "/cs1/"}
            assert (await ada.post(flow, "/auth/lti/score", said, **headers)).status == 202

    async def test_another_site_reports_nothing(self, course: Graded) -> None:
        async with course.house.reader() as ada:
            await course.opens(ada)
            body = urlencode({"score": "1", "of": "1", "page": "/cs1/"})
            got, _ = await ada.raw("POST", "/auth/lti/score", FORM, body)
            assert got.status == 403
            assert not course.services.scores

    async def test_what_is_no_score(self, course: Graded) -> None:
        async with course.house.reader() as ada:
            await course.opens(ada)
            for wrong in ({"score": "11"}, {"score": "nan"}, {"of": "0"}, {"page": ""}):
                assert (await report(ada, **wrong)).status == 400, wrong

    async def test_one_person_reports_so_often(self, course: Graded) -> None:
        async with course.house.reader() as ada:
            await course.opens(ada)
            statuses = [(await report(ada)).status for _ in range(31)]
            assert statuses.count(202) == 30
            assert statuses[-1] == 429

    async def test_what_platforms_answer(self, course: Graded) -> None:
        answers = {403: "refused", 422: "refused", 503: "queued", 307: "queued", 409: "delivered"}
        async with course.house.reader() as ada:
            await course.opens(ada)
            for status, state in answers.items():
                course.services.lies[SCORES] = partial(answered, status)
                assert (await report(ada)).json["state"] == state, status
            assert not course.services.strayed

    async def test_a_platform_that_hangs_holds_the_book_up_no_longer(self, course: Graded) -> None:
        course.services.hanging = {SCORES}
        async with course.house.reader() as ada:
            await course.opens(ada)
            began = time.monotonic()
            assert (await report(ada)).json["state"] == "queued"
            assert time.monotonic() - began < 30
