"""The command `bookgate-storage`: run the service, or migrate its database."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from aiohttp import web

from backends import options
from backends.allowance import Allowance, Rate
from backends.database import Database
from backends.options import Options
from backends.storage.api import Api
from backends.storage.internal_api import InternalApi
from backends.storage.me_api import MeApi
from backends.storage.moving import Moved, move
from backends.storage.retention import Retention
from backends.storage.runestone_api import RunestoneApi
from backends.storage.service import Storage
from backends.storage.sync_api import SyncApi

MIGRATIONS: Final = Path(__file__).parent / "migrations"
WRITES: Final = Rate(burst=300, per_second=20)  # of one person: a long outbox at once, then a brisk pace

app = typer.Typer(
    help="Keeps people's work in books.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

books = typer.Typer(help="The books in which people have work.", no_args_is_help=True)
app.add_typer(books, name="books")

Book = Annotated[str, typer.Argument(help="As the gateway's origins.yaml names it.")]
DatabaseOption = Annotated[
    str, typer.Option(envvar="BOOKGATE_STORAGE_DATABASE", help="Path of the SQLite file.")
]


@app.command()
def run(
    *,
    database: DatabaseOption,
    issuer: Annotated[str, typer.Option(envvar="BOOKGATE_STORAGE_ISSUER", help="The gateway's public_url.")],
    listen: Annotated[
        str, typer.Option(envvar="BOOKGATE_STORAGE_LISTEN", help="HOST:PORT or unix:PATH.")
    ] = "127.0.0.1:8001",
    audience: Annotated[
        str, typer.Option(envvar="BOOKGATE_STORAGE_AUDIENCE", help="This backend's name at the gateway.")
    ] = "storage",
    jwks: Annotated[
        str | None,
        typer.Option(envvar="BOOKGATE_STORAGE_JWKS", help="The gateway's keys; by default under the issuer."),
    ] = None,
) -> None:
    """Serve until SIGTERM. An SQLite file is migrated first."""
    options.run(
        Options.parse(database=database, listen=listen, issuer=issuer, audience=audience, jwks=jwks),
        MIGRATIONS,
        serving,
    )


@app.command()
def migrate(*, database: DatabaseOption) -> None:
    """Bring the database to the newest schema."""
    options.migrate(options.sqlite_file(database), MIGRATIONS)


@books.command("move")
def move_book(*, old: Book, new: Book, database: DatabaseOption) -> None:
    """Everybody's work in the book OLD belongs to the book NEW from now on. It may be run again."""
    if old == new or not all(0 < len(book) <= 200 for book in (old, new)):
        raise typer.BadParameter("OLD and NEW are two books, of 1 to 200 characters each")
    file = options.sqlite_file(database)
    if not file.is_file():
        raise typer.BadParameter(f"there is no {file}")
    options.migrate(file, MIGRATIONS)
    moved = asyncio.run(_move(file, old, new))
    typer.echo(f"{old} -> {new}: the work of {moved.people} people was moved.")
    if moved.both:
        typer.echo(
            f"{moved.both} of them had work in {new} already. Both are kept: what stands is the later one."
        )


async def _move(file: Path, old: str, new: str) -> Moved:
    database = Database(file)
    try:
        return await move(database, old, new, int(time.time() * 1000))
    finally:
        await database.close()


@asynccontextmanager
async def serving(file: Database) -> AsyncGenerator[Iterable[web.RouteDef], None]:
    """The service's routes, with its sweeper beside them."""
    storage = Storage(file, Allowance(WRITES, time.monotonic), time.time)
    sweeper = asyncio.create_task(Retention(file, time.time).sweep_regularly())
    try:
        yield routes(storage)
    finally:
        sweeper.cancel()
        await asyncio.wait([sweeper])


def routes(storage: Storage) -> list[web.RouteDef]:
    apis = (Api(storage), MeApi(storage), SyncApi(storage), RunestoneApi(storage), InternalApi(storage))
    return [route for api in apis for route in api.routes()]


def main() -> None:
    app(prog_name="bookgate-storage")
