"""The parent of the workers: holds what must outlive them, and decides when they change.

It serves nothing and imports no application. Redis and the listening sockets are its own; origins.yaml is
read and judged here, once for all workers. SIGHUP: read the origins again. SIGUSR2: replace the workers.
SIGTERM and SIGINT: end.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from gateway.config.faults import ConfigError
from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Settings
from gateway.config.watch import Origins, Reloaded
from gateway.server.crew import CannotServeError, Crew
from gateway.server.listening import bind, close
from gateway.server.orders import Begin, KeepOrigins, NoLongerReady, TakeOrigins
from gateway.server.redis import EmbeddedRedis
from gateway.server.times import NOTICE
from gateway.server.workers import Nursery
from gateway.telemetry import Audit, Audited, Log


class Parent:
    """config: gateway.yaml; lock: of the log stream; workers: how many, whatever gateway.yaml says."""

    def __init__(self, config: Path, lock: int, log: Log, workers: int | None = None) -> None:
        self._workers = workers
        self._config = config.absolute()
        self._lock = lock
        self._log = log
        data, self._settings = self._read()
        self._origins = Origins(self._settings.origins, self._settings.routes.backends)
        self._embedded: EmbeddedRedis | None = None
        self._public: list[socket.socket] = []
        self._private: list[socket.socket] = []
        self._crew = Crew(self._open_nursery, partial(self._begin, data, self._settings), log)
        self._serves = False
        self._ending = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reload = asyncio.Event()
        self._replace = asyncio.Event()

    def _read(self) -> tuple[bytes, Settings]:
        data = self._config.read_bytes()
        settings = parse_gateway(data, self._config, os.environ)
        return data, replace(settings, workers=self._workers or settings.workers)

    async def run(self, started: Callable[[], None]) -> None:
        """Until it is told to end. started: called when the first workers serve.

        Raises ConfigError, EmbeddedRedisError, OSError, CannotServeError: what keeps it from starting.
        """
        self._listen_to_signals()
        self._origins.load()
        async with AsyncExitStack() as stack:
            if self._settings.redis.url is None:
                self._embedded = await stack.enter_async_context(EmbeddedRedis(self._settings.state))
            self._bind()
            stack.push_async_callback(self._end)
            if not await self._started():
                return
            self._serves = True
            started()
            self._origins.on_reload.append(self._tell_reload)
            beside: list[Coroutine[None, None, None]] = [
                self._origins.watch(self._ending),
                _when(self._reload, self._origins.reload_aside),
                _when(self._replace, self._replace_workers),
            ]
            if self._embedded is not None:
                beside.append(self._embedded.keep(self._log))
            tasks = [asyncio.create_task(work) for work in beside]
            await self._ending.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _listen_to_signals(self) -> None:
        def end(number: signal.Signals) -> None:
            if number == signal.SIGINT or self._ending.is_set():
                self._at_once.set()  # somebody waits at a terminal
            self._ending.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        loop.add_signal_handler(signal.SIGUSR2, self._replace.set)

    def _bind(self) -> None:
        listen = self._settings.listen
        self._public = bind(listen.public)
        if listen.private is not None:
            self._private = bind(listen.private)

    async def _started(self) -> bool:
        """Whether it was not told to end meanwhile."""
        starting = asyncio.create_task(self._crew.start(self._settings.workers))
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if self._ending.is_set():
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
            return False
        await starting
        return True

    async def _end(self) -> None:
        if self._serves:
            self._log.info("stopping")
            self._crew.tell(NoLongerReady())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._at_once.wait(), NOTICE)
        self._close()
        await self._crew.end()

    def _close(self) -> None:
        close(self._public, self._settings.listen.public)
        if self._settings.listen.private is not None:
            close(self._private, self._settings.listen.private)

    # --- workers

    async def _open_nursery(self) -> Nursery:
        listening = [listener.fileno() for listener in (*self._public, *self._private)]
        return await Nursery.open(self._config, self._lock, listening)

    def _begin(self, data: bytes, settings: Settings) -> Begin:
        last = self._origins.last
        return Begin(
            config=str(self._config),
            data=data,
            redis_url=settings.redis.url or (self._embedded.url if self._embedded else ""),
            origins=dict(self._origins.files),
            faults=() if last is None else last.faults,
            public=tuple(listener.fileno() for listener in self._public),
            private=tuple(listener.fileno() for listener in self._private),
        )

    async def _replace_workers(self) -> None:
        """gateway.yaml is read again, and secrets with it; what is wrong with it leaves all as it is."""
        try:
            data, settings = self._read()
            _check_held(self._settings, settings)
            self._log.info("replacing", workers=settings.workers)
            await self._crew.replace(settings.workers, partial(self._begin, data, settings))
            self._origins.rename_backends(settings.routes.backends)
        except (ConfigError, OSError, CannotServeError) as error:
            self._log.warning("replacing", fault=str(error))
            return
        self._settings = settings
        self._log.info("replaced", workers=settings.workers)
        self._reload.set()  # the origins may name backends that are new

    # --- origins

    def _tell_reload(self, reloaded: Reloaded) -> None:
        """To the workers, and to the log: what became wider, narrower, new or gone; or why the old stays."""
        if reloaded.changed:
            self._crew.tell(TakeOrigins(dict(self._origins.files)))
            Audit(self._log).note(Audited.ORIGINS, generation=reloaded.generation, diff=list(reloaded.diff))
        else:
            self._crew.tell(KeepOrigins(reloaded.faults))
        lines = [str(fault) for fault in (*reloaded.faults, *reloaded.warnings)]
        level = self._log.error if reloaded.faults else self._log.info
        level(
            "origins",
            changed=reloaded.changed,
            generation=reloaded.generation,
            faults=lines,
            diff=list(reloaded.diff),
        )


async def _when(wanted: asyncio.Event, act: Callable[[], Coroutine[None, None, None]]) -> None:
    """One at a time; signals that come meanwhile are one more."""
    while True:
        await wanted.wait()
        wanted.clear()
        await act()


def _check_held(old: Settings, new: Settings) -> None:
    """CannotServeError where another value is asked of what the parent itself holds."""
    held = {
        "listen": old.listen != new.listen,
        "state": old.state != new.state,
        "origins": old.origins != new.origins,
        "redis (embedded or not)": (old.redis.url is None) != (new.redis.url is None),
    }
    changed = [key for key, other in held.items() if other]
    if changed:
        raise CannotServeError(f"{', '.join(changed)} changed: that takes a restart")
