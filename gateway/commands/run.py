"""`bookgate run`: serves a site until it is told to stop."""

import asyncio

import typer

from gateway.commands.check import DEFAULT_CONFIG, Config, load_origins, load_settings, stop
from gateway.errors import DirectoryUnavailableError
from gateway.server.redis import EmbeddedRedisError
from gateway.server.run import ParserMissingError, serve
from gateway.telemetry import make_log


def run(config: Config = DEFAULT_CONFIG) -> None:
    """Serve. SIGTERM and Ctrl-C end it in order, SIGHUP reads the origins again."""
    settings = load_settings(config)
    origins = load_origins(settings.origins, settings.routes.backends)
    try:
        asyncio.run(serve(settings, origins, make_log(), lambda: typer.echo("bookgate serves", err=True)))
    except EmbeddedRedisError as error:
        stop(str(error))
    except (DirectoryUnavailableError, ParserMissingError) as error:
        stop(f"cannot start: {error}")
    except OSError as error:  # an address that is taken, a folder that cannot be written
        stop(f"cannot start: {error}")
