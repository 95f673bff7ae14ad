"""Workers that keep a provider's tokens: each with a connection of its own to one Redis; a liar's campus."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from types import MappingProxyType

from gateway.provider_tokens import Keeping, KeptValues, ProviderTokens
from gateway.provider_tokens.renewals import LOCK_LIFE, Renewals
from gateway.providers import Provider
from gateway.records import KeptTokens, LiveSignIn
from gateway.store import Store
from gateway.store.connection import Connection
from gateway.store.locks import LockedValues
from gateway.telemetry import make_log
from tests.campus_of_liars import EXPECTED, LOGIN, Campus, Clock
from tests.sessions_parts import Parts


@dataclass
class Worker:
    parts: Parts
    locked: LockedValues
    values: KeptValues
    renewals: Renewals
    tokens: ProviderTokens
    log: StringIO

    async def kept(self, live: LiveSignIn) -> KeptTokens | None:
        return await self.values.read(live.key, "campus")

    async def sign_in(self, campus: Campus, person: str = "ada") -> LiveSignIn:
        """At the provider and here, tokens kept."""
        provider = campus.provider
        identity = await provider.finish(campus.liar.authorize(await provider.begin(LOGIN), person), EXPECTED)
        live = await self.parts.signed_in(person)
        kept = self.tokens.kept("campus", identity, EXPECTED.nonce)
        assert kept is not None
        await self.tokens.keep(live, kept)
        return live


@asynccontextmanager
async def worker(
    redis_url: str,
    prefix: str,
    clock: Clock,
    provider: Provider,
    issuer: str,
    *,
    deadline: float = 5.0,
    lock_life: float = LOCK_LIFE,
) -> AsyncGenerator[Worker, None]:
    """deadline: of Redis, seconds; long, except where Redis fails."""
    async with AsyncExitStack() as stack:
        store = Store.open(redis_url, prefix, deadline)
        stack.push_async_callback(store.close)
        connection = Connection.open(redis_url, deadline)
        stack.push_async_callback(connection.close)
        parts, log = Parts.on(store), StringIO()
        locked = LockedValues(connection, prefix)
        values = KeptValues(
            locked, parts.sealer, MappingProxyType({"campus": Keeping(issuer, tokens=True, id_token=True)})
        )
        renewals = Renewals(
            values,
            parts.sessions,
            {"campus": provider},
            clock,
            os.urandom,
            make_log(log),
            lock_life,
        )
        kept = ProviderTokens(values, renewals, clock, make_log(log))
        stack.push_async_callback(kept.close)
        yield Worker(parts, locked, values, renewals, kept, log)


@asynccontextmanager
async def two_workers(
    redis_url: str, prefix: str, campus: Campus, *, deadline: float = 5.0, lock_life: float = LOCK_LIFE
) -> AsyncGenerator[tuple[Worker, Worker], None]:
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                worker(
                    redis_url,
                    prefix,
                    campus.clock,
                    campus.provider,
                    campus.liar.issuer,
                    deadline=deadline,
                    lock_life=lock_life,
                )
            )
            for _ in range(2)
        ]
        yield one, other
