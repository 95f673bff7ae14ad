"""`bookgate lti invite|list|add-deployment|remove`: learning platforms that register this site themselves."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from urllib.parse import urlencode

import typer

from gateway.commands.check import DEFAULT_CONFIG, Config, audit, load_settings, stop
from gateway.config.settings import Settings
from gateway.directory import Directory, Platforms, Registered
from gateway.errors import DirectoryUnavailableError
from gateway.providers.addresses import acceptable
from gateway.telemetry import Audited

app = typer.Typer(help="Learning platforms that register this site themselves.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What the platform is called here: a-z, 0-9, - and _.")]
Json = Annotated[bool, typer.Option("--json", help="Answer for programs.")]
T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)


@app.command()
def invite(
    name: Name,
    issuer: Annotated[str, typer.Argument(help="The platform's own address, as it names itself.")],
    book: Annotated[list[str] | None, typer.Option(help="A book that it may open; else all.")] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Books may report scores to it.")] = False,  # ruff: ignore[boolean-default-value-positional-argument]
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print an address for the platform's administrator. It works once, and for a day."""
    settings = load_settings(config)
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("A name has up to 40 of a-z, 0-9, - and _.")
    if any(block.id == name for block in settings.platforms):
        stop(f"{name} has a block in gateway.yaml already: take that out, or choose another name.")
    if not acceptable(issuer, issuer) or issuer.endswith("/"):
        raise typer.BadParameter("The platform's address is written https://HOST, with no slash at its end.")
    if settings.keys.lti is None:
        stop("There is no key by which platforms would know this site: `bookgate init` makes STATE/keys/lti.")
    books = tuple(book or ())
    secret = _asked(settings, lambda platforms: platforms.invite(name, issuer, books, scores=scores))
    if secret is None:
        stop(f"By the name {name} another site has registered. `bookgate lti remove {name}` first.")
    audit(Audited.LTI_INVITED, platform=name, issuer=issuer)
    typer.echo(f"{settings.public_url}/auth/lti/register?{urlencode({'invitation': secret})}")


@app.command("list")
def list_platforms(
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,  # ruff: ignore[boolean-default-value-positional-argument]
) -> None:
    """List the platforms that registered, and those that are invited."""
    found = _asked(load_settings(config), lambda platforms: platforms.all())
    if as_json:
        typer.echo(json.dumps([_shown(one) for one in found], indent=2))
    elif not found:
        typer.echo("None: those of gateway.yaml are in `lti:` there.")
    else:
        for one in found:
            typer.echo(f"{one.name}  {one.issuer}\n  {_state(one)}")


@app.command("add-deployment")
def add_deployment(
    name: Name,
    deployment: Annotated[str, typer.Argument(help="The id that the platform shows.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Take launches of one more deployment of a platform that registered."""
    if not _asked(load_settings(config), lambda platforms: platforms.add_deployment(name, deployment)):
        stop(f"No platform has registered by the name {name}.")
    typer.echo(f"Launches of {name} are taken from deployment {deployment} too, from now on.")


@app.command()
def remove(name: Name, config: Config = DEFAULT_CONFIG) -> None:
    """Forget a platform that registered, or an invitation. Who came from it keeps what is theirs."""
    if not _asked(load_settings(config), lambda platforms: platforms.remove(name)):
        stop(f"No platform has registered by the name {name}, and none is invited.")
    audit(Audited.LTI_REMOVED, platform=name)
    typer.echo(f"{name} is forgotten: its links open nothing from now on. Sessions that began by it go on.")


def _shown(one: Registered) -> dict[str, object]:
    return {
        "name": one.name,
        "issuer": one.issuer,
        "registered": one.client_id is not None,
        "client_id": one.client_id,
        "deployments": one.deployments,
        "books": one.books,
        "scores": one.scores,
        "invited_until": one.invited,
    }


def _state(one: Registered) -> str:
    if one.client_id is None:
        is_over = one.invited is None or one.invited <= time.time()
        return "invited, and the invitation is too old" if is_over else "invited"
    deployments = ", ".join(one.deployments) or "none yet: `bookgate lti add-deployment`"
    return f"registered as {one.client_id}; deployments: {deployments}"


def _asked(settings: Settings, ask: Callable[[Platforms], Awaitable[T]]) -> T:
    async def run() -> T:
        opened = await Directory.open(settings.directory_url, settings.keys.people, time.time)
        try:
            return await ask(opened.platforms)
        finally:
            await opened.close()

    try:
        return asyncio.run(run())
    except DirectoryUnavailableError as error:
        stop(f"The directory does not answer, and nothing was changed: {error.detail}")
