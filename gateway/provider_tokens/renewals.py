"""One question to the provider for all who want a newer token: in this worker, and among all workers.

A refresh token may be good once, and whoever comes with a used one is taken for a thief. So one worker asks,
under a lock whose number its result carries; everybody else reads that result. Nothing of it is a request's:
clients come and go, the renewal runs to its end.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, assert_never

from gateway.errors import (
    DirectoryUnavailableError,
    GatewayError,
    ProviderRefusedError,
    ProviderUnavailableError,
    SignInAgainError,
    StoreUnavailableError,
    TokenUnavailableError,
)
from gateway.provider_tokens.kept import KeptValues, place
from gateway.provider_tokens.rules import Later, Renew, SignInAgain, Use, next_step, put_off, wants_renewal
from gateway.providers import Original, Provider, SubjectChangedError
from gateway.records import KeptTokens, LiveSignIn
from gateway.sealing import Token, encoded
from gateway.sessions import Sessions
from gateway.store.locks import Busy, Held
from gateway.telemetry import Log

LOCK_LIFE: Final = 6.0  # seconds until another worker takes over from one that died
_RENEWALS: Final = 3  # of the lock, in one life
_POLL: Final = 0.05  # seconds between two looks at a lock that another worker holds
_POLLS: Final = 600
PATIENCE: Final = 10.0  # seconds that a request waits for a token: longer than a lock's life
RESULT_LIFE: Final = 300.0  # seconds that a result is offered to a Redis that does not take it
_RETRY: Final = 0.1  # seconds between two offers
_ENDING: Final = (0.5, 1, 2, 5, 10, 20, 30)  # seconds between tries to end a session
_CLOSING: Final = 8.0  # seconds that what is under way has when the gateway stops


@dataclass(frozen=True, slots=True)
class Fresh:
    """A token that is good."""

    access_token: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The session has ended."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """No token now. error: raised anew for each who waits."""

    error: type[GatewayError]
    retry_after: int | None = None


Outcome = Fresh | Gone | Trouble


class Renewal:
    """One session's renewal in this worker, and those who wait for it."""

    def __init__(self, live: LiveSignIn) -> None:
        self.live = live
        self._told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def tell(self, outcome: Outcome) -> None:
        """For who waits now; whoever comes later waits for the next word."""
        self._told.set_result(outcome)
        self._told = asyncio.get_running_loop().create_future()

    async def wait(self) -> str | None:
        """The access token; None: the session has ended."""
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await asyncio.shield(self._told)
        except TimeoutError:
            raise TokenUnavailableError("the renewal takes too long", retry_after=1) from None
        match outcome:
            case Fresh(access_token):
                return access_token
            case Gone():
                return None
            case Trouble(error, retry_after):
                raise error("the provider's token could not be renewed", retry_after=retry_after)


