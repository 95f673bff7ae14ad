"""Consent levels: what is kept of an event at each.

0 keeps nothing.
1 (service) keeps what counting needs: that something of a type happened, when, on which page, with which
  item, in which visit and at which attempt.
2 (class) adds what a teacher needs of a class: `correct`, `score`, `dur_ms`, the type of an error, and the
  `answer` of a question whose answers the author wrote (a choice, an order), never one that a person wrote.
3 (research) adds `code_sha`, the line of an error and the numbers of `x`: still no word of a person's.
4 (research) keeps everything: answers, code, errors, keystrokes (`answer`, `error`, `delta`, `x`).
"""

import re
from dataclasses import replace
from enum import IntEnum
from typing import Final

import orjson

from backends.analytics.events import Event


class Level(IntEnum):
    """What may be kept of somebody, and what they let it be used for."""

    NOTHING = 0
    SERVICE = 1
    CLASS = 2
    RESEARCH = 3
    EVERYTHING = 4


DEFAULT: Final = Level.SERVICE

# Kinds of questions whose answers are among what the author wrote, as books call them, in small letters.
CLOSED: Final = frozenset(
    {
        "choice", "clickable", "clickablearea", "draganddrop", "dragndrop", "matching", "mchoice",
        "multiplechoice", "order", "parsons", "poll", "truefalse",
    }
)  # fmt: skip
# Numbers and names of choices; no blank, so no sentence.
CHOICE: Final = re.compile(r"[A-Za-z0-9._,;|:+-]{1,64}")


def level(research_cap: int | None) -> Level:
    """What may be kept of this person; the default where the gateway does not say."""
    if research_cap is None:
        return DEFAULT
    return Level(min(max(research_cap, Level.NOTHING), Level.EVERYTHING))


def kept(event: Event, at: Level) -> Event:
    """What is left of an event at a level above 0. A lower level of what a level left is its own."""
    if at >= Level.EVERYTHING:
        return event
    answer = event.answer if at >= Level.CLASS and is_choice(event.item_kind, event.answer) else None
    bare = replace(event, answer=answer, error=None, delta=None, x=_numbers(event.x))
    if at >= Level.RESEARCH:
        return bare
    bare = replace(bare, code_sha=None, error_line=None, x=None)
    if at >= Level.CLASS:
        return bare
    return replace(bare, correct=None, score=None, dur_ms=None, error_type=None)


def is_choice(kind: str | None, answer: str | None) -> bool:
    """Whether an answer (as JSON) to an item of a kind is one of those that the author wrote."""
    if kind is None or kind.lower() not in CLOSED or answer is None:
        return False
    said = orjson.loads(answer)
    parts = said if isinstance(said, list) else [said]
    return all(isinstance(part, int | str) and CHOICE.fullmatch(str(part)) is not None for part in parts)


def _numbers(x: str | None) -> str | None:
    """Those members of `x` that are numbers, yes or no; their names are the book's."""
    if x is None:
        return None
    found = {name: value for name, value in orjson.loads(x).items() if isinstance(value, int | float)}
    return orjson.dumps(found).decode() if found else None
