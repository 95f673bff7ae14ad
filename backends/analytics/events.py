"""The event schema: which events are taken, and what is kept of one at each consent level.

Level 0 keeps nothing. Level 1 (service) keeps what counting needs: that something of a type happened, when,
on which page, with which item, in which visit and at which attempt. What a person answered, wrote or was
told, whether it was right and how long it took (`answer`, `correct`, `score`, `dur_ms`, `code_sha`, `delta`,
`error`, `x`) is checked like the rest and then dropped. Addresses lose query and fragment at every level.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from backends import moment

SCHEMA: Final = 1
DAY: Final = 86_400_000
DEFAULT_LEVEL: Final = 1


class Level(IntEnum):
    """Consent levels as far as they can be reached without a study."""

    NOTHING = 0
    SERVICE = 1


def level(research_cap: int | None) -> Level:
    """What may be kept of this person: the default, unless the gateway says that less is open."""
    return Level.NOTHING if research_cap is not None and research_cap < DEFAULT_LEVEL else Level.SERVICE


# ProgSnap2's event types, and X- for a book's own.
TYPE: Final = re.compile(
    r"Session\.(?:Start|End)|Resource\.View|File\.(?:Create|Delete|Open|Close|Save|Edit|Focus)"
    r"|Compile(?:\.Error|\.Warning)?|Run\.Program|Run\.Test|Debug\.Program|Submit|Hint\.Request|Intervention"
    r"|X-[A-Za-z0-9.-]{1,48}"
)
IDENTIFIER: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKEN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~:@/+-]{0,199}")
PAGE: Final = re.compile(r"[\x21-\x7e]{1,1000}")
SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
LATEST: Final = 2**53
LONGEST_TEXT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Event:
    """What level 1 keeps. Times are milliseconds since the epoch; `t` is the client's."""

    id: str
    type: str
    t: int
    seq: int | None
    session: str | None
    page: str | None
    item: str | None
    item_kind: str | None
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that is not taken, by its place in the batch."""

    i: int
    code: str


Check = Callable[[object], bool]


def _text(form: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LATEST


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _time(value: object) -> bool:
    return _milliseconds(value) is not None


def _free(value: object) -> bool:
    return not isinstance(value, str) or len(value) <= LONGEST_TEXT


def _anything(_value: object) -> bool:
    return True


REQUIRED: Final = ("id", "type", "t")
FIELDS: Final[Mapping[str, Check]] = {
    "id": _text(IDENTIFIER),
    "type": _text(TYPE),
    "t": _time,
    "seq": _count,
    "session": _text(TOKEN),
    "page": _text(PAGE),
    "item": _text(TOKEN),
    "item_kind": _text(TOKEN),
    "attempt": _count,
    "answer": _free,
    "correct": lambda value: isinstance(value, bool),
    "score": _number,
    "dur_ms": _count,
    "code_sha": _text(SHA),
    "delta": _anything,
    "error": _free,
    "x": lambda value: isinstance(value, dict),
}


def parse(raw: object, place: int, now: int) -> Event | Rejected:
    """An event as it was sent, checked; `null` is the same as absent. The codes are stable."""
    if not isinstance(raw, dict):
        return Rejected(place, "not_an_object")
    given = {name: value for name, value in raw.items() if value is not None}
    for name in given:
        if name not in FIELDS:
            return Rejected(place, "unknown_field")
    for name in REQUIRED:
        if name not in given:
            return Rejected(place, f"missing_{name}")
    for name, value in given.items():
        if not FIELDS[name](value):
            return Rejected(place, f"invalid_{name}")
    t = _milliseconds(given["t"])
    if t is None or t > now + DAY:
        return Rejected(place, "future")
    return _event(given, t)


def _event(given: Mapping[str, object], t: int) -> Event:
    page = _string(given, "page")
    return Event(
        id=str(given["id"]),
        type=str(given["type"]),
        t=t,
        seq=_integer(given, "seq"),
        session=_string(given, "session"),
        page=None if page is None else re.split(r"[?#]", page, maxsplit=1)[0],
        item=_string(given, "item"),
        item_kind=_string(given, "item_kind"),
        attempt=_integer(given, "attempt"),
    )


def _string(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) else None


def _integer(given: Mapping[str, object], name: str) -> int | None:
    value = given.get(name)
    return value if isinstance(value, int) else None


def _milliseconds(value: object) -> int | None:
    """A time as milliseconds since the epoch, or as RFC 3339 with a zone."""
    if isinstance(value, str):
        value = moment.parse(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LATEST:
        return None
    return value
