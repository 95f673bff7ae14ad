"""What a bookevent or a runlog of an unmodified Runestone or PreTeXt book means as an event of ours.

Checked against the books' own scripts (Runestone 7.13.9, PreTeXt 2.56.1). Values in, values out: what comes
out is checked like any other event. Types are ProgSnap2's where it has one, else `X-` and Runestone's name.
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Final

from backends.analytics.events import LONGEST_TEXT, TOKEN
from backends.problem import InvalidJson

LARGEST: Final = 2 * 1024 * 1024  # a program may have 1 MiB, and JSON escapes
KEYS: Final = uuid.UUID(
    "6a0b6e0c-6f6e-4c53-9c55-8f0f6d0a4a4b"
)  # the namespace of ids made of Idempotency-Keys

SUCCESS: Final = frozenset({"", "success"})
RIGHT: Final[Mapping[object, bool]] = {"T": True, "F": False, "true": True, "false": False}
# "percent:50:passed:1:failed:1", of unit tests
PASSED: Final = re.compile(r"percent:([0-9]{1,3}(?:\.[0-9]{1,20})?)")
# What `act` says where an event has no answer of its own.
TYPES: Final[Mapping[tuple[str, str], str]] = {
    ("activecode", "edit"): "File.Edit",
    ("page", "view"): "Resource.View",
    ("page", ""): "Resource.View",
    ("knowl", "open"): "Resource.View",
}
OWN_NAME: Final = re.compile(r"[^A-Za-z0-9.-]")

Fields = Mapping[str, object]


def parse(content: bytes) -> Fields:
    """The fields of a body. Halves of characters (RFC 8259 section 8.2) are replaced; raises InvalidJson."""
    try:
        found = json.loads(content, parse_constant=lambda _: None)  # NaN is no JSON
        if not isinstance(found, dict):
            raise InvalidJson("The body is an object.")
        return {_mended(name): _whole(value) for name, value in found.items()}
    except (ValueError, RecursionError) as error:
        raise InvalidJson from error


def event(fields: Fields, key: str | None, t: int, page: str | None) -> dict[str, object]:
    """key: the call's Idempotency-Key, which makes the event's id. t: when it was made, in milliseconds."""
    made: dict[str, object] = {
        "id": str(uuid.uuid4() if key is None else uuid.uuid5(KEYS, key)),
        "t": t,
        "page": page,
        "item": named(str(fields.get("div_id") or "")),
    }
    made |= _bookevent(fields) if "event" in fields else _run(fields)
    return {name: value for name, value in made.items() if value is not None}


def named(words: str) -> str | None:
    """An activity's name as an item: as it is, or its hash where the grammar of items does not take it."""
    if not words or TOKEN.fullmatch(words):
        return words or None
    digest = hashlib.sha256(words.encode()).digest()
    return "_~" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _run(fields: Fields) -> dict[str, object]:
    code, said = fields.get("code"), str(fields.get("errinfo") or "")
    source = code if isinstance(code, str) else None
    return {
        "type": "Run.Program",
        "item_kind": "activecode",
        "code_sha": None if source is None else hashlib.sha256(source.encode()).hexdigest(),
        # one that is longer than is kept is known by its hash
        "delta": None if source is None or _is_long(source) else {"source": source},
        "error": None if said in SUCCESS else said[: LONGEST_TEXT // 8],
        "x": {"to_save": str(fields.get("to_save", True)).lower() not in {"false", "f", "0", ""}},
    }


def _bookevent(fields: Fields) -> dict[str, object]:
    name, act = str(fields.get("event") or ""), str(fields.get("act") or "")
    kind = named(name)
    if name == "unittest":
        said = PASSED.search(act)
        score = None if said is None else float(said[1]) / 100
        passed = None if score is None else score >= 1
        return {"type": "Run.Test", "item_kind": "activecode", "score": score, "correct": passed}
    if name == "poll":
        return {"type": "Submit", "item_kind": kind, "answer": act.partition(":")[0]}
    answer = fields.get("answer")
    if answer is not None:
        percent = fields.get("percent")
        return {
            "type": "Submit",
            "item_kind": kind,
            "answer": None if _is_long(answer) else answer,
            "correct": _correct(fields.get("correct")),
            "score": percent if isinstance(percent, int | float) and not isinstance(percent, bool) else None,
        }
    own = f"X-{OWN_NAME.sub('-', name)[:48]}" if name else "X-event"
    return {
        "type": TYPES.get((name, act.partition(":")[0]), own),
        "item_kind": kind,
        "x": {"act": act} if act and not _is_long(act) else None,
    }


def _correct(said: object) -> bool | None:
    return said if isinstance(said, bool) else RIGHT.get(said) if isinstance(said, str) else None


def _is_long(value: object) -> bool:
    return len(json.dumps(value)) > LONGEST_TEXT - 100


def _whole(value: object) -> object:
    if isinstance(value, dict):
        return {_mended(name): _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return _mended(value) if isinstance(value, str) else value


def _mended(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # pages cut texts in the middle of a character
