"""The event schema: which events are taken, and what each says.

Every member is checked at every level; what is kept of it is for levels.py to say. Addresses lose query and
fragment here already.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from backends import moment

SCHEMA: Final = 2
DAY: Final = 86_400_000

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
LARGEST_LINE: Final = 10_000_000
# "NameError: name 'x' is not defined on line 3": what comes first is the type, as Python and Java spell them.
ERROR_TYPE: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.$]{0,99})\s*(?::|\Z)")
ERROR_LINE: Final = re.compile(r"\bline (\d{1,7})\b")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Times are milliseconds since the epoch; `t` is the client's.

    answer, error, delta, x: as JSON text. error_type, error_line: what `error` says of them.
    """

    id: str
    type: str
    t: int
    seq: int | None
    session: str | None
    page: str | None
    item: str | None
    item_kind: str | None
    attempt: int | None
    correct: bool | None = None
    score: float | None = None
    dur_ms: int | None = None
    code_sha: str | None = None
    error_type: str | None = None
    error_line: int | None = None
    answer: str | None = None
    error: str | None = None
    delta: str | None = None
    x: str | None = None


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
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _time(value: object) -> bool:
    return _milliseconds(value) is not None


def _json(value: object) -> str | None:
    """As JSON; None: it is nested deeper or longer than is kept."""
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return None
    return text if len(text) <= LONGEST_TEXT else None


def _free(value: object) -> bool:
    return _json(value) is not None


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
    "delta": _free,
    "error": _free,
    "x": lambda value: isinstance(value, dict) and _free(value),
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
    kind, line = failure(given.get("error"))
    correct, score = given.get("correct"), given.get("score")
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
        correct=correct if isinstance(correct, bool) else None,
        score=float(score) if isinstance(score, int | float) else None,
        dur_ms=_integer(given, "dur_ms"),
        code_sha=_string(given, "code_sha"),
        error_type=kind,
        error_line=line,
        answer=_json(given["answer"]) if "answer" in given else None,
        error=_json(given["error"]) if "error" in given else None,
        delta=_json(given["delta"]) if "delta" in given else None,
        x=_json(given["x"]) if "x" in given else None,
    )


def failure(error: object) -> tuple[str | None, int | None]:
    """Type and line of an error: of its text, or of an object's `type`, `line` and `message`."""
    if isinstance(error, str):
        kind, line = ERROR_TYPE.match(error), ERROR_LINE.search(error)
        return (None if kind is None else kind[1]), (None if line is None else int(line[1]))
    if not isinstance(error, dict):
        return None, None
    said, place = error.get("type"), error.get("line")
    kind = ERROR_TYPE.fullmatch(said) if isinstance(said, str) else None
    known = isinstance(place, int) and not isinstance(place, bool) and 0 < place < LARGEST_LINE
    from_text = failure(error.get("message")) if isinstance(error.get("message"), str) else (None, None)
    return (from_text[0] if kind is None else kind[1]), (place if known else from_text[1])


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
