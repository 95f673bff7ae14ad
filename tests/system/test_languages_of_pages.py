"""Which language a page speaks, how one is chosen, and what a choice must not do."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

from gateway.cookies import LANGUAGE, WAY
from tests.system.house import CONSENT, DENIED, House, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.test_small_ways import SECOND

GERMAN = {"Accept-Language": "de-AT, en;q=0.5"}


def language(got: Got) -> str:
    found = re.search(r'<html lang="(\w+)">', got.text)
    assert found is not None, got.text
    return found[1]


def switch(got: Got) -> str:
    """The footer's link to the same page in the other language."""
    found = re.search(r'<a href="([^"]*)" lang="\w+" hreflang="\w+">', got.text)
    assert found is not None, got.text
    return unescape(found[1])


async def test_the_browsers_own_language(house: House) -> None:
    async with house.reader() as ada:
        assert language(await ada.navigate("/auth/account", site="none")) == "en"
        page = await ada.navigate("/auth/account", site="none", headers=GERMAN)
        assert language(page) == "de"
        assert "<h1>Anmelden</h1>" in page.text
        assert "Weiter mit Example University" in page.text


async def test_refusals_speak_it_too(house: House) -> None:
    async with house.reader() as ada:
        denied = await ada.navigate(f"/auth/authorize?{Flow(DENIED).query()}", headers=GERMAN)
        assert (denied.status, language(denied)) == (403, "de")
        assert "Dieses Buch ist hier nicht angeschlossen" in denied.text
        nothing = await ada.navigate("/auth/nothing-here", headers=GERMAN)
        assert (nothing.status, language(nothing)) == (404, "de")
        assert "Hier ist nichts" in nothing.text
        # on the same connection: nobody is answered in another's language
        assert language(await ada.navigate("/auth/nothing-here")) == "en"


async def test_a_language_is_chosen_on_the_page_and_kept(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.navigate("/auth/account", site="none")
        assert switch(page) == "/auth/account?lang=de"
        german = await ada.navigate(switch(page), site="same-origin")
        assert language(german) == "de"
        assert ada.first_party[LANGUAGE] == "de"
        assert language(await ada.navigate("/auth/account", site="none")) == "de"
        english = await ada.navigate(switch(german), site="same-origin")
        assert (language(english), ada.first_party[LANGUAGE]) == ("en", "en")
        assert language(await ada.navigate("/auth/account", site="none", headers=GERMAN)) == "en"


async def test_what_a_book_asks_for_is_asked_for_in_the_other_language(house: House) -> None:
    flow = Flow(CONSENT)
    async with house.reader() as ada:
        await ada.sign_in_here(own_device="1")
        page = await ada.navigate(switch(await ada.ask(flow)), site="same-origin")
        assert language(page) == "de"
        assert "Darf dieses Buch Ihre Arbeit als Ada" in page.text
        got = await ada.answer(page, "allow")
        assert got.message["state"] == flow.state
        assert "code" in got.message


@pytest.mark.parametrize("value", ["fr", "", "de%20x", "../de", "DE"])
async def test_no_other_language_is_taken_or_kept(value: str, house: House) -> None:
    async with house.reader() as ada:
        page = await ada.navigate(f"/auth/account?lang={value}", site="none")
        assert (page.status, language(page)) == (200, "en")
        assert LANGUAGE not in ada.first_party
        ada.first_party[LANGUAGE] = unquote(value)
        assert language(await ada.navigate("/auth/account", site="none")) == "en"


async def test_of_two_cookies_neither_counts(house: House) -> None:
    async with house.reader() as ada:
        twice = {"Cookie": f"{LANGUAGE}=de; {LANGUAGE}=de; {WAY}=other; {WAY}=other"}
        page = await ada.navigate("/auth/account", site="none", headers=twice)
        assert (page.status, language(page)) == (200, "en")
        assert "Used here last" not in page.text


async def test_no_link_asks_once_more_for_what_is_good_once(house: House) -> None:
    async with house.reader() as ada:
        back = await ada.navigate("/auth/continue?transaction=none", site="none")
        assert "hreflang" not in back.text
        refused = await ada.navigate("/auth/callback/campus?state=none", site="none")
        assert "hreflang" not in refused.text
        await ada.sign_in_here()
        page = await ada.navigate("/auth/account", site="none")
        form = {"transaction": page.transaction, "act": "others"}
        assert "hreflang" not in (await ada.navigate("/auth/account", form=form)).text


async def ways(reader: Reader) -> list[str]:
    page = await reader.navigate("/auth/account", site="none")
    return re.findall(r'href="/auth/login\?provider=(\w+)', page.text)


async def test_the_way_of_the_last_time_comes_first(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url, more_providers=SECOND) as house, house.reader() as ada:
        assert await ways(ada) == ["campus", "second"]
        ada.first_party[WAY] = "second"
        page = await ada.navigate("/auth/account", site="none")
        assert await ways(ada) == ["second", "campus"]
        assert page.text.count("Used here last") == 1


async def test_the_way_is_kept_on_ones_own_device_only(house: House) -> None:
    async with house.reader() as ada:
        await ada.sign_in_here()
        assert WAY not in ada.first_party
        page = await ada.navigate("/auth/account", site="none")
        form = {"transaction": page.transaction, "act": "device"}
        page = await ada.navigate("/auth/account", form={**form, "own_device": "1"})
        assert ada.first_party[WAY] == "campus"
        await ada.navigate("/auth/account", form={**form, "transaction": page.transaction})
        assert WAY not in ada.first_party
