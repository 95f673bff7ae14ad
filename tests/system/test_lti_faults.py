"""Platforms that are slow, huge, double or mixed up, or that change keys while somebody is on the way."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from joserfc.jwk import RSAKey

from tests.lti_platform import LtiPlatform, lti_platform
from tests.system.house import TRUSTED, open_house
from tests.system.test_lti import PAGE, Course


@pytest.fixture(name="two")
async def _two(tmp_path: Path, redis_url: str) -> AsyncIterator[tuple[Course, LtiPlatform]]:
    async with lti_platform() as one, lti_platform() as other:
        block = "{{preset: moodle, client_id: bookgate, deployments: ['1:abc'], issuer: '{}'}}"
        text = f"\nlti:\n  one: {block.format(one.issuer)}\n  other: {block.format(other.issuer)}\n"
        async with open_house(tmp_path, redis_url, more_backends=text) as house:
            yield Course(house, one), other


async def test_what_one_platform_says_finishes_no_launch_of_another(two: tuple[Course, LtiPlatform]) -> None:
    course, other = two
    async with course.house.reader() as ada:
        sent = (await course.sent(ada)).one("Location") or ""
        for liar in (other, replace(other, issuer=course.platform.issuer)):
            honest_there = liar.answer(sent, PAGE)
            got = await course.post(ada, "/auth/lti/launch", honest_there)
            assert got.status == 403, got.text
            sent = (await course.sent(ada)).one("Location") or ""
        got = await course.post(ada, "/auth/lti/launch", course.platform.answer(sent, PAGE))
        assert got.status == 303


async def test_new_keys_while_somebody_is_on_the_way(two: tuple[Course, LtiPlatform]) -> None:
    course, _ = two
    async with course.house.reader() as ada:
        await course.arrives(ada)
        sent = (await course.sent(ada)).one("Location") or ""
        course.platform.key, course.platform.kid = RSAKey.generate_key(2048, {"kid": "k2"}), "k2"
        got = await course.post(ada, "/auth/lti/launch", course.platform.answer(sent, PAGE))
        assert got.status == 303, "a new name is looked up"


async def test_a_platform_that_hangs_keeps_nobody_waiting(two: tuple[Course, LtiPlatform]) -> None:
    course, other = two
    course.platform.silence = 30
    async with course.house.reader() as ada:
        began = time.monotonic()
        got = await course.launched(ada)
        assert (got.status, "does not answer" in got.text) == (502, True)
        assert time.monotonic() - began < 15
        assert await Course(course.house, other).arrives(ada), "and no other platform is kept waiting"


async def test_keys_that_are_more_than_anybody_has(two: tuple[Course, LtiPlatform]) -> None:
    course, _ = two
    course.platform.padding = 1 << 20
    async with course.house.reader() as ada:
        assert (await course.launched(ada)).status == 502


async def test_what_is_said_twice_is_said_by_nobody(two: tuple[Course, LtiPlatform]) -> None:
    course, _ = two
    async with course.house.reader() as ada:
        sent = (await course.sent(ada)).one("Location") or ""
        answer = course.platform.answer(sent, PAGE)
        twice = urlencode([*answer.items(), ("id_token", answer["id_token"])])
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": course.platform.issuer}
        cookies = "; ".join(f"{name}={value}" for name, value in ada.first_party.items())
        got, _ = await ada.raw("POST", "/auth/lti/launch", {**headers, "Cookie": cookies}, twice)
        assert got.status == 400
        double = f"/auth/lti/login?{urlencode([*course.begins().items(), ('iss', TRUSTED)])}"
        assert (await ada.navigate(double)).status == 400


async def test_another_subject_is_another_person(two: tuple[Course, LtiPlatform]) -> None:
    """In one browser too: whoever launches last is who is signed in, and nothing of the other is theirs."""
    course, _ = two
    async with course.house.reader() as browser:
        people = []
        for subject in ("ada", "ben", "ada"):
            await course.arrives(browser, subject)
            page = await browser.navigate("/auth/account", site="none")
            people.append(subject.title() in page.text)
        assert people == [True, True, True]
