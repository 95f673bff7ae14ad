"""The command `bookgate-analytics`: run the service, migrate its database, export for a study."""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from aiohttp import web

from backends import options
from backends.allowance import Allowance, Rate
from backends.analytics.api import Api
from backends.analytics.export_command import export
from backends.analytics.service import Analytics
from backends.analytics.staff import ROLES
from backends.analytics.stats import Stats
from backends.analytics.stats_api import StatsApi
from backends.database import Database
from backends.options import Options

MIGRATIONS: Final = Path(__file__).parent / "migrations"
EVENTS: Final = Rate(burst=5000, per_second=50)  # of one person: a long outbox at once, then keystrokes

app = typer.Typer(
    help="Keeps what happened in books.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DatabaseOption = Annotated[
    str, typer.Option(envvar="BOOKGATE_ANALYTICS_DATABASE", help="Path of the SQLite file.")
]


@app.command()
def run(
    *,
    database: DatabaseOption,
    issuer: Annotated[
        str, typer.Option(envvar="BOOKGATE_ANALYTICS_ISSUER", help="The gateway's public_url.")
    ],
    listen: Annotated[
        str, typer.Option(envvar="BOOKGATE_ANALYTICS_LISTEN", help="HOST:PORT or unix:PATH.")
    ] = "127.0.0.1:8002",
    audience: Annotated[
        str, typer.Option(envvar="BOOKGATE_ANALYTICS_AUDIENCE", help="This backend's name at the gateway.")
    ] = "analytics",
    jwks: Annotated[
        str | None,
        typer.Option(
            envvar="BOOKGATE_ANALYTICS_JWKS", help="The gateway's keys; by default under the issuer."
        ),
    ] = None,
    staff: Annotated[
        str,
        typer.Option(envvar="BOOKGATE_ANALYTICS_STAFF", help="Roles whose holders are no readers."),
    ] = ",".join(sorted(ROLES)),
) -> None:
    """Serve until SIGTERM. An SQLite file is migrated first."""
    options.run(
        Options.parse(database=database, listen=listen, issuer=issuer, audience=audience, jwks=jwks),
        MIGRATIONS,
        partial(serving, frozenset(staff.split(","))),
    )


@app.command()
def migrate(*, database: DatabaseOption) -> None:
    """Bring the database to the newest schema."""
    options.migrate(options.sqlite_file(database), MIGRATIONS)


app.command()(export)


@asynccontextmanager
async def serving(roles: frozenset[str], file: Database) -> AsyncGenerator[Iterable[web.RouteDef], None]:
    """The service's routes."""
    api = Api(Analytics(file, Allowance(EVENTS, time.monotonic), time.time, roles))
    yield [*api.routes(), *StatsApi(Stats(file, time.time), roles).routes()]


def main() -> None:
    app(prog_name="bookgate-analytics")
