"""Who takes part in a study today, as the gateway lists them: the only people of whom anything is exported.

Lines of JSON, made by `bookgate studies participants STUDY`. The first is about the study, each other one
about somebody in a book: `{"book", "pseudonym", "since"}`, since: milliseconds, when they said yes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

FRESH: Final = 24 * 3600 * 1000  # milliseconds; who said no since is in an older list
RESEARCH_LEVELS: Final = frozenset({3, 4})


class ParticipantsError(ValueError):
    """What is wrong with it, in one sentence."""


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study as the gateway has it. since, until: its days, in milliseconds; made: when the list was."""

    study: str
    title: str
    irb: str
    basis: str
    level: int
    text_version: str
    since: int
    until: int
    made: int


class Participant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody in a book."""

    book: str
    pseudonym: str
    since: int


@dataclass(frozen=True, slots=True)
class Participants:
    study: Study
    people: tuple[Participant, ...]


def parse(lines: Iterable[bytes], now: int) -> Participants:
    """now: milliseconds. Raises ParticipantsError: also for one that is older than a day."""
    found = [line for line in lines if line.strip()]
    try:
        study = msgspec.json.decode(found[0] if found else b"", type=Study)
        people = tuple(msgspec.json.decode(line, type=Participant) for line in found[1:])
    except msgspec.DecodeError as error:
        raise ParticipantsError(f"It is no list of participants: {error}.") from error
    if study.level not in RESEARCH_LEVELS:
        raise ParticipantsError("A study has the level 3 or 4.")
    if not now - FRESH <= study.made <= now + FRESH:
        raise ParticipantsError("It is older than a day, and somebody may have said no since: make it anew.")
    return Participants(study, people)
