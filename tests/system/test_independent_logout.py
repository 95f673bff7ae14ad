"""Back-channel logout by a certified provider that nobody here wrote (npm oidc-provider)."""

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.ports import free_port
from tests.providers_fixture import IndependentProvider, independent_provider
from tests.providers_fixture import Visitor as AtProvider
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Reader

ITEM = "/storage/v1/items/a"
BLOCK = """
  independent:
    preset: oidc
    issuer: {issuer}
    client_id: bookgate
    client_secret: {{env: INDEPENDENT_SECRET}}
    label: Independent
"""


@dataclass
class Pair:
    house: House
    provider: IndependentProvider

    @property
    def callback(self) -> str:
        return f"{self.house.url}/auth/callback/independent"

    @property
    def left(self) -> str:
        return f"{self.house.url}/auth/logout"

    async def sign_in(self, reader: Reader, visitor: AtProvider, name: str) -> None:
        """reader and visitor: the same browser, here and there."""
        page = await reader.ask(Flow(TRUSTED))
        away = await reader.choose(page, "independent")
        back = await visitor.sign_in(away.one("Location") or "", name, self.callback)
        got = await reader.navigate(str(back))
        assert got.status == 303, got.text
        got = await reader.navigate(got.one("Location") or "")
        assert got.status in {200, 303}, got.text
        await reader.sign_in(Flow(TRUSTED))

    async def leave(self, visitor: AtProvider) -> None:
        """At the provider's own sign-out page."""
        address = f"{self.provider.issuer}/.well-known/openid-configuration"
        async with aiohttp.ClientSession() as client, client.get(address) as answer:
            metadata = json.loads(await answer.text())
        assert metadata["backchannel_logout_supported"] is True
        query = urlencode({"client_id": "bookgate", "post_logout_redirect_uri": self.left})
        await visitor.answer(f"{metadata['end_session_endpoint']}?{query}", {"logout": "yes"}, self.left)


@pytest.fixture(params=[True, False], ids=["by session", "by person"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> AsyncGenerator[Pair]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    more = {
        "backchannel_logout_uri": f"{url}/auth/backchannel-logout/independent",
        "backchannel_logout_session_required": request.param,
    }
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(
            independent_provider([f"{url}/auth/callback/independent"], [f"{url}/auth/logout"], more=more)
        )
        house = await stack.enter_async_context(
            open_house(
                tmp_path,
                redis_url,
                port=port,
                more_providers=BLOCK.format(issuer=provider.issuer),
                more_environment={"INDEPENDENT_SECRET": provider.client_secret},
            )
        )
        yield Pair(house, provider)


async def test_who_leaves_there_leaves_here(pair: Pair, request: pytest.FixtureRequest) -> None:
    by_session = "by session" in request.node.name
    house = pair.house
    async with AsyncExitStack() as stack:
        ada, phone, bob = [await stack.enter_async_context(house.reader()) for _ in range(3)]
        visitors = [await stack.enter_async_context(AtProvider()) for _ in range(3)]
        for reader, visitor, name in zip((ada, phone, bob), visitors, ("Ada", "Ada", "Bob"), strict=True):
            await pair.sign_in(reader, visitor, name)
        await pair.leave(visitors[0])
        alive = [(await reader.fetch(TRUSTED, "GET", ITEM)).status == 200 for reader in (ada, phone, bob)]
        assert alive == [False, by_session, True]
        await pair.sign_in(ada, visitors[0], "Ada")
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200
