"""What the calls of unmodified Runestone and PreTeXt books mean as items, and what such books read back.

Checked against the books' own scripts (Runestone 7.13.9, PreTeXt 2.56.1). Values in, values out.

Every event is kept as it came, in an item that is named by what it is, its event and its activity:

    ns:EVENT:ACTIVITY      an answer, or the state of one; every attempt of an answer stays
    ns.run:ACTIVITY        a program that its reader ran, with what came of it
    ns.rerun:ACTIVITY      runs of which the page says that they changed nothing
    ns.log:EVENT:ACTIVITY  what else a page reports (moves, clicks): thinned out with age, first to make way
    ns.page                the last page that was read
    ns.done:PAGE           whether a page was marked as completed
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backends.problem import InvalidJson, InvalidRequest
from backends.storage.items import Key, Kind

# Short enough that two parts and a prefix make an item's id; a colon would be taken for the next part.
PART: Final = re.compile(r"(?!internal\Z|_~)[A-Za-z0-9_][A-Za-z0-9._~@-]{0,79}")
DEEPEST: Final = 32  # pages send 4
FALSE: Final = frozenset({"false", "f", "0", ""})
DONE: Final = "ns.done:"

# Answers by their event, whatever fields they have; others are known by their `answer`.
ANSWERS: Final = frozenset({"poll", "timedExam", "unittest"})
# What a page reports at every step and may be large: kept like a program, thinned with age.
STATES: Final = frozenset({"SPLICE.reportScoreAndState"})
# Asked for under another name than it was saved under.
SAVED_AS: Final[Mapping[str, str]] = {"SPLICE.getState": "SPLICE.reportScoreAndState"}
# Sent as JSON in a string and read back as what it says.
JSON_ANSWERS: Final = frozenset({"SPLICE.reportScoreAndState", "hparsonsAnswer", "matching", "webwork"})

# All that a component reads back of what it sent. `score` and `comment` are left out: only a teacher's
# service says those, and pages put them into their HTML.
READ_BACK: Final = (
    "answer", "correct", "percent",
    "source", "adaptive", "trash",  # parsons; trash: books of earlier editions
    "min_height", "drag_width", "drop_width",  # dragNdrop
    "seed",  # fillb
)  # fmt: skip
WORTH: Final[Mapping[object, float]] = {"T": 1.0, "true": 1.0, True: 1.0, "F": 0.0, "false": 0.0, False: 0.0}
EXAM: Final = ("correct", "incorrect", "skipped", "time_taken")


class InvalidField(InvalidRequest):
    code = "invalid_field"
    title = "A field of the body is missing or of a type that it cannot have."


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one call, and where."""

    key: Key
    kind: Kind
    body: bytes


Fields = Mapping[str, object]


def parse(content: bytes) -> Fields:
    """The fields of a JSON body; raises InvalidJson."""
    found = _load(content)
    if not isinstance(found, dict):
        raise InvalidJson("The body is an object.")
    return found


def encode(value: object) -> bytes:
    """As JSON; raises InvalidJson for what JSON cannot say (NaN, numbers without end)."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except UnicodeEncodeError:  # lone surrogates stay as they were written, in ASCII
        return json.dumps(value, separators=(",", ":")).encode()
    except ValueError as error:
        raise InvalidJson from error


def bookevent(fields: Fields) -> Entry:
    event, activity = text(fields, "event"), text(fields, "div_id")
    course, kept = named(text(fields, "course_name")), _kept(fields)
    if event == "timedExam":
        return Entry(_exam(course, activity, finished=fields.get("act") == "finish"), Kind.ANSWER, kept)
    if event in STATES:
        return Entry(Key(course, _id("ns", event, activity)), Kind.PROGRAM, kept)
    if event in ANSWERS or fields.get("answer") is not None:
        return Entry(Key(course, _id("ns", event, activity)), Kind.ANSWER, kept)
    return Entry(Key(course, _id("ns.log", event, activity)), Kind.PROGRESS, kept)


def runlog(fields: Fields) -> Entry:
    """A run's source; `to_save` is a word, and absent where there is nothing to compare with."""
    activity, course = text(fields, "div_id"), text(fields, "course")
    if not isinstance(fields.get("code", ""), str):
        raise InvalidField("code is text.")
    changed = str(fields.get("to_save", True)).lower() not in FALSE
    key = run_key(named(course), activity) if changed else Key(named(course), _id("ns.rerun", activity))
    return Entry(key, Kind.PROGRAM, _kept(fields))


def has_partner(fields: Fields) -> bool:
    """Whether the page asks to save for somebody else too, which is never done."""
    partner = fields.get("partner")
    return isinstance(partner, str) and bool(partner)


