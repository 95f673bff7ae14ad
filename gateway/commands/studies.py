"""`bookgate studies participants`: who takes part in a study today, for an export of analytics."""

import asyncio
import json
import time
from typing import Annotated

import typer

from gateway.commands.check import DEFAULT_CONFIG, Config, audit, load_settings, stop
from gateway.config.settings import Settings
from gateway.directory import Directory
from gateway.directory.ids import pseudonym
from gateway.errors import DirectoryUnavailableError
from gateway.studies_rules import Participant, Study, participants
from gateway.telemetry import Audited

app = typer.Typer(help="Research that readers are asked for.", no_args_is_help=True)


@app.callback()
def studies() -> None:
    """Research that readers are asked for."""


@app.command("participants")
def list_participants(
    name: Annotated[str, typer.Argument(help="The study's id in gateway.yaml.", metavar="STUDY")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """List who takes part, by pseudonym and book: `bookgate-analytics export` takes nobody else."""
    settings = load_settings(config)
    study = next((one for one in settings.studies if one.id == name), None)
    if study is None:
        known = ", ".join(one.id for one in settings.studies) or "none"
        stop(f"There is no study {name!r} in gateway.yaml. There is: {known}.")
    try:
        found = asyncio.run(_participants(settings, study))
    except DirectoryUnavailableError as error:
        stop(f"The directory does not answer: {error.detail}")
    audit(Audited.STUDY_LISTED, study=study.id, participants=len(found))
    typer.echo(json.dumps(_head(study)))
    for one in found:
        who = pseudonym(settings.keys.research, one.person, one.book)
        typer.echo(json.dumps({"book": one.book, "pseudonym": who, "since": one.since * 1000}))


def _head(study: Study) -> dict[str, object]:
    """The first line (docs/storage-and-analytics.md). Times in milliseconds."""
    return {
        "study": study.id,
        "title": study.title,
        "irb": study.irb,
        "basis": study.basis.value,
        "level": study.level,
        "text_version": study.version,
        "since": study.since * 1000,
        "until": study.until * 1000,
        "made": int(time.time() * 1000),
    }


async def _participants(settings: Settings, study: Study) -> list[Participant]:
    opened = await Directory.open(settings.directory_url, settings.keys.people, time.time)
    try:
        answers = await opened.participation.answers_to(study.id)
        return participants(study, answers, await opened.participation.readers(study.books))
    finally:
        await opened.close()