class Renewals:
    """What runs in this worker. clock: Unix seconds. lock_life: seconds."""

    def __init__(
        self,
        values: KeptValues,
        sessions: Sessions,
        providers: Mapping[str, Provider],
        clock: Callable[[], float],
        token: Token,
        log: Log,
        lock_life: float = LOCK_LIFE,
    ) -> None:
        self._values = values
        self._sessions = sessions
        self._providers = providers
        self._clock = clock
        self._token = token
        self._log = log
        self._lock_life = lock_life
        self._running: dict[tuple[str, str, str], Renewal] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Waits for what is under way: a token that was handed out and not kept is lost for good."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSING)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def of(self, live: LiveSignIn) -> Renewal:
        """The one that runs, or a new one. All that tells people apart is in its name."""
        name = live.key, live.record.person, live.record.provider
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = Renewal(live)
            self._start(self._run(name, running))
        return running

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, name: tuple[str, str, str], renewal: Renewal) -> None:
        outcome: Outcome = Trouble(TokenUnavailableError, 1)
        try:
            outcome = await self._renew(renewal)
        except StoreUnavailableError:
            outcome = Trouble(StoreUnavailableError, 1)
        finally:
            del self._running[name]
            renewal.tell(outcome)

    async def _renew(self, renewal: Renewal) -> Outcome:
        """Under the lock, or by reading what its holder left."""
        live, holder = renewal.live, encoded(self._token(12))
        for _ in range(_POLLS):
            got = await self._values.locked.acquire(place(live.key), holder, self._lock_life)
            if got is None:
                return Gone()
            kept = self._values.opened(live.key, live.record.provider, got.value)
            if kept is None:
                return Trouble(SignInAgainError)
            if isinstance(got, Busy):
                if not wants_renewal(kept, self._now()):
                    return self._outcome(kept)
                await asyncio.sleep(_POLL)
                continue
            async with self._holding(live.key, holder, got.fence):
                outcome = await self._ask(renewal, holder, got, kept)
            if outcome is not None:
                return outcome
            await asyncio.sleep(_POLL)
        return Trouble(TokenUnavailableError, 1)

    @asynccontextmanager
    async def _holding(self, key: str, holder: str, fence: int) -> AsyncGenerator[None]:
        """The lock, renewed while the block runs."""

        async def stay() -> None:
            while True:
                await asyncio.sleep(self._lock_life / _RENEWALS)
                with suppress(StoreUnavailableError):
                    await self._values.locked.renew(place(key), holder, fence, self._lock_life)

        staying = asyncio.create_task(stay())
        try:
            yield
        finally:
            staying.cancel()
            with suppress(StoreUnavailableError):
                await self._values.locked.release(place(key), holder)

    async def _ask(self, renewal: Renewal, holder: str, held: Held, kept: KeptTokens) -> Outcome | None:
        """One question to the provider. None: another holder came meanwhile, whose result counts."""
        live, now = renewal.live, self._now()
        if kept.refresh_token is None or not wants_renewal(kept, now):
            return self._outcome(kept)
        provider = self._providers[live.record.provider]
        try:
            tokens = await provider.refresh(
                kept.refresh_token, Original(kept.subject, kept.nonce, kept.issuer)
            )
        except SubjectChangedError as error:
            return await self._end(renewal, error)
        except ProviderRefusedError as error:
            return await self._refused(renewal, holder, kept, error)
        except ProviderUnavailableError as error:
            return await self._put_off(live, held, kept, error)
        newer = self._values.keeping[live.record.provider].after(kept, tokens)
        kept_on = await self._keep_result(renewal, held, self._values.sealed(live.key, newer))
        return self._outcome(newer) if kept_on else None

    async def _keep_result(self, renewal: Renewal, held: Held, value: bytes) -> bool:
        """Nobody else has it, and the old token is used up: offered to Redis until it answers.

        Whoever waits is told at once that Redis is away. False: the session has ended, or a later holder
        came.
        """
        loop, key = asyncio.get_running_loop(), renewal.live.key
        until = loop.time() + RESULT_LIFE
        while True:
            try:
                return await self._values.locked.replace(place(key), held.fence, held.value, value)
            except StoreUnavailableError:
                if loop.time() > until:
                    self._log.error("provider_tokens", provider=renewal.live.record.provider, reason="lost")
                    raise
            renewal.tell(Trouble(StoreUnavailableError, 1))
            await asyncio.sleep(_RETRY)

    async def _put_off(
        self, live: LiveSignIn, held: Held, kept: KeptTokens, error: ProviderUnavailableError
    ) -> Outcome | None:
        """The session goes on; nobody asks again for a while."""
        self._log.warning("provider_tokens", provider=live.record.provider, reason=error.detail)
        later = put_off(kept, self._now(), self._token(1)[0] / 256)
        value = self._values.sealed(live.key, later)
        noted = await self._values.locked.replace(place(live.key), held.fence, held.value, value)
        return self._outcome(later) if noted else None

    async def _refused(
        self, renewal: Renewal, holder: str, kept: KeptTokens, error: ProviderRefusedError
    ) -> Outcome | None:
        """Revoked there is ended here, unless another holder used the token meanwhile."""
        live = renewal.live
        again = await self._values.locked.acquire(place(live.key), holder, self._lock_life)
        if again is None:
            return Gone()
        newest = self._values.opened(live.key, live.record.provider, again.value)
        if isinstance(again, Busy) or (newest and newest.refresh_token != kept.refresh_token):
            return None
        return await self._end(renewal, error)

    async def _end(self, renewal: Renewal, error: ProviderRefusedError) -> Outcome:
        live = renewal.live
        self._log.warning("provider_tokens", provider=live.record.provider, ended=error.detail)
        for pause in _ENDING:
            try:
                await self._sessions.end_sign_in(live.key)
            except (StoreUnavailableError, DirectoryUnavailableError):  # to be repeated
                renewal.tell(Gone())
                await asyncio.sleep(pause)
            else:
                break
        return Gone()

    def _outcome(self, kept: KeptTokens) -> Outcome:
        match next_step(kept, self._now()):
            case Use(access_token):
                return Fresh(access_token)
            case Later(seconds):
                return Trouble(TokenUnavailableError, seconds)
            case SignInAgain():
                return Trouble(SignInAgainError)
            case Renew():
                return Trouble(TokenUnavailableError, 1)
            case unreachable:
                assert_never(unreachable)

    def _now(self) -> int:
        return int(self._clock())
