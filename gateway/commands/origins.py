"""`bookgate origins check FILE`: every fault of an origins file, without starting anything."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from gateway.config.document import read_document
from gateway.config.faults import ConfigError, Fault, Faults
from gateway.config.nodes import Entry, MappingNode, Node
from gateway.config.origins_diff import entries
from gateway.config.origins_file import parse_origins
from gateway.config.watch import read_files, utc_today

app = typer.Typer(help="Which web origins may call the gateway.", no_args_is_help=True)


@app.callback()
def origins() -> None:
    """Which web origins may call the gateway."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="An origins.yaml, or a folder of such files.")],
    config: Annotated[
        Path, typer.Option("--config", help="The gateway.yaml that names the backends.")
    ] = Path("config/gateway.yaml"),
) -> None:
    """Check FILE and print every fault. Exits with 1 where anything is wrong."""
    try:
        backends = backend_names(config)
        parsed = parse_origins(read_files(file), backends, utc_today())
    except ConfigError as error:
        _print(error.faults)
        count = len(error.faults)
        typer.echo(f"{count} fault{'s' if count != 1 else ''}.", err=True)
        raise typer.Exit(1) from None
    _print(parsed.warnings)
    typer.echo(f"{file}: sound ({len(entries(parsed.table))} origins, generation {parsed.table.generation})")


def _print(faults: Collection[Fault]) -> None:
    for fault in faults:
        typer.echo(str(fault), err=True)


def backend_names(config: Path) -> frozenset[str]:
    """The names under `backends:` of a gateway.yaml, whose secrets need not be at hand."""
    faults = Faults(config.name)
    try:
        root = read_document(config.read_bytes(), faults)
    except OSError as error:
        message = f"{config} cannot be read: {error.strerror}."
        faults.add(0, "cannot-read", message, "Name the configuration with --config.")
        raise ConfigError(faults.found) from error
    faults.refuse()
    return frozenset(entry.key for entry in _entries(_value(root, "backends")))


def _entries(node: Node | None) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, MappingNode) else ()


def _value(node: Node | None, key: str) -> Node | None:
    return next((entry.value for entry in _entries(node) if entry.key == key), None)
