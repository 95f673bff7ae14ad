"""An OidcProvider that is configured for a liar, and what a login with it needs."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from secrets import token_urlsafe
from types import MappingProxyType

import pytest

from gateway.client_keys import ClientKeys
from gateway.config.settings import Allow, ProviderSettings
from gateway.errors import ProviderRefusedError
from gateway.provider_presets import Dialect
from gateway.providers import Expected, LoginRequest, ProviderIdentity, open_session
from gateway.providers.oidc import OidcProvider
from gateway.providers.transport import Transport
from tests.lying_provider import (
    CLIENT_ID,
    REDIRECT,
    SECRET,
    LyingProvider,
    lying_provider,
)

VERIFIER = "v" * 43
LOGIN = LoginRequest("state-1", "nonce-1", VERIFIER, REDIRECT)
EXPECTED = Expected("state-1", "nonce-1", VERIFIER, REDIRECT)
DEADLINE = 0.4


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Campus:
    """The provider under test and the liar that it talks to. block: as it was configured last."""

    def __init__(self, liar: LyingProvider, transport: Transport, clock: Clock) -> None:
        self.liar = liar
        self.clock = clock
        self._transport = transport
        self.provider = self.configured()

    def configured(
        self,
        claims: dict[str, str] | None = None,
        allow: Allow | None = None,
        *,
        logout: bool = True,
        scopes: tuple[str, ...] | None = None,
        keeps_tokens: bool = False,
        asks_consent: bool = False,
        issuer: str | None = None,
        dialect: Dialect | None = None,
        client_keys: ClientKeys | None = None,
    ) -> OidcProvider:
        """issuer: as the block writes it; None: the liar's own."""
        self.block = ProviderSettings(
            id="campus",
            issuer=issuer or self.liar.issuer,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            label="Campus",
            claims=MappingProxyType(claims or {}),
            allow=allow or Allow(),
            logout_at_provider=logout,
            scopes=scopes,
            keeps_tokens=keeps_tokens,
            asks_consent=asks_consent,
            dialect=dialect or Dialect(),
            client_keys=client_keys,
        )
        return OidcProvider(self.block, self._transport, self.clock, lambda: token_urlsafe(16))

    async def sign_in(self, provider: OidcProvider | None = None) -> ProviderIdentity:
        provider = provider or self.provider
        return await provider.finish(self.liar.authorize(await provider.begin(LOGIN)), EXPECTED)


@asynccontextmanager
async def campus_of_liars(deadline: float = DEADLINE) -> AsyncGenerator[Campus, None]:
    """deadline: seconds that the provider has for an answer."""
    async with lying_provider() as liar, open_session() as session:
        yield Campus(liar, Transport(session, deadline=deadline, largest=20_000), Clock())


async def refused(campus: Campus) -> str:
    """The sign-in must fail as a lie; and without the lie it would have succeeded."""
    with pytest.raises(ProviderRefusedError) as refusal:
        await campus.sign_in()
    return refusal.value.detail
