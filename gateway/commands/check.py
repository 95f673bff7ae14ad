"""`bookgate check`: reads both files as the gateway would, offline, and lists every fault."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.config.faults import ConfigError, Fault
from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Settings
from gateway.config.watch import Origins

DEFAULT_CONFIG = Path("config/gateway.yaml")

Config = Annotated[Path, typer.Option("--config", help="The gateway.yaml to read.")]


def check(config: Config = DEFAULT_CONFIG) -> None:
    """Check gateway.yaml and origins.yaml without starting anything. Exits with 1 where anything is wrong."""
    settings = load_settings(config)
    origins = load_origins(settings.origins, settings.routes.backends)
    table = origins.current
    listed = len(table.exact) + len(table.wildcards) + len(table.any_port)
    routes = len(settings.routes.routes)
    typer.echo(f"{config}: sound ({routes} routes to {len(settings.routes.backends)} backends)")
    typer.echo(f"{settings.origins}: sound ({listed} origins)")


def load_settings(config: Path) -> Settings:
    """The settings; where they cannot be had the faults are printed and the command ends with 1."""
    try:
        return parse_gateway(config.read_bytes(), config, os.environ)
    except OSError as error:
        stop(f"{config}: {error.strerror}. `bookgate init` writes a first one.")
    except ConfigError as error:
        refuse(error.faults)


def load_origins(path: Path, backends: Collection[str]) -> Origins:
    """The same for the origins."""
    origins = Origins(path, backends)
    try:
        origins.load()
    except ConfigError as error:
        refuse(error.faults)
    return origins


def refuse(faults: Collection[Fault]) -> NoReturn:
    count = len(faults)
    stop("\n".join([*map(str, faults), f"{count} fault{'s' if count != 1 else ''}: nothing was started."]))


def stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
