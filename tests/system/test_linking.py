"""Several ways in to one account: both proved, one click; taking one away; two accounts that become one."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from gateway.cookies import SIGN_IN
from tests.system.house import TRUSTED, House, open_house, subject
from tests.system.reader import Flow, Got, Reader, refused
from tests.system.test_recent import signed_in_long_ago

ACCOUNT = "/auth/account"
LINK = "/auth/account/link"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def house(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url) as running:
        yield running


async def account(reader: Reader) -> Got:
    return await reader.navigate(ACCOUNT, site="none")


async def act(reader: Reader, what: str) -> Got:
    page = await account(reader)
    return await reader.navigate(ACCOUNT, form={"transaction": page.transaction, "act": what})


async def question(house: House, reader: Reader, other: str) -> Got:
    """From the account page to the question that follows the other login, by `other` at the provider."""
    page = await act(reader, "way-add:campus")
    assert page.status == 200
    target = unescape(re.findall(r'href="(http[^"]+)"', page.text)[0])
    params = house.at_provider(target, other)
    back = await reader.navigate(f"/auth/callback/campus?{urlencode(params)}")
    on = await reader.navigate(back.one("Location") or "")
    assert (on.status, (on.one("Location") or "").partition("?")[0]) == (303, LINK)
    return await reader.navigate(on.one("Location") or "")


async def answer(reader: Reader, page: Got, what: str) -> Got:
    return await reader.navigate(LINK, form={"transaction": page.transaction, "act": what})


async def who(house: House, reader: Reader) -> str:
    """Whom a service is told that the reader is."""
    await reader.sign_in(Flow(TRUSTED))
    await reader.fetch(TRUSTED, "GET", "/storage/v1/items/a")
    return subject(house.storage.received[-1])


async def test_another_way_in_leads_to_the_same_person(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("ada-at-work") as work:
        await ada.sign_in_here()
        page = await question(house, ada, "ada-at-work")
        assert "to your account?" in page.text
        done = await answer(ada, page, "link")
        assert (done.status, done.one("Location")) == (303, ACCOUNT)
        assert (await account(ada)).text.count("way-remove:") == 2
        assert await who(house, work) == await who(house, ada)


async def test_the_other_side_is_proved_now_and_not_by_who_sat_here_before(house: House) -> None:
    """A provider where somebody is still known lets a stranger take their account, unless it asks again."""
    async with house.reader("ada") as ada:
        await ada.sign_in_here()
        page = await act(ada, "way-add:campus")
        target = unescape(re.findall(r'href="(http[^"]+)"', page.text)[0])
        asked = parse_qs(urlsplit(target).query)
        assert asked["max_age"] == ["0"]
        assert "login" in asked["prompt"][0]
        house.liar.claims = {"auth_time": int(time.time()) - 3600}
        params = house.at_provider(target, "bob")
        assert (await ada.navigate(f"/auth/callback/campus?{urlencode(params)}")).status == 403
        house.liar.claims = {}
        assert (await account(ada)).text.count("way-remove:") <= 1


async def test_nothing_is_added_without_a_click(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("eve") as eve:
        await ada.sign_in_here()
        await question(house, ada, "eve")
        assert "way-remove:" not in (await account(ada)).text
        left = await answer(ada, await question(house, ada, "eve"), "leave")
        assert left.status == 303
        assert "way-remove:" not in (await account(ada)).text
        assert await who(house, eve) != await who(house, ada)


async def test_the_question_is_good_once_and_in_its_own_browser(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("bob") as bob:
        await ada.sign_in_here()
        await bob.sign_in_here()
        page = await question(house, ada, "ada-at-work")
        bob.first_party |= {k: v for k, v in ada.first_party.items() if k != SIGN_IN}
        assert (await answer(bob, page, "link")).status == 403, "begun for another account"
        form = {"transaction": page.transaction, "act": "link"}
        for origin in ("https://evil.example", TRUSTED, "null"):
            assert (await ada.navigate(LINK, form=form, headers={"Origin": origin})).status == 403
        cookies = "; ".join(f"{name}={value}" for name, value in ada.first_party.items())
        sent = {"Cookie": cookies, "Sec-Fetch-Site": "same-origin", "Content-Type": FORM}
        assert (await ada.raw("POST", LINK, sent, urlencode(form)))[0].status == 403, "it says no Origin"
        assert (await answer(ada, page, "link")).status == 303
        assert (await answer(ada, page, "link")).status == 400


async def test_who_signed_in_long_ago_proves_it_first(house: House) -> None:
    async with house.reader("ada") as ada:
        await signed_in_long_ago(house, ada)
        page = await act(ada, "way-add:campus")
        assert "prompt=login" in page.text
        assert "max_age=0" in page.text


async def test_an_identity_of_somebody_else_is_never_taken(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("grace") as grace:
        await ada.sign_in_here()
        other = await who(house, grace)
        page = await question(house, ada, "grace")
        assert "Make two accounts one?" in page.text
        assert (await answer(ada, page, "link")).status == 403
        assert await who(house, grace) == other


async def test_two_accounts_become_one_and_two_again(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("grace") as grace:
        mine, other = await who(house, ada), await who(house, grace)
        assert mine != other
        page = await question(house, ada, "grace")
        assert (await answer(ada, page, "merge")).status == 303
        refused(await grace.fetch(TRUSTED, "GET", "/storage/v1/items/a"), 401, "login_required")
        assert await who(house, grace) == mine
        (merge,) = re.findall(r'value="unmerge:([^"]+)"', (await account(ada)).text)
        assert (await act(ada, f"unmerge:{merge}")).status == 200
        assert await who(house, grace) == other
        assert await who(house, ada) == mine


async def test_merged_twice_they_are_merged_once(house: House) -> None:
    """Two tabs with the same question, answered at once: one merge, which is undone as one."""
    async with house.reader("ada") as ada, house.reader("grace") as grace:
        mine, other = await who(house, ada), await who(house, grace)
        pages = [await question(house, ada, "grace") for _ in range(2)]
        answers = await asyncio.gather(*(answer(ada, page, "merge") for page in pages))
        assert {got.status for got in answers} <= {303, 400}
        assert 303 in {got.status for got in answers}
        assert await who(house, grace) == mine
        (merge,) = re.findall(r'value="unmerge:([^"]+)"', (await account(ada)).text)
        assert (await act(ada, f"unmerge:{merge}")).status == 200
        assert (await who(house, grace), await who(house, ada)) == (other, mine)


async def test_each_merges_the_other_at_once(house: House) -> None:
    """Whoever comes first is who they both are; nobody is lost in a circle."""
    async with house.reader("ada") as ada, house.reader("grace") as grace:
        both = {await who(house, ada), await who(house, grace)}
        pages = await question(house, ada, "grace"), await question(house, grace, "ada")
        answers = await asyncio.gather(answer(ada, pages[0], "merge"), answer(grace, pages[1], "merge"))
        assert sum(got.status == 303 and got.one("Location") == ACCOUNT for got in answers) >= 1
        one = await who(house, ada)
        assert one in both
        assert await who(house, grace) == one
        for reader in (ada, grace):
            page = await question(house, reader, "grace" if reader is ada else "ada")
            assert "Make two accounts one?" not in page.text


async def test_a_way_that_was_taken_away_leads_to_somebody_new(house: House) -> None:
    """Also the one that the account began with, from which the person's own id is derived."""
    async with house.reader("ada") as ada, house.reader("ada-at-work") as work:
        mine = await who(house, ada)
        await answer(ada, await question(house, ada, "ada-at-work"), "link")
        assert await who(house, work) == mine
        first = re.findall(r'value="(way-remove:[^"]+)"', (await account(work)).text)[0]
        assert "no way in to this account any more" in (await act(work, first)).text
        assert (await ada.fetch(TRUSTED, "GET", "/storage/v1/items/a")).status == 401, "and is signed out"
        assert await who(house, work) == mine
        assert await who(house, ada) != mine


