"""One suite for every provider: ours for development, and a certified one that nobody here wrote, spoken to
as an OpenID Connect issuer and as a plain OAuth 2.0 service.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

import pytest
from yarl import URL

from gateway.config.settings import Allow, ProviderSettings
from gateway.errors import ProviderRefusedError, ProviderUnavailableError
from gateway.provider_presets import Dialect, Endpoints
from gateway.providers import Expected, LoginRequest, Provider, ProviderIdentity, build, open_session
from tests.development_provider import DevelopmentProvider, development_provider
from tests.providers_fixture import IndependentProvider, Visitor, independent_provider

GATEWAY = "http://127.0.0.1:8080"
REDIRECT = f"{GATEWAY}/auth/callback/campus"
LEFT = f"{GATEWAY}/auth/logout"
LOGIN = LoginRequest("state-1", "nonce-1", "v" * 43, REDIRECT)
EXPECTED = Expected("state-1", "nonce-1", "v" * 43, REDIRECT)


@dataclass
class Running:
    """A provider's process and the block that names it."""

    process: DevelopmentProvider | IndependentProvider
    block: ProviderSettings
    provider: Provider

    async def sign_in(
        self, name: str, login: LoginRequest = LOGIN, visitor: Visitor | None = None
    ) -> ProviderIdentity:
        callback = await self.callback(name, login, visitor)
        return await self.provider.finish(callback.query, EXPECTED)

    async def callback(self, name: str, login: LoginRequest = LOGIN, visitor: Visitor | None = None) -> URL:
        url = await self.provider.begin(login)
        if visitor is not None:
            return await visitor.sign_in(url, name, REDIRECT)
        async with Visitor() as passing:
            return await passing.sign_in(url, name, REDIRECT)


def block(issuer: str, client_secret: str | None) -> ProviderSettings:
    return ProviderSettings(
        id="campus",
        issuer=issuer,
        client_id="bookgate",
        client_secret=client_secret,
        label="Campus",
        claims=MappingProxyType({"username": "preferred_username"}),
        allow=Allow(),
        logout_at_provider=True,
    )


def plain(settings: ProviderSettings) -> ProviderSettings:
    """The same, as if there were no discovery and no ID token."""
    endpoints = Endpoints(
        authorization=f"{settings.issuer}/auth",
        token=f"{settings.issuer}/token",
        user=f"{settings.issuer}/me",
        subject="sub",
    )
    dialect = Dialect(oauth2=endpoints, asks_again=False, tells_auth_time=False)
    return replace(settings, dialect=dialect, logout_at_provider=False)


@asynccontextmanager
async def opened(kind: str) -> AsyncGenerator[Running, None]:
    async with open_session() as session:
        if kind == "development":
            async with development_provider(GATEWAY) as own:
                settings = block(own.issuer, None)
                yield Running(own, settings, build([settings], session, time.time)["campus"])
        else:
            async with independent_provider([REDIRECT], [LEFT]) as other:
                settings = block(other.issuer, other.client_secret)
                if kind == "plain":
                    settings = plain(settings)
                yield Running(other, settings, build([settings], session, time.time)["campus"])


@pytest.fixture(params=["development", "independent", "plain"])
async def running(request: pytest.FixtureRequest) -> AsyncGenerator[Running, None]:
    async with opened(request.param) as found:
        yield found


@pytest.fixture(params=["development", "independent"])
async def issuing(request: pytest.FixtureRequest) -> AsyncGenerator[Running, None]:
    """Those that issue ID tokens, say where they are and can be left."""
    async with opened(request.param) as found:
        yield found


async def test_a_whole_login(running: Running) -> None:
    identity = await running.sign_in("Ada")
    assert identity == ProviderIdentity(
        issuer=running.block.issuer,
        subject=identity.subject,
        name="Ada",
        email=identity.email,
        claims={"username": "ada"},
        auth_time=identity.auth_time,
        id_token=identity.id_token,
        tokens=identity.tokens,
        proved=isinstance(running.process, DevelopmentProvider),  # unasked, it alone says when
    )
    assert identity.subject
    assert identity.email is not None
    assert identity.email.startswith("ada@")
    assert abs(identity.auth_time - time.time()) < 30


async def test_who_was_asked_to_prove_it_has(running: Running) -> None:
    callback = await running.callback("Ada", replace(LOGIN, again=True, max_age=0))
    assert (await running.provider.finish(callback.query, replace(EXPECTED, max_age=0))).proved


async def test_people_are_told_apart_and_found_again(running: Running) -> None:
    ada, bob, again = [await running.sign_in(name) for name in ("Ada", "Bob", "Ada")]
    assert ada.subject == again.subject != bob.subject


