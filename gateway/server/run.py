"""`bookgate run`: the listeners, the signals, the reload, the way down."""

import asyncio
import contextlib
import gc
import signal
import ssl
import warnings
from collections.abc import AsyncGenerator, Callable
from functools import partial

from aiohttp import http_parser, web

from gateway.app import Gateway, build
from gateway.config.settings import Address, Settings
from gateway.config.watch import Origins, Reloaded
from gateway.errors import StoreUnavailableError
from gateway.server.connection import Runner
from gateway.server.redis import EmbeddedRedis
from gateway.server.tls import Certificate
from gateway.telemetry import Log

# Also the time that a slow head gets: aiohttp has one timer for both.
KEEP_ALIVE = 15.0
MAX_HEADERS = 256  # aiohttp's 128 are few behind two proxies; `limits.head` bounds their bytes
GRACE = 10.0  # seconds for requests in flight when told to stop
# Requests in flight hold some thousand objects and make hardly a cycle: 700 would be several looks a request.
ALLOCATIONS = 10_000


class ParserMissingError(Exception):
    """aiohttp runs without its C extension, whose strict framing is what the data path relies on."""


async def serve(settings: Settings, origins: Origins, log: Log, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads origins.yaml again.

    started: called once the listeners are open. Raises ParserMissingError, EmbeddedRedisError,
    DirectoryUnavailableError, OSError: what keeps it from starting.
    """
    if not hasattr(http_parser, "HttpRequestParserC"):
        raise ParserMissingError(
            "aiohttp is installed without its C extension: install its wheel, or unset AIOHTTP_NO_EXTENSIONS"
        )
    # aiohttp-session 2.12 keeps its own string keys on a request; nothing that ops could do about it
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning, module="aiohttp_session")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with _redis(settings) as url, build(settings, origins, url, log) as gateway:
        certificate = None if settings.tls is None else Certificate(settings.tls)
        runners = await _listen(settings, gateway, certificate)
        watching = [asyncio.create_task(origins.watch(stop))]
        if certificate is not None:
            watching.append(asyncio.create_task(certificate.watch(log)))
        origins.on_reload.append(partial(_log_reload, log))
        loop.add_signal_handler(signal.SIGHUP, origins.reload)
        _calm_collector()
        started()
        try:
            await gateway.ping()
        except StoreUnavailableError as error:
            # it may come yet: until then every request that needs a session is answered 503
            log.warning("redis", fault=error.code)
        log.info("serving", public_url=settings.public_url, origins=origins.current.generation)
        try:
            await stop.wait()
        finally:
            log.info("stopping")
            for runner in runners:
                await runner.cleanup()
            stop.set()
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)


def _calm_collector() -> None:
    """What start-up made is there to stay: the garbage collector need not walk it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)


def _log_reload(log: Log, reloaded: Reloaded) -> None:
    """What became wider, narrower, new or gone; or why the old policy stays."""
    lines = [str(fault) for fault in (*reloaded.faults, *reloaded.warnings)]
    level = log.error if reloaded.faults else log.info
    level(
        "origins",
        changed=reloaded.changed,
        generation=reloaded.generation,
        faults=lines,
        diff=list(reloaded.diff),
    )


@contextlib.asynccontextmanager
async def _redis(settings: Settings) -> AsyncGenerator[str]:
    """The URL of the configured Redis, or of one of our own in the state folder."""
    if settings.redis.url is not None:
        yield settings.redis.url
        return
    async with EmbeddedRedis(settings.state) as embedded:
        yield embedded.url


async def _listen(
    settings: Settings, gateway: Gateway, certificate: Certificate | None
) -> list[web.AppRunner]:
    public = public_runner(gateway.public, settings.max_head, GRACE)
    await _bind(public, settings.listen.public, certificate.context if certificate else None)
    if settings.listen.private is None:
        return [public]
    private = web.AppRunner(gateway.private, access_log=None)
    await _bind(private, settings.listen.private, None)
    return [public, private]


def public_runner(app: web.Application, max_head: int, grace: float) -> Runner:
    """The public listener's limits. max_head: bytes of a line; grace: seconds to finish at the end."""
    return Runner(
        app,
        handler_cancellation=True,  # a client that leaves cancels its backend request
        access_log=None,
        keepalive_timeout=KEEP_ALIVE,
        shutdown_timeout=grace,
        max_line_size=max_head,
        max_field_size=max_head,
        max_headers=MAX_HEADERS,
        auto_decompress=False,
    )


async def _bind(runner: web.AppRunner, address: Address, context: ssl.SSLContext | None) -> None:
    await runner.setup()
    if address.unix is not None:
        address.unix.unlink(missing_ok=True)
        await web.UnixSite(runner, address.unix, ssl_context=context).start()
    else:
        await web.TCPSite(runner, address.host, address.port, ssl_context=context).start()
