"""`bookgate sessions list|end`: who is signed in, and ending it; with the gateway running or not."""

import asyncio
import io
import re
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import orjson
import typer

from gateway.commands.check import DEFAULT_CONFIG, Config, audit, load_settings, stop
from gateway.commands.session_table import Summary, as_json, console, print_table
from gateway.config.settings import Settings
from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.opening import Opened, open_sessions
from gateway.origins import parse_origin
from gateway.provider_presets import TENANT
from gateway.providers import is_shared
from gateway.server.redis import EmbeddedRedis
from gateway.session_ids import store_key
from gateway.telemetry import Audited, make_log

app = typer.Typer(help="Who is signed in, and ending it.", no_args_is_help=True)

NOTED: Final = 3  # exit status: it stands in the directory, and Redis has yet to hear of it
PATIENCE: Final = 5.0  # seconds
_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])", re.ASCII)
_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}

Person = Annotated[
    str | None, typer.Option(help="A person's id, as services with `subject: person` know it.")
]
Provider = Annotated[str | None, typer.Option(help="A provider's id in gateway.yaml.")]
Subject = Annotated[str | None, typer.Option(help="With --provider: the person whom it calls so (`sub`).")]
Json = Annotated[bool, typer.Option("--json", help="Answer for programs.")]
Act = Callable[[Opened], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to end. words: after "End " as a question, before " ended" as an answer."""

    words: str
    act: Act
    many: bool


@app.callback()
def sessions() -> None:
    """Who is signed in, and ending it."""


@app.command("list")
def list_sessions(
    person: Person = None,
    provider: Provider = None,
    subject: Subject = None,
    as_json_: Json = False,  # ruff: ignore[boolean-default-value-positional-argument]
    config: Config = DEFAULT_CONFIG,
) -> None:
    """List a person's sessions: --person ID, or --provider P --subject S."""
    if (person is None) == (provider is None) or (provider is None) != (subject is None):
        raise typer.BadParameter("Name one person: --person ID, or --provider P --subject S.")
    settings = load_settings(config)
    asyncio.run(_list(settings, person, provider, subject, json=as_json_))


async def _list(
    settings: Settings, person: str | None, provider: str | None, subject: str | None, *, json: bool
) -> None:
    labels = {block.id: block.label for block in settings.providers}
    try:
        async with _opened(settings) as opened:
            if person is None:
                person = await _person(opened, settings, provider or "", subject or "")
            found = await _of_one(opened, person)
    except DirectoryUnavailableError as error:
        stop(f"The directory does not answer: {error.detail}")
    except StoreUnavailableError:
        own = "" if settings.redis.url else " It is the gateway's own, which runs while the gateway does."
        stop(f"Redis does not answer, so nobody can say who is signed in. Nobody was signed out.{own}")
    if json:
        typer.echo(as_json(found))
    elif found:
        print_table(console(), found, labels, int(time.time()))
    else:
        typer.echo("No session.")


def _opened(settings: Settings) -> AbstractAsyncContextManager[Opened]:
    """Nothing that happens beside is told: what goes wrong is raised."""
    redis_url = settings.redis.url or EmbeddedRedis(settings.state).url
    return open_sessions(settings, redis_url, make_log(io.StringIO()))


async def _of_one(opened: Opened, person: str) -> list[Summary]:
    """A person's sessions. Redis may first have to be told what has ended, which can take a while."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return await opened.sessions.of_person(person)
        except StoreUnavailableError:
            if time.monotonic() > ends:
                raise
        await asyncio.sleep(0.1)


async def _person(opened: Opened, settings: Settings, provider: str, subject: str) -> str:
    issuer, sub = _issuer(settings, provider), subject
    if is_shared(issuer):
        tenant, found, sub = subject.partition("/")
        if not found:
            stop(f"{provider} stands for many organisations: --subject ORGANISATION/SUBJECT (`tid`/`sub`).")
        issuer = issuer.replace(TENANT, tenant)
    person = await opened.directory.person_of(issuer, sub)
    return stop(f"Nobody has signed in with {provider} as {subject!r}.") if person is None else person


def _issuer(settings: Settings, provider: str) -> str:
    issuers = {block.id: block.issuer for block in settings.providers}
    if provider not in issuers:
        stop(f"There is no provider {provider!r} in gateway.yaml. There is: {', '.join(issuers)}.")
    return issuers[provider]


@app.command("end")
def end_sessions(
    person: Person = None,
    provider: Provider = None,
    subject: Subject = None,
    session: Annotated[str | None, typer.Option(help="One session, as `list` names it.")] = None,
    origin: Annotated[str | None, typer.Option(help="Everybody's sessions of one book's origin.")] = None,
    older_than: Annotated[
        str | None, typer.Option(help="Sessions that began longer ago: 90m, 12h, 30d.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every session of everybody.")] = False,  # ruff: ignore[boolean-default-value-positional-argument]
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # ruff: ignore[boolean-default-value-positional-argument]
    as_json_: Json = False,  # ruff: ignore[boolean-default-value-positional-argument]
    config: Config = DEFAULT_CONFIG,
) -> None:
    """End sessions: of a person, of a provider, of an origin, by age, all, or one.

    Exit status 0: ended. 3: noted, and done as soon as Redis answers again. 1: not done.
    """
    ways = [person, session, origin, older_than, everybody or None, provider]
    if sum(way is not None for way in ways) != 1 or (subject is not None and provider is None):
        raise typer.BadParameter("Say what to end, by one option; --subject goes with --provider.")
    settings = load_settings(config)
    ending = (
        _of_person(person)
        or _of_session(session)
        or _of_origin(origin)
        or _of_age(older_than)
        or _of_everybody(everybody=everybody)
        or _of_provider(settings, provider or "", subject)
    )
    if ending.many and not yes and not _agreed(ending.words):
        stop("Nothing was ended.")
    asyncio.run(_end(settings, ending, json=as_json_))


def _agreed(words: str) -> bool:
    """Asked where answers for programs do not go; nobody there to answer is no."""
    typer.echo(f"End {words}? [y/N] ", err=True, nl=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _of_person(person: str | None) -> Ending | None:
    if person is None:
        return None

    async def act(opened: Opened) -> None:
        await opened.sessions.end_everywhere(person)

    return Ending(f"every session of the person {person}", act, many=False)


def _of_session(session: str | None) -> Ending | None:
    if session is None:
        return None
    try:
        store_key("s", session)
    except ValueError:
        raise typer.BadParameter("This is no session: `bookgate sessions list` names them.") from None

    async def act(opened: Opened) -> None:
        await opened.sessions.end_either(session)

    return Ending(f"the session {session}", act, many=False)


def _of_origin(origin: str | None) -> Ending | None:
    if origin is None:
        return None
    parsed = parse_origin(origin)
    if parsed is None:
        raise typer.BadParameter("An origin is written https://HOST or https://HOST:PORT.")

    async def act(opened: Opened) -> None:
        await opened.directory.revocations.mark_origin(str(parsed), _now() + 1)
        await opened.revocations.announce_marks()

    return Ending(f"every session of the book at {parsed}", act, many=True)


def _of_age(age: str | None) -> Ending | None:
    if age is None:
        return None
    found = _AGE.fullmatch(age)
    if found is None:
        raise typer.BadParameter("Write an age as 90m, 12h or 30d.")
    began = _now() - int(found[1]) * _UNITS[found[2]]

    async def act(opened: Opened) -> None:
        await opened.directory.revocations.mark_everybody(began)
        await opened.revocations.announce_marks()

    shown = datetime.fromtimestamp(began, UTC)
    return Ending(f"every session that began before {shown:%Y-%m-%d %H:%M} UTC", act, many=True)


def _of_everybody(*, everybody: bool) -> Ending | None:
    async def act(opened: Opened) -> None:
        await opened.directory.revocations.mark_everybody(_now() + 1)
        await opened.revocations.announce_marks()

    return Ending("every session of everybody", act, many=True) if everybody else None


def _of_provider(settings: Settings, provider: str, subject: str | None) -> Ending:
    configured = provider in {block.id for block in settings.providers}
    if subject is not None:
        _issuer(settings, provider)

    async def of_one(opened: Opened) -> None:
        person = await _person(opened, settings, provider, subject or "")
        await opened.sessions.end_everywhere(person)

    async def of_all(opened: Opened) -> None:
        if not configured and not await opened.directory.identities.came_by(provider):
            _issuer(settings, provider)  # no block of now, nor one that was taken out: a slip of the pen
        await opened.directory.revocations.mark_provider(provider, _now() + 1)
        await opened.revocations.announce_marks()

    if subject is not None:
        return Ending(f"every session of {subject!r} of {provider}", of_one, many=False)
    return Ending(f"every session that came by {provider}", of_all, many=True)


async def _end(settings: Settings, ending: Ending, *, json: bool) -> None:
    noted = False
    try:
        async with _opened(settings) as opened:
            try:
                await ending.act(opened)
            except StoreUnavailableError:
                noted = True
    except DirectoryUnavailableError as error:
        stop(f"The directory does not answer, so this is not done, or not for good: {error.detail}")
    audit(Audited.SESSIONS_ENDED, what=ending.words)
    if json:
        typer.echo(orjson.dumps({"ended": ending.words, "done": not noted}).decode())
    elif noted:
        typer.echo(
            f"Noted: {ending.words}. Redis does not answer here: it is done as soon as Redis is back, before "
            "any session is served."
        )
    else:
        typer.echo(f"Ended: {ending.words}.")
    if noted:
        raise typer.Exit(NOTED)


def _now() -> int:
    return int(time.time())
