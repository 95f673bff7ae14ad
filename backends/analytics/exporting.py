"""An export for a study: the events of who takes part today, under names of the study, as files.

An event is in it when its level was 3 at least as it came, in the study's days, after the person had said
yes; of it there is what the lower of that level and the study's level keeps. Staff are left out.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Final, Protocol

import orjson
from sqlalchemy import Connection

from backends.analytics import merging, statements
from backends.analytics.events import Event
from backends.analytics.levels import Level, kept
from backends.analytics.participants import Participant, Participants
from backends.analytics.rekeying import Names
from backends.database import Database

AT_ONCE: Final = 2000
RULE: Final = (
    "People who took part in the study when the list of participants was made; events that came in the "
    "study's days, after the person said yes, at level 3 or above; of each what the lower of its level and "
    "the study's level keeps; nobody who teaches or runs the book."
)


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when events came, in milliseconds; the end is not meant any more."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Found:
    """An event as a study may have it, and what the server knew of it, under the study's names."""

    event: Event
    subject: str
    session: str | None
    book: str
    classes: tuple[str, ...]
    received: int
    level: int


@dataclass(slots=True)
class Counted:
    listed: int = 0
    with_events: int = 0
    events: int = 0


class Files(Protocol):
    """A format: takes events in order, one person after another."""

    def add(self, found: Found) -> None: ...


async def write(
    database: Database, participants: Participants, names: Names, span: Span, files: Files
) -> Counted:
    """Hands every event that the study may have to the files."""
    counted = Counted(len(participants.people))
    seen: set[tuple[str, str]] = set()
    for person in participants.people:
        home = await database.read(partial(_home, person.pseudonym))
        if (person.book, home) in seen:
            continue  # somebody who was two
        seen.add((person.book, home))
        before = counted.events
        async for event in _events(database, participants, person, home, names, span):
            files.add(event)
            counted.events += 1
        counted.with_events += counted.events > before
    return counted


async def _events(
    database: Database, participants: Participants, person: Participant, home: str, names: Names, span: Span
) -> AsyncIterator[Found]:
    study = participants.study
    asked: dict[str, object] = {
        statements.PSEUDONYM: home,
        "book": person.book,
        "level": int(Level.RESEARCH),
        "since": max(span.since, study.since, person.since),
        "until": min(span.until, study.until),
        "after_t": -1,
        "after_seq": -1,
        "after": "",
        "at_most": AT_ONCE,
    }
    while True:
        rows = await database.read(partial(_page, asked))
        for row in rows:
            yield _found(row, Level(study.level), names)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1]
        seq = -1 if last["seq"] is None else last["seq"]
        asked |= {"after_t": last["t"], "after_seq": seq, "after": last["id"]}


def _home(pseudonym: str, connection: Connection) -> str:
    return merging.home(connection, pseudonym)


def _page(asked: Mapping[str, object], connection: Connection) -> list[dict[str, object]]:
    return [dict(row) for row in connection.execute(statements.STUDY_EVENTS, asked).mappings()]


def _found(row: Mapping[str, object], open_now: Level, names: Names) -> Found:
    event = Event(**{one.name: row[one.name] for one in fields(Event)})  # type: ignore[arg-type]
    level = min(Level(int(str(row["level"]))), open_now)
    pseudonym = str(row["pseudonym"])
    return Found(
        event=kept(event, level),
        subject=names.subject(pseudonym),
        session=None if event.session is None else names.session(pseudonym, event.session),
        book=str(row["book"]),
        classes=tuple(names.class_name(one) for one in orjson.loads(str(row["classes"]))),
        received=int(str(row["received"])),
        level=int(level),
    )
