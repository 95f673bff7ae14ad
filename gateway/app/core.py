"""The parts that more than one room needs, opened in order."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

from gateway.assertions import Assertions
from gateway.authentication import Authenticator
from gateway.config.settings import Keys, Settings
from gateway.config.watch import Origins
from gateway.directory import Directory
from gateway.directory.ids import pairwise, pseudonym
from gateway.grants import Grants
from gateway.keyring import AssertionKeys, RootKeys
from gateway.metrics import Metrics
from gateway.opening import open_sessions
from gateway.origin_history import OriginHistory
from gateway.quick_sessions import QuickSessions
from gateway.reception import Reception
from gateway.request_log import RequestLog
from gateway.revocations import Revocations
from gateway.routes import Subject
from gateway.sealing import Sealer
from gateway.session_life import LOOKED_AT
from gateway.sessions import Sessions
from gateway.signing_keys import SigningKey, open_ring
from gateway.store import Looks, Store
from gateway.telemetry import Log

_LEAST = {"all": 0, "errors": 400, "none": 1000}  # by telemetry.log.requests: the statuses that have a line


@dataclass(frozen=True, slots=True)
class Core:
    """The parts that more than one room needs."""

    settings: Settings
    origins: Origins
    reception: Reception
    log: Log
    requests: RequestLog
    metrics: Metrics
    store: Store
    sealer: Sealer
    sessions: Sessions
    quick: QuickSessions
    revocations: Revocations
    grants: Grants
    authenticator: Authenticator
    directory: Directory
    assertions: Assertions
    clock: Callable[[], float]
    token: Callable[[int], bytes]

    def today(self) -> date:
        return datetime.fromtimestamp(self.clock(), UTC).date()


async def open_core(
    stack: AsyncExitStack,
    settings: Settings,
    origins: Origins,
    redis_url: str,
    log: Log,
    clock: Callable[[], float],
) -> Core:
    token = secrets.token_bytes
    opened = await stack.enter_async_context(open_sessions(settings, redis_url, log, clock, token))
    store, sealer, sessions, directory = opened.store, opened.sealer, opened.sessions, opened.directory
    root_keys = RootKeys(settings.keys, sealer, time.monotonic, log)
    await stack.enter_async_context(beside(root_keys.watch()))
    await stack.enter_async_context(beside(opened.revocations.run()))
    await stack.enter_async_context(beside(opened.link.run()))
    await _follow_origins(stack, OriginHistory(directory.origin_entries, origins, clock, log))
    looks = Looks(store, opened.link, LOOKED_AT)
    quick = QuickSessions(sessions, sealer, looks)
    opened.revocations.on_rows.append(quick.look_again)
    stack.push_async_callback(looks.close)
    stack.push_async_callback(quick.close)
    await stack.enter_async_context(beside(looks.run()))
    grants = Grants(store, sealer, clock, token, settings.sessions.access, looks.put_new)
    ring = await open_ring(directory.key_ring, sealer, int(clock()))
    assertions = _assertions(settings, ring, clock, token)
    following = AssertionKeys(directory.key_ring, sealer, assertions, settings.keys.assertion, clock, log)
    await stack.enter_async_context(beside(following.watch()))
    metrics = Metrics(os.getpid())
    return Core(
        settings=settings,
        origins=origins,
        reception=Reception(origins, settings.public_url, settings.trusted_proxies, clock, token),
        log=log,
        requests=_request_log(stack, log, metrics, settings.telemetry.requests),
        metrics=metrics,
        store=store,
        sealer=sealer,
        sessions=sessions,
        quick=quick,
        revocations=opened.revocations,
        grants=grants,
        authenticator=Authenticator(quick, grants, clock, sealer),
        directory=directory,
        assertions=assertions,
        clock=clock,
        token=token,
    )


def _assertions(
    settings: Settings,
    ring: Sequence[SigningKey],
    clock: Callable[[], float],
    token: Callable[[int], bytes],
) -> Assertions:
    level, subject = settings.privacy.default_level, partial(subject_for, settings.keys)
    return Assertions(ring, settings.public_url, clock, token, level, subject, settings.studies)


def subject_for(keys: Keys, person: str, kind: Subject, origin: str, book: str) -> str:
    """The person's id in a backend's own terms."""
    match kind:
        case Subject.PERSON:
            return person
        case Subject.PAIRWISE:
            return pairwise(keys.people, person, origin)
        case Subject.PSEUDONYM:
            return pseudonym(keys.research, person, book)


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Runs beside the block and ends with it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow_origins(stack: AsyncExitStack, history: OriginHistory) -> None:
    await history.look()
    await stack.enter_async_context(beside(history.run()))


def _request_log(stack: AsyncExitStack, log: Log, metrics: Metrics, said: str) -> RequestLog:
    requests = RequestLog(log, asyncio.get_running_loop().call_later, metrics.note, least=_LEAST[said])
    stack.callback(requests.flush)
    return requests
