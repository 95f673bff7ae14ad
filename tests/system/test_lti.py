"""From a course into a book: launches, their frame, whom they sign in, and lying platforms."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey

from gateway.pages import transactions
from tests.lti_platform import CLAIM, INSTRUCTOR, LtiPlatform, lti_platform
from tests.system.house import CONSENT, DENIED, MIRROR, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.test_whom_routes_take import claims

PAGE = f"{TRUSTED}/cs1/index.html"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Course:
    house: House
    platform: LtiPlatform

    def begins(self, target: str = PAGE, **more: str) -> dict[str, str]:
        return {"iss": self.platform.issuer, "login_hint": "7", "target_link_uri": target, **more}

    async def sent(self, reader: Reader, target: str = PAGE, **more: str) -> Got:
        """To the platform, from its own page."""
        return await self.post(reader, "/auth/lti/login", self.begins(target, **more))

    async def post(self, reader: Reader, path: str, form: Mapping[str, str], dest: str = "document") -> Got:
        return await reader.navigate(
            path,
            form=form,
            headers={"Origin": self.platform.issuer, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": dest},
        )

    async def launched(self, reader: Reader, subject: str = "ada", target: str = PAGE) -> Got:
        """All the way to the answer of /auth/lti/launch."""
        sent = await self.sent(reader, target)
        assert sent.status == 303, sent.text
        answer = self.platform.answer(sent.one("Location") or "", target, subject)
        return await self.post(reader, "/auth/lti/launch", answer)

    async def arrives(self, reader: Reader, subject: str = "ada", target: str = PAGE) -> str:
        """To the page of the book."""
        got = await self.launched(reader, subject, target)
        assert got.status == 303, got.text
        got = await reader.navigate(got.one("Location") or "")
        assert got.status == 303, got.text
        return got.one("Location") or ""


@pytest.fixture(name="course")
async def _course(tmp_path: Path, redis_url: str) -> AsyncIterator[Course]:
    async with lti_platform() as platform:
        text = (
            "lti: {moodle: {preset: moodle, label: Our Moodle, client_id: bookgate, deployments: ['1:abc'],"
            f" issuer: '{platform.issuer}'}}}}\n"
        )
        async with open_house(tmp_path, redis_url, more_backends="\n" + text) as house:
            yield Course(house, platform)


async def test_a_launch_ends_in_the_book_which_begins_by_itself(course: Course) -> None:
    async with course.house.reader() as ada:
        assert await course.arrives(ada) == f"{PAGE}#bookgate=launched"
        code = await ada.code(Flow(TRUSTED))
        assert code
        page = await ada.navigate("/auth/account", site="none")
        assert "Signed in with Our Moodle" in re.sub(r"\s+", " ", page.text)
        assert "Ada" in page.text


async def test_what_the_platform_is_asked(course: Course) -> None:
    async with course.house.reader() as ada:
        got = await course.sent(ada, lti_message_hint="m 1", client_id="bookgate", lti_deployment_id="1:abc")
        where = urlsplit(got.one("Location") or "")
        asked = dict(parse_qsl(where.query))
        assert f"{where.scheme}://{where.netloc}{where.path}" == f"{course.platform.issuer}/mod/lti/auth.php"
        state, nonce = asked.pop("state"), asked.pop("nonce")
        assert len(state) >= 43
        assert len(nonce) >= 43
        assert asked == {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": "bookgate",
            "redirect_uri": f"{course.house.url}/auth/lti/launch",
            "login_hint": "7",
            "lti_message_hint": "m 1",
        }


async def test_by_get_too(course: Course) -> None:
    async with course.house.reader() as ada:
        got = await ada.navigate(f"/auth/lti/login?{urlencode(course.begins())}")
        assert got.status == 303


async def test_the_course_is_a_class_and_its_teacher_teaches_the_book(course: Course) -> None:
    async with course.house.reader() as ada, course.house.reader() as ben:
        course.platform.claims = {f"{CLAIM}roles": [INSTRUCTOR]}
        await course.arrives(ada)
        await ada.sign_in(Flow(TRUSTED))
        course.platform.claims = {}
        await course.arrives(ben, "ben")
        await ben.sign_in(Flow(TRUSTED))
        told = []
        for reader in (ada, ben):
            assert (await reader.fetch(TRUSTED, "GET", "/storage/x")).status == 200
            said = claims(course.house.storage.last)
            told.append((said["classes"], said["roles"]))
        ((ada_classes, ada_roles), (ben_classes, ben_roles)) = told
        assert isinstance(ada_classes, list)
        assert isinstance(ben_classes, list)
        assert [one["role"] for one in ada_classes] == ["teacher"]
        assert [one["role"] for one in ben_classes] == ["student"]
        assert ada_classes[0]["id"] == ben_classes[0]["id"]
        assert (ada_roles, ben_roles) == (["teacher"], [])


@pytest.mark.parametrize("act", ["open", "code", "archive", "cards"])
async def test_who_is_in_a_course_only_its_platform_says(course: Course, act: str) -> None:
    """Its page has no such button; a teacher who sends the form by hand opens it for nobody either."""
    async with course.house.reader() as ada:
        course.platform.claims = {f"{CLAIM}roles": [INSTRUCTOR]}
        await course.arrives(ada)
        shelf = await ada.navigate("/auth/classes", site="none")
        (room,) = re.findall(r'href="(/auth/classes/of/[^"]+)"', shelf.text)
        form = {"transaction": (await ada.navigate(room)).transaction, "act": act, "count": "1"}
        assert (await ada.navigate(room, form=form)).status == 400


async def test_a_subject_is_of_its_deployment(course: Course, tmp_path: Path) -> None:
    async with course.house.reader() as one, course.house.reader() as other:
        await course.arrives(one)
        await course.arrives(other)
        people = []
        for reader in (one, other):
            await reader.sign_in(Flow(TRUSTED))
            await reader.fetch(TRUSTED, "GET", "/storage/x")
            people.append(claims(course.house.storage.last)["sub"])
        assert people[0] == people[1], "the same person, twice"
        async with course.house.reader() as campus:
            await campus.sign_in(Flow(TRUSTED))
            await campus.fetch(TRUSTED, "GET", "/storage/x")
            assert claims(course.house.storage.last)["sub"] != people[0], "of another issuer"


# --- in a frame


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_in_a_frame_there_is_one_link_to_a_tab_and_no_cookie(course: Course, method: str) -> None:
    async with course.house.reader() as ada:
        if method == "GET":
            headers = {"Sec-Fetch-Dest": "iframe"}
            got = await ada.navigate(f"/auth/lti/login?{urlencode(course.begins())}", headers=headers)
        else:
            got = await course.post(ada, "/auth/lti/login", course.begins(lti_message_hint="h"), "iframe")
        assert got.status == 200
        assert not [line for line in got.every("Set-Cookie") if "Max-Age=0" not in line]
        policy = got.one("Content-Security-Policy") or ""
        assert f"frame-ancestors {course.platform.issuer}" in policy
        assert got.one("X-Frame-Options") is None
        link = re.search(r'id="open" href="([^"]+)" target="_blank" rel="noopener"', got.text)
        assert link is not None
        again = link[1].replace("&amp;", "&")
        assert parse_qs(urlsplit(again).query)["target_link_uri"] == [PAGE]
        assert (await ada.navigate(again, site="same-origin")).status == 303


async def test_no_other_page_of_ours_is_framed(course: Course) -> None:
    async with course.house.reader() as ada:
        for path in ("/auth/account", "/auth/lti/login?iss=x&login_hint=1&target_link_uri=x"):
            got = await ada.navigate(path, headers={"Sec-Fetch-Dest": "iframe"})
            assert "frame-ancestors 'none'" in (got.one("Content-Security-Policy") or "")
            assert got.one("X-Frame-Options") == "DENY"


# --- what is refused


async def test_who_asks_for_platforms_without_an_end_is_stopped(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is looked up in the directory, and anybody may ask."""
    monkeypatch.setattr(transactions, "TRANSACTIONS", 0)
    async with course.house.reader() as ada:
        got = await course.post(ada, "/auth/lti/login", {**course.begins(), "iss": "https://evil.example"})
        assert got.status == 429


