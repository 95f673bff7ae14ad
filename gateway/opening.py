"""Opens what sessions need: for the gateway, and for commands beside it."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from gateway import redis_address
from gateway.config.settings import Settings
from gateway.directory import Directory
from gateway.journal import Journal
from gateway.redis_address import Kind
from gateway.revocations import Revocations
from gateway.sealing import Sealer
from gateway.sessions import Sessions
from gateway.store import Checkpoint, Link, Store
from gateway.telemetry import Log


@dataclass(frozen=True, slots=True)
class Opened:
    """Sessions and what they rest on. What ends by them is a row first, and other workers are told."""

    store: Store
    sealer: Sealer
    directory: Directory
    sessions: Sessions
    revocations: Revocations
    link: Link


@asynccontextmanager
async def open_sessions(
    settings: Settings,
    redis_url: str,
    log: Log,
    clock: Callable[[], float] = time.time,
    token: Callable[[int], bytes] = secrets.token_bytes,
) -> AsyncGenerator[Opened]:
    """Redis is proved before it is read, and may be down; nothing runs beside.

    DirectoryUnavailableError: there is none.
    """
    keys = settings.keys
    sealer = Sealer(keys.root, keys.previous, token)
    async with AsyncExitStack() as stack:
        store = Store.open(redis_url, settings.redis.prefix, settings.redis.deadline)
        stack.push_async_callback(store.close)
        directory = await Directory.open(
            settings.directory_url, keys.people, clock, keeps_names=not settings.privacy.under_13
        )
        stack.push_async_callback(directory.close)
        rows = directory.revocations
        journal = Journal(rows, log)
        sessions = Sessions(store, sealer, settings.sessions, clock, token, journal)
        stack.push_async_callback(sessions.close)
        is_cluster = redis_address.parse(redis_url).kind is Kind.CLUSTER
        checkpoint = Checkpoint(store, cluster=is_cluster)
        revocations = Revocations(rows, journal, store, checkpoint, sessions, token(8).hex(), log)
        await revocations.start()
        link = Link.open(redis_url, settings.redis.prefix)
        stack.push_async_callback(link.close)
        revocations.publish, link.on_message, link.on_lost = link.publish, revocations.hear, revocations.lost
        store.connection.prover = revocations.prove
        sessions.announce = revocations.announce
        yield Opened(store, sealer, directory, sessions, revocations, link)
