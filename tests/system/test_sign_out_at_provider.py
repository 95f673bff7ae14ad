"""`logout: provider`: signing out of a book or of the browser ends the provider's own session too."""

from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.system.house import CONSENT, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader, refused


@pytest.fixture
async def leaving(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url, logout="provider") as house:
        yield house


def goes_to_provider(house: House, got: Got) -> bool:
    target = got.text.partition('id="target">"')[2].partition('"')[0].replace("\\u0026", "&")
    if not target.startswith(f"{house.liar.issuer}/leave?"):
        return False
    return parse_qs(urlsplit(target).query)["post_logout_redirect_uri"] == [f"{house.url}/auth/logout"]


async def sign_out(reader: Reader, origin: str, **fields: str) -> Got:
    return await reader.post(Flow(origin, key=None), "/auth/logout", fields)


async def test_a_book_sends_its_reader_there(leaving: House) -> None:
    async with leaving.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        got = await sign_out(ada, TRUSTED)
        assert got.json["signed_out"] == "browser"
        way = str(got.json["next"])
        assert way.startswith(f"{leaving.url}/auth/logout?leave=")
        assert goes_to_provider(leaving, await ada.navigate(way))
        again = await ada.navigate(way)
        assert not goes_to_provider(leaving, again), "once"
        assert "You are signed out" in again.text
        assert "You are signed out" in (await ada.navigate("/auth/logout")).text


async def test_one_book_alone_does_not(leaving: House) -> None:
    async with leaving.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        assert (await sign_out(ada, TRUSTED, scope="book")).json["next"] is None
        await ada.sign_in(Flow(CONSENT))
        assert (await sign_out(ada, CONSENT)).json["next"] is None


async def test_our_own_page_does(leaving: House) -> None:
    async with leaving.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await ada.navigate("/auth/logout")
        form = {"transaction": page.transaction, "act": "sign-out"}
        assert goes_to_provider(leaving, await ada.navigate("/auth/account", form=form))


async def test_a_made_up_way_leads_nowhere(leaving: House) -> None:
    async with leaving.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        got = await ada.navigate("/auth/logout?leave=made-up")
        assert not goes_to_provider(leaving, got)
        assert (await ada.fetch(TRUSTED, "GET", "/storage/v1/items/a")).status == 200, (
            "a link signs nobody out"
        )


async def test_a_page_that_believes_in_somebody_else_signs_nobody_out(leaving: House) -> None:
    async with leaving.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        flow = Flow(TRUSTED, key=None)
        got = await ada.post(flow, "/auth/logout", {}, X_Bookgate_Person="somebody-else")
        refused(got, 409, "person_changed")
        assert (await ada.fetch(TRUSTED, "GET", "/storage/v1/items/a")).status == 200