@pytest.mark.parametrize(("dest", "mode"), [("image", "no-cors"), ("empty", "cors"), ("script", "no-cors")])
async def test_no_picture_of_another_page_begins_a_launch(course: Course, dest: str, mode: str) -> None:
    """Any page could else take away the cookies of a sign-in that is under way, a hundred at a time."""
    async with course.house.reader() as ada:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": dest, "Sec-Fetch-Mode": mode}
        for target in (PAGE, f"{course.house.url}/auth/lti/links"):
            got = await ada.navigate(f"/auth/lti/login?{urlencode(course.begins(target))}", headers=headers)
            assert got.status == 403
            assert not got.every("Set-Cookie")


@pytest.mark.parametrize(
    "more",
    [{"iss": "https://evil.example"}, {"client_id": "other"}, {"lti_deployment_id": "3"}],
    ids=["issuer", "client", "deployment"],
)
async def test_a_platform_that_nobody_knows(course: Course, more: dict[str, str]) -> None:
    async with course.house.reader() as ada:
        got = await course.post(ada, "/auth/lti/login", {**course.begins(), **more})
        assert got.status == 403
        assert "does not know the platform" in got.text


@pytest.mark.parametrize(
    "target",
    [
        f"{DENIED}/x",
        f"{PAGE}\n",
        f"{PAGE} ",
        "javascript:alert(1)",
        "//evil.example/",
        f"{TRUSTED}@evil.example/",
        "x",
        TRUSTED[8:],
    ],
)
async def test_a_target_that_is_no_book_s(course: Course, target: str) -> None:
    async with course.house.reader() as ada:
        got = await course.sent(ada, target)
        assert got.status == 403
        assert got.one("Location") is None


