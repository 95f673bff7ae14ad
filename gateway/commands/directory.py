"""`bookgate directory backup|restore`: all that the directory holds in one file, and back."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.check import DEFAULT_CONFIG, Config, audit, load_settings, stop
from gateway.directory.backup import Backup, BackupRefusedError
from gateway.errors import DirectoryUnavailableError
from gateway.telemetry import Audited

app = typer.Typer(help="The directory: all of it in a file, and back.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file.")]


@app.callback()
def directory() -> None:
    """The directory: all of it in a file, and back."""


@app.command()
def backup(file: File, config: Config = DEFAULT_CONFIG) -> None:
    """Write the directory to a new file, which only its owner reads; the gateway may run."""
    url = load_settings(config).directory_url
    try:
        count = asyncio.run(_back_up(url, file))
    except FileExistsError:
        stop(f"{file} is there already: it was left as it is.")
    except OSError as error:
        stop(f"{file}: {error.strerror}.")
    except DirectoryUnavailableError as error:
        file.unlink(missing_ok=True)
        stop(f"The directory does not answer, and no backup was made: {error.detail}")
    audit(Audited.DIRECTORY_BACKUP, rows=count)
    typer.echo(f"{file}: {count} rows. The key `people` is not in it: keep that apart.")


@app.command()
def restore(file: File, config: Config = DEFAULT_CONFIG) -> None:
    """Fill a new, empty directory from a backup: of this version, from either database. All or nothing."""
    url = load_settings(config).directory_url
    try:
        count = asyncio.run(_restore(url, file))
    except BackupRefusedError as error:
        stop(f"{file}: {error.detail}. Nothing was changed.")
    except DirectoryUnavailableError as error:
        stop(f"The directory does not answer, and nothing was changed: {error.detail}")
    except OSError as error:
        stop(f"{file}: {error.strerror}.")
    audit(Audited.DIRECTORY_RESTORE, rows=count)
    typer.echo(f"{count} rows were restored.")


async def _back_up(url: str, file: Path) -> int:
    opened = await Backup.open(url)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            count = await opened.write(out.write)
            out.flush()
            os.fsync(out.fileno())
    finally:
        await opened.close()
    return count


async def _restore(url: str, file: Path) -> int:
    with file.open("rb") as lines:
        opened = await Backup.open(url)
        try:
            return await opened.restore(lines)
        finally:
            await opened.close()
