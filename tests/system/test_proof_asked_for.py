"""A book asks that its reader proves once more who they are, or in another way: max_age and acr_values."""

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.provider_presets import PRESETS
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader


@pytest.fixture(name="house")
async def _house(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url) as house:
        yield house


def asked_of(house: House, got: Got) -> dict[str, list[str]]:
    """What the provider is asked; the reader must be on the way there."""
    location = got.one("Location") or ""
    assert got.status == 303, got.text
    assert location.startswith(f"{house.liar.issuer}/authorize"), location
    return parse_qs(urlsplit(location).query)


async def signed_in(house: House, reader: Reader, ago: int, **claims: object) -> None:
    """On a device of their own, proved this many seconds ago."""
    house.liar.claims = {"auth_time": int(time.time()) - ago, **claims}
    await reader.sign_in_here(own_device="1")


async def test_a_proof_that_is_young_enough_is_not_asked_for_again(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada, 3600)
        assert "code" in (await ada.ask(Flow(TRUSTED), max_age="7200")).message


async def test_an_old_proof_is_asked_for_once_more_and_then_counts(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada, 3600)
        sent = await ada.ask(Flow(TRUSTED), max_age="60")
        assert asked_of(house, sent)["max_age"] == ["60"]
        house.liar.claims = {"auth_time": int(time.time()) - 5}
        page = await ada.through_provider(sent)
        assert "code" in page.message, "it asks for nothing more: the device is theirs as it was"


async def test_a_provider_that_did_not_ask_again_signs_nobody_in(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada, 3600)
        sent = await ada.ask(Flow(TRUSTED), max_age="60")
        params = ada.at_provider(sent.one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        refused = await ada.navigate(f"/auth/callback/campus?{query}")
        assert refused.status == 502
        assert "code" in (await ada.ask(Flow(TRUSTED))).message, "and who is signed in stays so"


async def test_another_way_of_proof(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada, 5, acr="pwd")
        sent = await ada.ask(Flow(TRUSTED), acr_values="urn:mfa phr")
        assert asked_of(house, sent)["acr_values"] == ["urn:mfa phr"]
        house.liar.claims = {"acr": "phr"}
        await ada.through_provider(sent)
        greeted = await ada.ask(Flow(TRUSTED), acr_values="phr")
        assert "code" in greeted.message, "the session remembers how it was proved"
        assert asked_of(house, await ada.ask(Flow(TRUSTED), acr_values="urn:mfa"))


async def test_without_a_question_the_book_is_told(house: House) -> None:
    async with house.reader() as ada:
        await signed_in(house, ada, 3600)
        assert (await ada.ask(Flow(TRUSTED), prompt="none")).message.keys() >= {"code"}
        told = await ada.ask(Flow(TRUSTED), prompt="none", max_age="60")
        assert told.message["error"] == "login_required"


async def test_a_book_that_asks_for_nonsense_is_told(house: House) -> None:
    async with house.reader() as ada:
        assert (await ada.ask(Flow(TRUSTED), max_age="soon")).message["error"] == "invalid_request"


async def test_a_provider_that_says_no_times_is_asked_outright(tmp_path: Path, redis_url: str) -> None:
    dialects = {"campus": PRESETS["microsoft"].dialect}
    async with open_house(tmp_path, redis_url, dialects=dialects) as house, house.reader() as ada:
        await signed_in(house, ada, 3600)
        query = asked_of(house, await ada.ask(Flow(TRUSTED), max_age="60"))
        assert query["prompt"] == ["login"]
        assert "max_age" not in query
