"""`bookgate-analytics export`: a folder of files for the researchers of a study."""

import asyncio
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from backends import options
from backends.analytics import participants, research
from backends.analytics.exporting import Counted, Span
from backends.analytics.figures import Days
from backends.analytics.participants import ParticipantsError
from backends.analytics.research import ExportError, Format, Order
from backends.database import Database
from backends.problem import Problem

BEGINNING: Final = date(1970, 1, 1)
END: Final = date(9000, 1, 1)


def export(
    *,
    database: Annotated[
        str, typer.Option(envvar="BOOKGATE_ANALYTICS_DATABASE", help="Path of the SQLite file.")
    ],
    people: Annotated[
        Path, typer.Option("--participants", help="What `bookgate studies participants STUDY` made today.")
    ],
    key: Annotated[Path, typer.Option(help="The study's key; made where it is not there. Keep it.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    form: Annotated[Format, typer.Option("--format")] = Format.PROGSNAP2,
    first: Annotated[str | None, typer.Option("--from", help="The first day, such as 2027-01-10.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day.")] = None,
) -> None:
    """Export what the participants of a study let it have."""
    try:
        order = _order(people, key, out, form, _span(first, last))
        counted = asyncio.run(_export(_file(database), order))
    except (ExportError, ParticipantsError) as error:
        raise typer.BadParameter(str(error)) from error
    except Problem as error:
        raise typer.BadParameter(f"The database does not answer: {error.title}") from error
    typer.echo(f"{counted.events} events of {counted.with_events} of {counted.listed} participants in {out}")


def _order(people: Path, key: Path, out: Path, form: Format, span: Span) -> Order:
    now = int(time.time() * 1000)
    listed = participants.parse(_lines(people), now)
    secret, is_new = research.key(key)
    if is_new:
        typer.echo(f"Made {key}: keep it as long as the study, and give it to nobody.", err=True)
    return Order(listed, secret, span, form, out, now)


async def _export(file: Path, order: Order) -> Counted:
    opened = Database(file)
    try:
        return await research.export(opened, order)
    finally:
        await opened.close()


def _file(database: str) -> Path:
    found = options.sqlite_file(database)
    if not found.is_file():
        raise ExportError(f"{found} is not there.")
    return found


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise ParticipantsError(f"{path} cannot be read: {error.strerror}.") from error


def _span(first: str | None, last: str | None) -> Span:
    return Span(
        0 if first is None else _day(first).since,
        Days(BEGINNING, END).until if last is None else _day(last).until,
    )


def _day(text: str) -> Days:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise ExportError(f"{text!r} is no day such as 2027-01-10.") from error
    return Days(found, found)
