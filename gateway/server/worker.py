"""A worker: serves the gateway on sockets that it was given, does what its parent says, ends with it."""

import asyncio
import gc
import os
import select
import signal
import socket
import ssl
import threading
import time
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import http_parser, web

from gateway.app import Gateway, build
from gateway.config.faults import ConfigError
from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import ListenerTls
from gateway.config.watch import Origins
from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.middleware import ENTRANCE
from gateway.proxy.fast import Fast
from gateway.server.addresses import Addresses
from gateway.server.log_stream import LogStream
from gateway.server.loops import loop_factory
from gateway.server.misfit import misfit
from gateway.server.orders import (
    Begin,
    Failed,
    KeepOrigins,
    Leave,
    Leaving,
    Line,
    NoLongerReady,
    Ready,
    Started,
    TakeOrigins,
)
from gateway.server.run import Listeners
from gateway.server.times import GRACE, PATIENCE, SETTLE, UNWIND
from gateway.server.tls import Certificate
from gateway.telemetry import Log, make_log

# Requests in flight hold some thousand objects and make hardly a cycle: 700 would be several looks a request.
ALLOCATIONS = 10_000


class ParserMissingError(Exception):
    """aiohttp runs without its C extension, whose strict framing is what the data path relies on."""


def main(descriptor: int, lock: int) -> int:
    """Work until told to leave. descriptor: the line to the parent; lock: of the log stream."""
    threading.Thread(target=_end_with_parent, args=(descriptor,), daemon=True).start()
    with asyncio.Runner(loop_factory=loop_factory(os.environ.get("BOOKGATE_PURE", ""))) as runner:
        return runner.run(_work(socket.socket(fileno=descriptor), LogStream(1, lock)))


def _end_with_parent(descriptor: int) -> None:
    """Whatever the event loop does, nobody outlives the parent for long."""
    poll = select.poll()
    poll.register(descriptor, 0)  # the other end's close is told unasked
    poll.poll()
    time.sleep(SETTLE + GRACE + UNWIND)
    os._exit(1)


async def _work(end: socket.socket, stream: LogStream) -> int:
    line = await Line.open(end)
    line.say(Started(os.getpid()))
    begin = await line.order()
    if not isinstance(begin, Begin):
        return 0
    try:
        await _serve(begin, line, stream)
    except (ConfigError, DirectoryUnavailableError, ParserMissingError, OSError) as error:
        line.say(Failed(str(error)))
        return 1
    return 0


async def _serve(begin: Begin, line: Line, stream: LogStream) -> None:
    if not hasattr(http_parser, "HttpRequestParserC"):
        raise ParserMissingError(
            "aiohttp is installed without its C extension: install its wheel, or unset AIOHTTP_NO_EXTENSIONS"
        )
    # aiohttp-session 2.12 keeps its own string keys on a request; nothing that ops could do about it
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning, module="aiohttp_session")
    log = make_log(stream)
    settings = parse_gateway(begin.data, Path(begin.config), os.environ)
    origins = Origins(settings.origins, settings.routes.backends)
    origins.begin(begin.origins)
    if begin.faults:
        origins.keep(begin.faults)
    async with build(settings, origins, begin.redis_url, log) as gateway, _tls(settings.tls, log) as context:
        gateway.metrics.show("bookgate_log_lines_lost_total", lambda: stream.lost)
        addresses = Addresses(settings.connections_per_address, settings.trusted_proxies)
        listeners = Listeners(gateway, settings.max_head, await _fast(gateway, log), addresses)
        await listeners.open(begin.public, begin.private, context)
        _calm_collector()
        line.say(Ready())
        try:
            await gateway.ping()
        except StoreUnavailableError as error:
            # it may come yet: until then every request that needs a session is answered 503
            log.warning("redis", fault=error.code, detail=error.detail)
        log.info(
            "serving", public_url=settings.public_url, origins=origins.current.generation, worker=os.getpid()
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, listeners.leave, PATIENCE)
        async with asyncio.TaskGroup() as beside:
            obeying = beside.create_task(_obey(line, origins, listeners, log))
            await listeners.told_to_leave()
            line.say(Leaving())
            log.info("leaving", worker=os.getpid())
            await listeners.left()
            obeying.cancel()


async def _fast(gateway: Gateway, log: Log) -> Fast | None:
    """The fast path; None: the settings do without, or this aiohttp has no place for it."""
    fault = await misfit()
    if fault is not None:
        log.warning("data_path", path="plain", fault=fault)
        gateway.public.pop(ENTRANCE)  # all goes by aiohttp's own router, as it is meant to
        return None
    return gateway.fast


@asynccontextmanager
async def _tls(files: ListenerTls | None, log: Log) -> AsyncGenerator[ssl.SSLContext | None]:
    """The context of the public listener, kept up to date."""
    if files is None:
        yield None
        return
    certificate = Certificate(files)
    watching = asyncio.create_task(certificate.watch(log))
    try:
        yield certificate.context
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _obey(line: Line, origins: Origins, listeners: Listeners, log: Log) -> None:
    """What the parent says; that it is gone says all."""
    while (order := await line.order()) is not None:
        match order:
            case TakeOrigins(files):
                took = await origins.take(files)
                log.info("in force", origins=took.generation, worker=os.getpid())
            case KeepOrigins(faults):
                origins.keep(faults)
            case NoLongerReady():
                listeners.stop_being_ready()
            case Leave(patience):
                listeners.leave(patience)
            case Begin():
                raise AssertionError("a worker begins once")
    listeners.leave(SETTLE)


def _calm_collector() -> None:
    """What start-up made is there to stay: the garbage collector need not walk it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)
