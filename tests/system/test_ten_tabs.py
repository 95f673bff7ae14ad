"""Many sign-ins at once: the tabs of one browser, and many people; at one provider and at two."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from itertools import starmap
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from gateway.cookies import SIGN_IN
from tests.lying_provider import CLIENT_ID, lying_provider
from tests.system.house import CONSENT, MIRROR, TRUSTED, House, open_house, subject
from tests.system.reader import Flow, Got, Reader

TABS = 10
ITEM = "/storage/v1/items/a"
ANOTHER = """
  evening:
    preset: oidc
    issuer: OTHER
    client_id: "CLIENT"
    client_secret: {env: SECRET}
    label: Evening school
"""


@pytest.fixture
async def house(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url) as running:
        yield running


class Tab:
    """A book that waits in a tab of its own, first of all at the provider."""

    def __init__(self, reader: Reader, origin: str) -> None:
        self.reader = reader
        self.flow = Flow(origin)
        self.answer: dict[str, str] = {}

    async def ask(self) -> None:
        got = await self.reader.ask(self.flow)
        self.answer = self.reader.at_provider(got.one("Location") or "")

    async def come_back(self) -> Got:
        """From the provider to the page that hands a code to the book."""
        got = await self.reader.navigate(f"/auth/callback/campus?{urlencode(self.answer)}")
        assert got.status == 303, got.text
        got = await self.reader.navigate(got.one("Location") or "")
        if 'name="transaction"' in got.text:
            choice = "allow" if 'value="allow"' in got.text else "go"
            got = await self.reader.answer(got, choice)
        return got

    async def sign_in(self) -> None:
        code = (await self.come_back()).message["code"]
        got = await self.reader.post(self.flow, "/auth/token", self.flow.exchange(code, delivery="cookie"))
        assert got.status == 200, got.text
        got = await self.reader.post(self.flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})
        assert got.status == 200, got.text

    async def serves(self) -> bool:
        return (await self.reader.fetch(self.flow.origin, "GET", ITEM)).status == 200


async def test_tabs_of_one_browser_one_after_the_other(house: House) -> None:
    """As a browser restores them: all are at the provider when the first one comes back."""
    async with house.reader("ada") as ada:
        tabs = [Tab(ada, (TRUSTED, MIRROR, CONSENT)[number % 3]) for number in range(TABS)]
        for tab in tabs:
            await tab.ask()
        for number, tab in enumerate(tabs):
            await tab.sign_in()
            assert [await each.serves() for each in tabs[: number + 1]] == [True] * (number + 1)
        assert (await ada.navigate("/auth/account", site="none")).text.count("session-end:") <= 1
        got = await ada.fetch(TRUSTED, "POST", "/auth/logout")
        assert got.status == 200, got.text
        assert [await tab.serves() for tab in tabs] == [False] * TABS, "one sign-out is all of theirs"


async def test_tabs_of_one_browser_all_at_once(house: House) -> None:
    async with house.reader("ada") as ada:
        tabs = [Tab(ada, (TRUSTED, MIRROR)[number % 2]) for number in range(TABS)]
        await asyncio.gather(*(tab.ask() for tab in tabs))
        await asyncio.gather(*(tab.sign_in() for tab in tabs))
        assert [await tab.serves() for tab in tabs] == [True] * TABS


async def test_a_tab_that_comes_back_as_somebody_else_ends_what_was_there(house: House) -> None:
    async with house.reader("ada") as ada, house.reader("grace") as grace:
        tabs = [Tab(ada, TRUSTED), Tab(ada, MIRROR)]
        for tab in tabs:
            await tab.ask()
        other = await ada.ask(Flow(CONSENT))
        answer = grace.at_provider(other.one("Location") or "")
        await tabs[0].sign_in()
        mine = ada.first_party[SIGN_IN]
        back = await ada.navigate(f"/auth/callback/campus?{urlencode(answer)}")
        await ada.navigate(back.one("Location") or "")
        assert ada.first_party[SIGN_IN] != mine
        assert not await tabs[0].serves()


async def test_a_sign_in_that_began_later_has_an_id_of_its_own(house: House) -> None:
    """Whoever knew the old one knows nothing any more."""
    async with house.reader("ada") as ada:
        await ada.sign_in_here()
        old = ada.first_party[SIGN_IN]
        got = await ada.navigate("/auth/login?provider=campus", site="same-origin")
        await ada.through_provider(got)
        assert ada.first_party[SIGN_IN] != old


async def test_who_is_to_prove_it_once_more_gets_a_session_of_their_own(house: House) -> None:
    """Also where another tab came back meanwhile."""
    async with house.reader("ada") as ada:
        tab, strict = Tab(ada, TRUSTED), Flow(MIRROR)
        await tab.ask()
        asked = await ada.ask(strict, max_age="0")
        answer = ada.at_provider(asked.one("Location") or "")
        await tab.sign_in()
        old = ada.first_party[SIGN_IN]
        back = await ada.navigate(f"/auth/callback/campus?{urlencode(answer)}")
        await ada.navigate(back.one("Location") or "")
        assert ada.first_party[SIGN_IN] != old


async def test_many_people_at_once_are_each_their_own(house: House) -> None:
    """Each in three browsers, for the first time: nobody is made twice."""
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(house.reader(f"person {number // 3}"))
            for number in range(3 * TABS)
        ]
        await asyncio.gather(*(reader.sign_in(Flow(TRUSTED)) for reader in readers))
        found = []
        for reader in readers:
            assert (await reader.fetch(TRUSTED, "GET", ITEM)).status == 200
            found.append(subject(house.storage.last))
        assert len(set(found)) == TABS
        assert all(len(set(found[number : number + 3])) == 1 for number in range(0, 3 * TABS, 3))


async def test_tabs_at_two_providers(tmp_path: Path, redis_url: str) -> None:
    """One person at each: whoever comes back last is who sits here, and every tab says so."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(lying_provider())
        block = ANOTHER.replace("OTHER", other.issuer).replace("CLIENT", CLIENT_ID)
        house = await stack.enter_async_context(open_house(tmp_path, redis_url, more_providers=block))

        def at_provider(url: str) -> dict[str, str]:
            if url.startswith(house.liar.issuer):
                return house.at_provider(url, "ada")
            other.redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
            return other.authorize(url, "ada")

        reader = await stack.enter_async_context(Reader(house.url, at_provider))
        pages = [await reader.ask(Flow(TRUSTED)) for _ in range(TABS)]
        ways = ["campus", "evening"] * (TABS // 2)
        chosen = await asyncio.gather(*starmap(reader.choose, zip(pages, ways, strict=True)))
        done = await asyncio.gather(*(reader.through_provider(got) for got in chosen))
        assert [got.status for got in done] == [200] * TABS
        await reader.sign_in(Flow(TRUSTED))
        assert (await reader.fetch(TRUSTED, "GET", ITEM)).status == 200
        assert (await reader.navigate("/auth/account", site="none")).status == 200
