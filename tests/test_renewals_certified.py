"""Tokens of a certified provider that nobody here wrote: each refresh token is good once, a used one ends all
of them.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest

from gateway.config.settings import Allow, ProviderSettings
from gateway.errors import ProviderRefusedError
from gateway.providers import Expected, LoginRequest, Original, Provider, build, open_session
from gateway.records import LiveSignIn
from tests.campus_of_liars import Clock
from tests.providers_fixture import IndependentProvider, Visitor, independent_provider
from tests.sessions_parts import loaded
from tests.token_workers import Worker, worker

REDIRECT = "http://127.0.0.1:8080/auth/callback/campus"
LOGIN = LoginRequest("state-1", "nonce-1", "v" * 43, REDIRECT)
EXPECTED = Expected("state-1", "nonce-1", "v" * 43, REDIRECT)
LIFE = 60  # seconds, of an access token; its clock is not turned, and an ID token is taken for some minutes


@dataclass
class Site:
    clock: Clock
    process: IndependentProvider
    providers: list[Provider]  # of each worker
    workers: list[Worker]

    async def sign_in(self) -> LiveSignIn:
        async with Visitor() as ada:
            callback = await ada.sign_in(await self.providers[0].begin(LOGIN), "Ada", REDIRECT)
        identity = await self.providers[0].finish(callback.query, EXPECTED)
        live = await self.workers[0].parts.signed_in("ada")
        kept = self.workers[0].tokens.kept("campus", identity, EXPECTED.nonce)
        assert kept is not None
        assert kept.refresh_token is not None, "offline_access was asked for, with the consent it takes"
        await self.workers[0].tokens.keep(live, kept)
        return live

    async def refresh_token(self, live: LiveSignIn) -> str:
        kept = await self.workers[0].kept(live)
        assert kept is not None
        assert kept.refresh_token is not None
        return kept.refresh_token

    async def asked(self) -> int:
        async with aiohttp.ClientSession() as client, client.get(f"{self.process.issuer}/asked") as answer:
            return int((await answer.json()).get("refresh_token", 0))

    async def revoke(self, token: str) -> None:
        """As its own page or its administrator would (RFC 7009)."""
        secret = b64encode(f"{self.process.client_id}:{self.process.client_secret}".encode()).decode()
        address, headers = f"{self.process.issuer}/token/revocation", {"Authorization": f"Basic {secret}"}
        async with (
            aiohttp.ClientSession() as client,
            client.post(address, data={"token": token}, headers=headers) as answer,
        ):
            assert answer.status == 200


@pytest.fixture
async def site(redis_url: str, prefix: str) -> AsyncGenerator[Site, None]:
    more = {"grant_types": ["authorization_code", "refresh_token"], "access_token_seconds": LIFE}
    clock = Clock()
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(independent_provider([REDIRECT], more=more))
        block = ProviderSettings(
            id="campus",
            issuer=process.issuer,
            client_id=process.client_id,
            client_secret=process.client_secret,
            label="Campus",
            claims={},
            allow=Allow(),
            logout_at_provider=True,
            keeps_tokens=True,
            asks_consent=True,
        )
        found = Site(clock, process, [], [])
        for _ in range(2):
            session = await stack.enter_async_context(open_session())
            provider = build([block], session, clock)["campus"]
            found.providers.append(provider)
            opened = worker(redis_url, prefix, clock, provider, process.issuer)
            found.workers.append(await stack.enter_async_context(opened))
        yield found


async def test_one_question_each_time_however_many_ask(site: Site) -> None:
    live, seen = await site.sign_in(), set[str | None]()
    for times in (1, 2, 3):
        site.clock.ahead = times * (LIFE + 1)
        got = await asyncio.gather(*(site.workers[number % 2].tokens.fresh(live) for number in range(20)))
        assert len(set(got)) == 1
        seen.update(got)
        assert await site.asked() == times
    assert len(seen) == 3
    assert None not in seen


async def test_a_used_refresh_token_ends_the_grant_there_and_the_session_here(site: Site) -> None:
    live = await site.sign_in()
    used = await site.refresh_token(live)
    site.clock.ahead = LIFE + 1
    assert await site.workers[0].tokens.fresh(live) is not None
    with pytest.raises(ProviderRefusedError, match="invalid_grant"):
        await site.providers[1].refresh(used, Original("Ada", "nonce-1"))
    site.clock.ahead = 2 * (LIFE + 1)
    assert await site.workers[1].tokens.fresh(live) is None
    assert await loaded(site.workers[0].parts, live) is None


async def test_revoked_there_is_ended_here(site: Site) -> None:
    live = await site.sign_in()
    await site.revoke(await site.refresh_token(live))
    assert await site.workers[0].tokens.fresh(live) is not None, "the access token is good to its end"
    site.clock.ahead = LIFE + 1
    assert await site.workers[1].tokens.fresh(live) is None
    assert await loaded(site.workers[0].parts, live) is None


async def test_a_provider_that_is_down_ends_nobodys_session(site: Site) -> None:
    live = await site.sign_in()
    site.clock.ahead = LIFE - 8
    await site.process.stop()
    assert await site.workers[0].tokens.fresh(live) is not None
    assert await loaded(site.workers[0].parts, live) is not None
