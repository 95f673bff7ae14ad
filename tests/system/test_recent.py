"""Who does something grave proves once more that it is them: at the page of one's own data."""

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from secrets import token_hex
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from gateway.cookies import SIGN_IN
from gateway.pages.recent import RECENT
from tests.lying_provider import CLIENT_ID
from tests.ports import free_port
from tests.system.house import House, open_house
from tests.system.reader import Got, Reader

DATA = "/auth/account/data"


@pytest.fixture
async def house(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url) as running:
        yield running


async def data(reader: Reader) -> Got:
    return await reader.navigate(DATA, site="same-origin")


async def signed_in_long_ago(house: House, reader: Reader) -> None:
    """And from now on the provider tells the truth again."""
    house.liar.claims = {"auth_time": int(time.time()) - RECENT - 60}
    await reader.sign_in_here()
    house.liar.claims = {}


async def test_who_has_just_signed_in_is_not_asked(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in_here()
        assert (await data(ada)).status == 200


async def test_later_they_prove_it_once_more_and_come_back(house: House) -> None:
    async with house.reader() as ada:
        await signed_in_long_ago(house, ada)
        before = ada.first_party[SIGN_IN]
        got = await data(ada)
        asked = parse_qs(urlsplit(got.one("Location") or "").query)
        assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
        back = await ada.through_provider(got)
        assert (back.status, back.one("Location")) == (303, DATA)
        assert (await data(ada)).status == 200
        assert ada.first_party[SIGN_IN] != before, "a new session, under a new id"


async def test_who_came_back_without_a_word_of_when_has_proved_nothing(house: House) -> None:
    """The provider may have known them since last week."""
    async with house.reader() as ada:
        house.liar.claims = {"auth_time": None}
        await ada.sign_in_here()
        got = await data(ada)
        asked = parse_qs(urlsplit(got.one("Location") or "").query)
        assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
        house.liar.claims = {}
        await ada.through_provider(got)
        assert (await data(ada)).status == 200


async def test_a_form_of_somebody_who_signed_in_long_ago_does_nothing_but_ask(house: House) -> None:
    async with house.reader() as ada:
        await signed_in_long_ago(house, ada)
        page = await ada.navigate("/auth/account", site="none")
        got = await ada.navigate(DATA, form={"transaction": page.transaction, "act": "delete", "sure": "1"})
        assert "prompt=login" in f"{got.one('Location')}{got.text}"
        assert "Ada" in (await ada.navigate("/auth/account", site="none")).text


async def test_a_provider_that_does_not_ask_again_is_not_believed(house: House) -> None:
    async with house.reader() as ada:
        await signed_in_long_ago(house, ada)
        got = await data(ada)
        house.liar.claims = {"auth_time": int(time.time()) - 2 * RECENT}
        params = ada.at_provider(got.one("Location") or "")
        refused = await ada.navigate(f"/auth/callback/campus?{urlencode(params)}")
        assert refused.status == 502
        assert "did not confirm who you are" in refused.text
        assert (await data(ada)).status == 303


async def test_somebody_else_changes_nothing(house: House) -> None:
    async with house.reader() as ada:
        await signed_in_long_ago(house, ada)
        before = ada.first_party[SIGN_IN]
        got = await data(ada)
        ada.at_provider = lambda url: house.at_provider(url, "bob")
        refused = await ada.through_provider(got)
        assert refused.status == 403
        assert "That was somebody else" in refused.text
        assert ada.first_party[SIGN_IN] == before
        assert "Ada" in (await ada.navigate("/auth/account", site="none")).text
        assert (await data(ada)).status == 303, "and it is asked again"


async def test_a_provider_that_was_taken_out_of_the_configuration(tmp_path: Path, redis_url: str) -> None:
    """Who came by it stays signed in; what needs a fresh sign-in says that they cannot come by it again."""
    old = "  evening: {preset: oidc, issuer: LIAR, client_id: c1, client_secret: {env: SECRET}}"
    port, prefix = free_port(), token_hex(4)
    async with open_house(
        tmp_path, redis_url, more_providers=old.replace("c1", f'"{CLIENT_ID}"'), port=port, prefix=prefix
    ) as before:
        ada = before.reader()
        before.liar.claims = {"auth_time": int(time.time()) - RECENT - 60}
        page = await ada.navigate("/auth/account", site="none")
        await ada.through_provider(await ada.choose(page, "evening"))
        before.liar.claims = {}
    async with open_house(tmp_path, redis_url, port=port, prefix=prefix), ada:
        page = await ada.navigate("/auth/account", site="none")
        assert "Ada" in page.text
        got = await data(ada)
        assert got.status == 403
        assert "evening" in got.text