async def test_a_platform_opens_no_book_but_those_that_its_block_names(
    tmp_path: Path, redis_url: str
) -> None:
    """Else whoever runs one platform would be a teacher of every book that takes courses."""
    async with lti_platform() as platform:
        text = (
            "\nlti: {moodle: {preset: moodle, client_id: bookgate, deployments: ['1:abc'], books: [mirror],"
            f" issuer: '{platform.issuer}'}}}}\n"
        )
        async with open_house(tmp_path, redis_url, more_backends=text) as house, house.reader() as ada:
            course = Course(house, platform)
            assert (await course.sent(ada)).status == 403
            page = f"{MIRROR}/x"
            assert await course.arrives(ada, target=page) == f"{page}#bookgate=launched"
            sent = await course.sent(ada, page)
            answer = platform.answer(sent.one("Location") or "", PAGE, "ada")
            assert (await course.post(ada, "/auth/lti/launch", answer)).status == 403


async def test_a_target_of_our_own_names_no_page(course: Course) -> None:
    async with course.house.reader() as ada:
        got = await course.sent(ada, f"{course.house.url}/auth/lti/launch")
        assert got.status == 403
        assert "names no page of a book" in got.text


async def test_a_book_that_must_ask_still_asks(course: Course) -> None:
    async with course.house.reader() as ada:
        target = f"{CONSENT}/page"
        assert await course.arrives(ada, target=target) == f"{target}#bookgate=launched"
        assert 'value="allow"' in (await ada.ask(Flow(CONSENT))).text


