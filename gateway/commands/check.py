"""`bookgate check`: reads both files as the gateway would, offline, and lists every fault."""

import getpass
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.commands.origins import backend_names
from gateway.config.faults import ConfigError, Fault
from gateway.config.gateway_file import parse_gateway
from gateway.config.origins_diff import entries
from gateway.config.settings import Settings
from gateway.config.watch import Origins
from gateway.telemetry import Audit, Audited, make_log

DEFAULT_CONFIG = Path("config/gateway.yaml")

Config = Annotated[Path, typer.Option("--config", help="The gateway.yaml to read.")]


def check(config: Config = DEFAULT_CONFIG) -> None:
    """Check gateway.yaml and origins.yaml without starting anything. Exits with 1 where anything is wrong."""
    try:
        settings = read_settings(config)
    except ConfigError as error:
        # One fault may stand in both: the origins' reader looks up the backends' names.
        refuse(dict.fromkeys((*error.faults, *_faults_of_origins(config))))
    origins = load_origins(settings.origins, settings.routes.backends)
    routes = len(settings.routes.routes)
    typer.echo(f"{config}: sound ({routes} routes to {len(settings.routes.backends)} backends)")
    typer.echo(f"{shown(settings.origins)}: sound ({len(entries(origins.current))} origins)")


def shown(path: Path) -> Path:
    """As the person who typed the command would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _faults_of_origins(config: Path) -> tuple[Fault, ...]:
    """Those of the file in its usual place, where gateway.yaml is too faulty to say which one counts."""
    path = config.parent / "origins.yaml"
    try:
        if path.exists():
            Origins(path, backend_names(config)).load()
    except ConfigError as error:
        return error.faults
    return ()


def read_settings(config: Path) -> Settings:
    try:
        return parse_gateway(config.read_bytes(), config, os.environ)
    except OSError as error:
        stop(f"{config}: {error.strerror}. `bookgate init` writes a first one.")


def load_settings(config: Path) -> Settings:
    """The settings; where they cannot be had the faults are printed and the command ends with 1."""
    try:
        return read_settings(config)
    except ConfigError as error:
        refuse(error.faults)


def load_origins(path: Path, backends: Collection[str]) -> Origins:
    """The same for the origins; what will soon be wrong is printed too."""
    origins = Origins(path, backends)
    try:
        warnings = origins.load()
    except ConfigError as error:
        refuse(error.faults)
    for warning in warnings:
        typer.echo(str(warning), err=True)
    return origins


def refuse(faults: Collection[Fault]) -> NoReturn:
    count = len(faults)
    stop("\n".join([*map(str, faults), f"{count} fault{'s' if count != 1 else ''}: nothing was started."]))


def audit(act: Audited, **facts: object) -> None:
    """The line of an act that a command did, to standard error: its caller keeps it where the others are."""
    Audit(make_log(sys.stderr)).note(act, by="operator", user=getpass.getuser(), **facts)


def stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
