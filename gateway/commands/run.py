"""`bookgate run`: serves a site until it is told to stop."""

import os
import sys
from typing import Annotated

import typer

from gateway.commands.check import DEFAULT_CONFIG, Config, load_origins, load_settings

Workers = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Processes that serve, instead of `workers` in gateway.yaml."),
]


def run(config: Config = DEFAULT_CONFIG, workers: Workers = None) -> None:
    """Serve. SIGTERM and Ctrl-C end it, SIGHUP reads the origins again, SIGUSR2 replaces the workers."""
    settings = load_settings(config)
    load_origins(settings.origins, settings.routes.backends)
    said = [] if workers is None else [str(workers)]
    # This process becomes the workers' parent, which needs a fraction of the memory.
    os.execv(  # ruff: ignore[start-process-with-no-shell]  ourselves
        sys.executable, [sys.executable, "-m", "gateway.server", str(config), *said]
    )