async def test_select_account_asks_again(running: Running) -> None:
    async with Visitor() as visitor:
        first = await running.sign_in("Ada", visitor=visitor)
        other = await running.sign_in("Bob", replace(LOGIN, select_account=True), visitor)
    assert (first.name, other.name) == ("Ada", "Bob")


async def test_a_person_who_says_no(running: Running) -> None:
    async with Visitor() as visitor:
        callback = await visitor.cancel(await running.provider.begin(LOGIN), REDIRECT)
    assert callback.query["error"] == "access_denied"
    assert callback.query["iss"] == running.block.issuer
    with pytest.raises(ProviderRefusedError) as refusal:
        await running.provider.finish(callback.query, EXPECTED)
    assert "access_denied" in refusal.value.detail


async def test_a_code_counts_once(running: Running) -> None:
    callback = await running.callback("Ada")
    await running.provider.finish(callback.query, EXPECTED)
    with pytest.raises(ProviderRefusedError):
        await running.provider.finish(callback.query, EXPECTED)


async def test_a_code_that_nobody_made(running: Running) -> None:
    params = {"code": "made-up", "state": "state-1", "iss": running.block.issuer}
    with pytest.raises(ProviderRefusedError) as refusal:
        await running.provider.finish(params, EXPECTED)
    assert "invalid_grant" in refusal.value.detail


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(replace(EXPECTED, state="another"), id="state of another browser"),
        pytest.param(replace(EXPECTED, verifier="w" * 43), id="verifier of another login"),
        pytest.param(replace(EXPECTED, redirect_uri=f"{GATEWAY}/auth/callback/other"), id="another callback"),
    ],
)
async def test_a_callback_in_the_wrong_transaction(running: Running, expected: Expected) -> None:
    callback = await running.callback("Ada")
    with pytest.raises(ProviderRefusedError):
        await running.provider.finish(callback.query, expected)


async def test_a_nonce_of_another_login(issuing: Running) -> None:
    callback = await issuing.callback("Ada")
    with pytest.raises(ProviderRefusedError):
        await issuing.provider.finish(callback.query, replace(EXPECTED, nonce="another"))


async def test_a_provider_that_went_down(running: Running) -> None:
    callback = await running.callback("Ada")
    await running.process.stop()
    with pytest.raises(ProviderUnavailableError):
        await running.provider.finish(callback.query, EXPECTED)
    assert (await running.provider.begin(LOGIN)).startswith(running.block.issuer), (
        "what was learnt still counts"
    )


async def test_a_provider_that_never_came_up(issuing: Running) -> None:
    await issuing.process.stop()
    with pytest.raises(ProviderUnavailableError):
        await issuing.provider.begin(LOGIN)
    assert await issuing.provider.logout_url(None, LEFT) is None


async def test_the_wrong_client_is_our_fault_and_not_the_persons(running: Running) -> None:
    callback = await running.callback("Ada")
    wrong = replace(running.block, client_secret="wrong")
    async with open_session() as session:
        with pytest.raises(ProviderUnavailableError) as refusal:
            await build([wrong], session, time.time)["campus"].finish(callback.query, EXPECTED)
    assert "invalid_client" in refusal.value.detail


async def test_leaving_leads_to_the_provider_and_back(issuing: Running) -> None:
    identity = await issuing.sign_in("Ada")
    url = await issuing.provider.logout_url(identity.id_token, LEFT)
    assert url is not None
    assert url.startswith(issuing.block.issuer)
    query = parse_qs(urlsplit(url).query)
    assert query["post_logout_redirect_uri"] == [LEFT]
    assert query["id_token_hint"] == [identity.id_token]
    async with Visitor() as visitor:
        back = await visitor.answer(url, {"logout": "yes"}, LEFT)
    assert str(back).startswith(LEFT)


async def test_a_block_that_says_here_leaves_the_providers_session(running: Running) -> None:
    here = replace(running.block, logout_at_provider=False)
    async with open_session() as session:
        assert await build([here], session, time.time)["campus"].logout_url(None, LEFT) is None


async def test_somebody_who_is_not_let_in(running: Running) -> None:
    closed = replace(running.block, allow=Allow(email_domains=frozenset({"elsewhere.example"})))
    async with open_session() as session:
        provider = build([closed], session, time.time)["campus"]
        async with Visitor() as visitor:
            callback = await visitor.sign_in(await provider.begin(LOGIN), "Ada", REDIRECT)
        with pytest.raises(ProviderRefusedError):
            await provider.finish(callback.query, EXPECTED)
