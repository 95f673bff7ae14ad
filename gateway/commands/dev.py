"""`bookgate dev`: everything on this machine, for authors and for a first look."""

import asyncio
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.check import stop
from gateway.development.authority import how_to_trust, loopback_files, now
from gateway.development.ports import Ports, choose
from gateway.development.supervisor import DevelopmentError, Plan, run
from gateway.server.redis import EmbeddedRedisError

_PORTS = Ports()


def dev(
    book: Annotated[
        Path | None, typer.Option(help="The folder of a book; the built-in example where none is named.")
    ] = None,
    tls: Annotated[  # ruff: ignore[boolean-default-value-positional-argument]
        bool, typer.Option("--tls", help="https, as WebKit and Safari want it, by a certificate of its own.")
    ] = False,
    state: Annotated[Path, typer.Option(help="Where data and logs are kept.")] = Path(".bookgate"),
    port: Annotated[int, typer.Option(help="The gateway's port (0: any).")] = _PORTS.gateway,
    private_port: Annotated[int, typer.Option(help="The port of health and keys.")] = _PORTS.private,
    provider_port: Annotated[int, typer.Option(help="The sign-in service's port.")] = _PORTS.provider,
    storage_port: Annotated[int, typer.Option(help="The storage service's port.")] = _PORTS.storage,
    analytics_port: Annotated[int, typer.Option(help="The analytics service's port.")] = _PORTS.analytics,
    book_port: Annotated[int, typer.Option(help="The book's port on localhost.")] = _PORTS.book,
) -> None:
    """Start Redis, a sign-in service, the gateway, both services and a book. Ctrl-C ends all; data stay."""
    folder = book or _example()
    if folder is None or not folder.is_dir():
        stop(f"There is no folder {folder}: name a book's with --book DIR.")
    ports, sentences = choose(
        Ports(port, private_port, provider_port, storage_port, analytics_port, book_port)
    )
    for sentence in sentences:
        typer.echo(sentence, err=True)
    files = loopback_files(state.absolute() / "tls", now()) if tls else None
    for sentence in how_to_trust(files.authority) if files else ():
        typer.echo(sentence, err=True)
    plan = Plan(folder.absolute(), state.absolute(), ports, files)
    try:
        asyncio.run(run(plan, typer.echo))
    except (DevelopmentError, EmbeddedRedisError) as error:
        stop(str(error))
    typer.echo(f"Ended. The data are in {state}.", err=True)


def _example() -> Path | None:
    """The example book: in the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("gateway")))
    found = (package / "example_book", package.parent / "examples" / "book")
    return next((folder for folder in found if folder.is_dir()), None)
