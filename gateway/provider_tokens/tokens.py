"""What sign-ins, sign-outs and requests ask for: tokens kept, a hint, a token that is good."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Self, assert_never

from gateway.config.settings import Settings
from gateway.errors import SignInAgainError, StoreUnavailableError, TokenUnavailableError
from gateway.provider_tokens.kept import Keeping, KeptValues
from gateway.provider_tokens.renewals import Renewals
from gateway.provider_tokens.rules import Later, Renew, SignInAgain, Use, next_look, next_step, wants_renewal
from gateway.providers import Provider, ProviderIdentity
from gateway.records import KeptTokens, LiveSignIn
from gateway.sealing import Sealer, Token
from gateway.sessions import Sessions
from gateway.store.connection import Connection
from gateway.store.locks import LockedValues
from gateway.telemetry import Log

UNKNOWN: Final = 60  # seconds until a session without tokens is looked at again
_REMEMBERED: Final = 100_000  # sessions of which the next look is known
_LOOKS: Final = 32  # at once, beside requests


class ProviderTokens:
    """clock: Unix seconds."""

    def __init__(self, values: KeptValues, renewals: Renewals, clock: Callable[[], float], log: Log) -> None:
        self._values = values
        self._renewals = renewals
        self._clock = clock
        self._log = log
        self._next: dict[str, int] = {}  # key of a session: when its tokens are worth another look
        self._looks: set[asyncio.Task[None]] = set()

    @classmethod
    def over(
        cls,
        connection: Connection,
        settings: Settings,
        sealer: Sealer,
        sessions: Sessions,
        providers: Mapping[str, Provider],
        clock: Callable[[], float],
        token: Token,
        log: Log,
    ) -> Self:
        """settings: say what is kept. providers: by id."""
        keeping = {
            block.id: Keeping(block.issuer, tokens=block.keeps_tokens, id_token=block.logout_at_provider)
            for block in settings.providers
        }
        values = KeptValues(LockedValues(connection, settings.redis.prefix), sealer, keeping)
        return cls(values, Renewals(values, sessions, providers, clock, token, log), clock, log)

    async def close(self) -> None:
        await asyncio.gather(*self._looks)
        await self._renewals.close()

    # -- signing in and out

    def kept(self, provider: str, identity: ProviderIdentity, nonce: str) -> KeptTokens | None:
        """What of a sign-in's tokens is to be kept; None: nothing. nonce: of its ID token."""
        keeping = self._values.keeping[provider]
        if keeping.tokens and identity.tokens.refresh_token is None:
            self._log.warning("provider_tokens", provider=provider, reason="no refresh token came")
        return keeping.of(identity, nonce)

    async def keep(self, live: LiveSignIn, kept: KeptTokens) -> None:
        """Beside this session, for as long as it lives."""
        await self._values.keep(live, kept)

    async def id_token_hint(self, key: str, provider: str) -> str | None:
        """The ID token of a session about to end, for the provider's own sign-out; that goes without, too."""
        keeping = self._values.keeping.get(provider)
        if keeping is None or not keeping.id_token:
            return None
        with suppress(StoreUnavailableError):
            kept = await self._values.read(key, provider)
            return None if kept is None else kept.id_token
        return None

    # -- requests

    async def fresh(self, live: LiveSignIn) -> str | None:
        """An access token that is good; None: the session has ended meanwhile.

        SignInAgainError: it has none and gets none. TokenUnavailableError: none is good, and the provider
        does not answer. StoreUnavailableError. A client that goes away stops nothing.
        """
        kept = await self._values.read(live.key, live.record.provider)
        if kept is None:
            raise SignInAgainError("no token is kept beside this session")
        match next_step(kept, self._now()):
            case Use(access_token, renew):
                if renew:
                    self._renewals.of(live)
                return access_token
            case Later(seconds):
                raise TokenUnavailableError("the provider did not answer", retry_after=seconds)
            case SignInAgain():
                raise SignInAgainError("the token has run out, or there is none for a header")
            case Renew():
                return await self._renewals.of(live).wait()
            case unreachable:
                assert_never(unreachable)

    def seen(self, live: LiveSignIn) -> None:
        """A request that needs no token: it is a sign of life, and waits for nothing here."""
        keeping = self._values.keeping.get(live.record.provider)
        now = self._now()
        if keeping is None or not keeping.tokens or now < self._next.get(live.key, 0):
            return
        if len(self._looks) >= _LOOKS:
            return
        if len(self._next) >= _REMEMBERED:
            self._next.clear()
        self._next[live.key] = now + UNKNOWN
        task = asyncio.create_task(self._look(live))
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    async def _look(self, live: LiveSignIn) -> None:
        with suppress(StoreUnavailableError):
            kept = await self._values.read(live.key, live.record.provider)
            if kept is None:
                return
            now = self._now()
            if wants_renewal(kept, now):
                self._renewals.of(live)
            self._next[live.key] = now + next_look(kept, now)

    def _now(self) -> int:
        return int(self._clock())