async def test_the_last_way_in_stays(house: House) -> None:
    async with house.reader("ada") as ada:
        await ada.sign_in_here()
        await answer(ada, await question(house, ada, "ada-at-work"), "link")
        marks = re.findall(r'value="(way-remove:[^"]+)"', (await account(ada)).text)
        assert len(marks) == 2
        assert (await act(ada, marks[1])).status == 200
        last = await act(ada, marks[0])
        assert (last.status, "That is the last way in" in last.text) == (409, True)
        assert "was gone already" in (await act(ada, marks[1])).text


async def test_a_provider_that_says_no_adds_nothing(house: House) -> None:
    async with house.reader("ada") as ada:
        await ada.sign_in_here()
        page = await act(ada, "way-add:campus")
        target = unescape(re.findall(r'href="(http[^"]+)"', page.text)[0])
        state = house.at_provider(target, "x")["state"]
        got = await ada.navigate(
            f"/auth/callback/campus?error=access_denied&state={state}&iss={house.liar.issuer}"
        )
        assert "No way in was added" in got.text
        assert "Ada" in (await account(ada)).text


async def test_acts_that_name_nothing(house: House) -> None:
    async with house.reader("ada") as ada:
        await ada.sign_in_here()
        assert (await act(ada, "way-add:nobody")).status == 400
        assert "was gone already" in (await act(ada, "way-remove:nothing")).text
        assert (await act(ada, "unmerge:nothing")).status == 409