def answer_key(course: str, event: str, activity: str) -> Key:
    """Where the answer is kept for which a page asks under this event."""
    return Key(course, _id("ns", SAVED_AS.get(event, event), activity))


def run_key(course: str, activity: str) -> Key:
    return Key(course, _id("ns.run", activity))


def exam_keys(course: str, activity: str) -> tuple[Key, Key]:
    """Where the end of a timed exam is kept, and where its beginning and its pauses are."""
    return _exam(course, activity, finished=True), _exam(course, activity, finished=False)


def result(event: str, body: bytes, *, saved: str, revision: int) -> dict[str, object] | None:
    """What a component restores itself from; None: nothing that it could use is there.

    saved: when it was saved, by the server's clock, with its zone.
    """
    kept = read(body)
    if kept is None:
        return None
    found: dict[str, object] = (
        {name: _number(kept.get(name)) for name in EXAM}
        if event == "timedExam"
        else {name: kept[name] for name in READ_BACK if name in kept}
    )
    # Where a page says "F", pages that restore it take any text for true.
    if found.get("correct") == "T" or found.get("correct") == "F":
        found["correct"] = found["correct"] == "T"
    if SAVED_AS.get(event, event) in JSON_ANSWERS:
        found["answer"] = _unpacked(found.get("answer"))
    return found | {
        "div_id": kept.get("div_id"),
        "course_name": kept.get("course_name"),
        "timestamp": saved,
        "id": revision,
        "sid": "",  # no page reads it, and storage's name of a person is not for pages
    }


def read(body: bytes) -> Fields | None:
    """What an item of ours keeps; None: somebody put something else there."""
    try:
        return parse(body)
    except InvalidJson:
        return None


def vote(body: bytes) -> str | None:
    """The number of the option that a poll's `act` begins with; a comment may follow."""
    kept = read(body)
    found = re.match(r"[0-9]{1,3}(?![0-9])", str((kept or {}).get("act", "")), re.ASCII)
    return None if found is None else found[0]


def activity(item: str) -> str | None:
    """The activity that an item is about: of other books the item itself; None: it is no reader's try."""
    what, *rest = item.split(":")
    if what in {"ns.rerun", "ns.log", "ns.page", "ns.done"} or rest[:1] == ["timedExam.begun"]:
        return None
    return rest[-1] if rest and what in {"ns", "ns.run"} else item


def points(body: bytes) -> float | None:
    """From 0 to 1, as far as an answer says: `percent`, else `correct`; of a timed exam its part of all."""
    kept = read(body)
    if kept is None:
        return None
    percent, correct = kept.get("percent"), kept.get("correct")
    if kept.get("event") == "timedExam":
        right, *rest = (max(0, _number(kept.get(name))) for name in ("correct", "incorrect", "skipped"))
        return right / max(1, right + sum(rest))
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 1:
        return float(percent)
    return WORTH.get(correct) if isinstance(correct, str | bool) else None


def text(fields: Fields, name: str) -> str:
    """A field that may be absent, as scripts leave out what is undefined; raises InvalidField."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidField(f"{name} is text.")
    return value


def named(words: str) -> str:
    """A part of an item's id, or a course: as it is, or its hash where the grammar does not take it."""
    if not words or PART.fullmatch(words):
        return words
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()
    return "_~" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _id(*parts: str) -> str:
    return ":".join((parts[0], *map(named, parts[1:])))


def _exam(course: str, activity: str, *, finished: bool) -> Key:
    return Key(course, _id("ns", "timedExam" if finished else "timedExam.begun", activity))


def _kept(fields: Fields) -> bytes:
    """Everything but who it claims to be from, and `act` where it says the answer a second time."""
    repeats = fields.get("act") is not None and fields.get("act") == fields.get("answer")
    left_out = {"sid", "username", "email"} | ({"act"} if repeats else set())
    return encode({name: value for name, value in fields.items() if name not in left_out})


def _load(content: bytes | str) -> object:
    """Any JSON that can be said again; raises InvalidJson.

    Lone surrogates are taken (RFC 8259 section 8.2): pages cut texts in the middle of a character.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidJson from error
    if not _is_within(found, DEEPEST):
        raise InvalidJson(f"At most {DEEPEST} lists and objects stand in one another.")
    encode(found)
    return found


def _unpacked(answer: object) -> object:
    try:
        return _load(answer) if isinstance(answer, str) else answer
    except InvalidJson:
        return answer


def _number(value: object) -> int:
    """Pages read it with parseInt; an exam that was begun and not finished has none yet."""
    return int(value) if isinstance(value, int | float) else 0


def _is_within(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_within(one, depth - 1) for one in inner if isinstance(one, dict | list))
