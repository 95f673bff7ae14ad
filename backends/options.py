"""What both commands are told: flags or environment, proved; and how a service runs on them."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import typer
from aiohttp import web
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from backends import database
from backends.assertion import Verifier
from backends.database import Database
from backends.jwks import RemoteKeys
from backends.log import STANDARD_OUTPUT, Output, json_log
from backends.problem import KeysUnavailable
from backends.serving import Draining, Listen, Ready, application, serve

SQLITE: Final = "sqlite:///"
JWKS_PATH: Final = "/.well-known/jwks.json"

Serving = Callable[[Database], AbstractAsyncContextManager[Iterable[web.RouteDef]]]


@dataclass(frozen=True, slots=True)
class Options:
    database: Path
    listen: Listen
    issuer: str
    audience: str
    jwks: str

    @classmethod
    def parse(cls, *, database: str, listen: str, issuer: str, audience: str, jwks: str | None) -> "Options":
        """Raises typer.BadParameter (exit 2) with what to write instead."""
        if not issuer.startswith(("https://", "http://")) or issuer.endswith("/"):
            raise typer.BadParameter("the issuer is the gateway's public_url, without a slash at its end")
        if jwks is not None and not jwks.startswith(("https://", "http://")):
            raise typer.BadParameter("the JWKS is an http or https URL")
        try:
            where = Listen.parse(listen)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        return cls(sqlite_file(database), where, issuer, audience, jwks or issuer + JWKS_PATH)


def sqlite_file(text: str) -> Path:
    """`sqlite:///relative`, `sqlite:////absolute` or just the path of the file."""
    path = text.removeprefix(SQLITE)
    if not path or "://" in path or path.startswith(":"):
        raise typer.BadParameter(f"{text!r} is no SQLite file: write its path, or {SQLITE}PATH")
    return Path(path)


def migrate(file: Path, migrations: Path) -> None:
    """Exit 2 with one sentence when the file is not one that this version can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        database.migrate(file, migrations)
    except CommandError as error:
        raise typer.BadParameter(f"{file} was made by a newer version: {error}") from error
    except DBAPIError as error:
        raise typer.BadParameter(f"{file} cannot be opened as an SQLite file: {error.orig}") from error


def run(options: Options, migrations: Path, serving: Serving) -> None:
    """Migrates, serves until SIGTERM or SIGINT, ends with nothing half-done."""
    migrate(options.database, migrations)
    asyncio.run(_run(options, serving))


async def _run(options: Options, serving: Serving) -> None:
    output = Output(STANDARD_OUTPUT)
    log = json_log(output)
    draining = Draining()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, draining.begun.set)
    async with AsyncExitStack() as stack:
        stack.callback(output.close)
        file = Database(options.database)
        stack.push_async_callback(file.close)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        )
        keys = RemoteKeys(session, options.jwks, time.monotonic)
        stack.push_async_callback(keys.close)
        verifier = Verifier(keys, options.issuer, options.audience, time.time)
        routes = await stack.enter_async_context(serving(file))
        app = application(routes, verifier, _ready(file, keys), draining, log)
        await serve(app, options.listen, draining, log)


def _ready(file: Database, keys: RemoteKeys) -> Ready:
    async def ready() -> None:
        await asyncio.to_thread(file.answers)
        if not keys.known:
            await keys.refresh()
        if not keys.known:
            raise KeysUnavailable

    return ready