LIES: Mapping[str, Mapping[str, object]] = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "other"},
    "another nonce": {"nonce": "x"},
    "another deployment": {f"{CLAIM}deployment_id": "2"},
    "another page than was asked for": {f"{CLAIM}target_link_uri": f"{TRUSTED}/other"},
    "a page of nobody's": {f"{CLAIM}target_link_uri": f"{DENIED}/x"},
    "over": {"exp": 1},
    "no subject": {"sub": None},
    "another kind": {f"{CLAIM}message_type": "LtiDeepLinkingRequest"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_platform_signs_nobody_in(course: Course, lie: str) -> None:
    course.platform.claims = dict(LIES[lie])
    async with course.house.reader() as ada:
        got = await course.launched(ada)
        assert got.status == 403, got.text
        assert "You were not signed in" in got.text
        assert not [line for line in got.every("Set-Cookie") if "bookgate=" in line.partition(";")[0]]


async def test_a_token_of_another_key(course: Course) -> None:
    async with course.house.reader() as ada:
        await course.arrives(ada)
        course.platform.key = RSAKey.generate_key(2048, {"kid": "k1"})
        published, course.platform.published = course.platform.published, False
        got = await course.launched(ada)
        assert got.status == 403
        course.platform.published = published


async def test_keys_that_are_gone(course: Course) -> None:
    course.platform.published = False
    async with course.house.reader() as ada:
        got = await course.launched(ada)
        assert got.status == 502
        assert "does not answer" in got.text


async def test_keys_that_were_changed_in_between(course: Course) -> None:
    async with course.house.reader() as ada:
        await course.arrives(ada)
        course.platform.key = RSAKey.generate_key(2048, {"kid": "k1"})
        course.platform.header = {"kid": "k1"}
        got = await course.launched(ada)
        assert got.status == 403, "a known name with another key is a forgery"


def signed_by_what_all_may_read(key: RSAKey, payload: str) -> str:
    """HS256 with the public key for a secret: for those who let the token choose."""
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=").decode()
    mac = hmac.digest(key.as_pem(private=False), f"{head}.{payload}".encode(), "sha256")
    return f"{head}.{payload}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


async def test_unsigned_and_foreign_algorithms(course: Course) -> None:
    async with course.house.reader() as ada:
        for algorithm in ("none", "HS256"):
            sent = await course.sent(ada)
            answer = course.platform.answer(sent.one("Location") or "", PAGE)
            payload = answer["id_token"].split(".")[1]
            forged = f"eyJhbGciOiJub25lIn0.{payload}."
            if algorithm == "HS256":
                forged = signed_by_what_all_may_read(course.platform.key, payload)
            assert (await course.post(ada, "/auth/lti/launch", answer | {"id_token": forged})).status == 403


async def test_a_live_launch_with_too_much_or_nothing(course: Course) -> None:
    async with course.house.reader() as ada:
        for token, status in (("x" * 40_000, 403), ("x" * 70_000, 413), ("", 400)):
            sent = await course.sent(ada)
            answer = course.platform.answer(sent.one("Location") or "", PAGE) | {"id_token": token}
            assert (await course.post(ada, "/auth/lti/launch", answer)).status == status


async def test_a_launch_is_good_once_and_in_its_browser(course: Course) -> None:
    async with course.house.reader() as ada, course.house.reader() as eve:
        sent = await course.sent(ada)
        answer = course.platform.answer(sent.one("Location") or "", PAGE)
        assert (await course.post(eve, "/auth/lti/launch", answer)).status == 400, "begun in another browser"
        assert (await course.post(ada, "/auth/lti/launch", answer)).status == 303
        assert (await course.post(ada, "/auth/lti/launch", answer)).status == 400, "used"
        mine = course.platform.answer((await course.sent(ada)).one("Location") or "", PAGE)
        replayed = {**mine, "id_token": answer["id_token"]}
        assert (await course.post(ada, "/auth/lti/launch", replayed)).status == 403, (
            "the nonce of another login"
        )


async def test_what_is_too_long_or_too_little(course: Course) -> None:
    async with course.house.reader() as ada:
        for form in ({}, {**course.begins(), "login_hint": ""}, course.begins(lti_message_hint="x" * 3000)):
            assert (await course.post(ada, "/auth/lti/login", form)).status == 400
        got = await course.post(ada, "/auth/lti/launch", {"state": "x", "id_token": "x" * 70_000})
        assert got.status in {400, 413}


async def test_a_book_may_leave_courses_out(tmp_path: Path, course: Course) -> None:
    text = course.house.origins_file.read_text().replace(
        "trust: trusted,", "trust: trusted, sign_in: [campus],"
    )
    course.house.set_origins(text)
    async with course.house.reader() as ada:
        assert (await course.sent(ada)).status == 403
        course.house.set_origins(text.replace("[campus]", "[campus, lti]"))
        assert (await course.sent(ada)).status == 303
