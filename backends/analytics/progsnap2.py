"""Events as ProgSnap 2 has them, version 1.0 (github.com/CSSPLICE/ProgSnapToolkit, progsnap2-v1.0.yaml).

One event is one row of the main table; a compile error has a fabricated Compile before it, as the
specification asks for a parent. What the specification has no column for is in columns that begin with X-.
"""

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from backends import moment
from backends.analytics.events import Event

METADATA: Final = (
    ("Version", "1.0"),
    ("IsEventOrderingConsistent", "false"),  # the clocks are those of people's devices
    ("EventOrderScope", "Restricted"),
    ("EventOrderScopeColumns", "SubjectID"),
    ("CodeStateRepresentation", "Table"),
)
COLUMNS: Final = (
    "EventType", "EventID", "CodeStateID", "SubjectID", "ToolInstances", "Order", "ClientTimestamp",
    "ServerTimestamp", "CourseID", "CourseSectionID", "ProblemID", "Attempt", "IsFabricatedEvent",
    "ParentEventID", "SessionID", "ResourceID", "CodeStateSection", "EventInitiator", "EditType",
    "CompileResult", "CompileMessageType", "CompileMessageData", "SourceLocation", "ExecutionID", "TestID",
    "ExecutionResult", "Score", "InterventionCategory", "InterventionType", "InterventionMessage",
    "InsertText", "DeleteText", "X-Page", "X-ItemKind", "X-Answer", "X-Correct", "X-Duration", "X-CodeHash",
    "X-ErrorType", "X-Error", "X-Delta", "X-More",
)  # fmt: skip
CODE_STATES: Final = ("CodeStateID", "Code")

UNKNOWN: Final = "UNKNOWN"
WITHHELD: Final = "WITHHELD"  # what the study's level does not open
INTERVENTIONS: Final = frozenset({"Feedback", "Hint", "CodeHighlight", "CodeChange", "EarnedGrade"})
COMPILED: Final[Mapping[str, str]] = {"Compile.Error": "Error", "Compile.Warning": "Warning"}

Row = dict[str, object]


def source(event: Event) -> str | None:
    """The whole program, where the event has it."""
    found = _object(event.delta).get("source")
    return found if isinstance(found, str) else None


def rows(event: Event, common: Mapping[str, object], number: int) -> list[Row]:
    """The rows of one event. number: the order of the first. common: who, where, and the code's state."""
    made: Row = {
        **common,
        "EventType": event.type,
        "ClientTimestamp": moment.spell(event.t),
        "ProblemID": event.item,
        "Attempt": event.attempt,
        "X-Page": event.page,
        "X-ItemKind": event.item_kind,
        "X-Answer": event.answer,
        "X-Correct": _boolean(event.correct),
        "X-Duration": event.dur_ms,
        "X-CodeHash": event.code_sha,
        "X-ErrorType": event.error_type,
        "X-Error": event.error,
        "X-Delta": event.delta if source(event) is None else None,
        "X-More": event.x,
    }
    if event.type in SPECIFIC:
        made |= SPECIFIC[event.type](event)
    if made["EventType"] == "Run.Test":
        made["ExecutionID"] = str(number)  # each stands for itself
    if event.type not in COMPILED:
        return [made | _numbered(number)]
    kept = ("ClientTimestamp", "ProblemID", "Attempt", "X-Page", "X-ItemKind")
    parent: Row = {
        **common,
        **{name: made[name] for name in kept},
        "EventType": "Compile",
        "CompileResult": COMPILED[event.type],
        "IsFabricatedEvent": "true",
    }
    return [parent | _numbered(number), made | _numbered(number + 1) | {"ParentEventID": str(number)}]


def _numbered(number: int) -> Row:
    return {"EventID": str(number), "Order": number}


def _session(event: Event) -> Row:
    return {} if event.session else {"SessionID": UNKNOWN}


def _view(event: Event) -> Row:
    return {"ResourceID": event.page or event.item or UNKNOWN}


def _compile(event: Event) -> Row:
    return {"CompileResult": "Error" if _failed(event) else "Success"}


def _diagnostic(event: Event) -> Row:
    return {
        "CompileMessageType": event.error_type or UNKNOWN,
        "CompileMessageData": _message(event.error),
        "SourceLocation": None if event.error_line is None else f"Text:{event.error_line}",
    }


def _run(event: Event) -> Row:
    return {"ExecutionResult": "Error" if _failed(event) else "Success"}


def _submit(event: Event) -> Row:
    return {"Score": _score(event)}


def _hint(_event: Event) -> Row:
    return {"EventType": "X-Hint.Request"}  # the specification has no such event


def _test(event: Event) -> Row:
    if event.correct is None and not _failed(event):
        return {"EventType": "X-Run.Test"}  # a test of which nobody said how it ended
    result = "Success" if event.correct else "Error" if _failed(event) else "TestFailed"
    return {
        "TestID": event.item or UNKNOWN,
        "ExecutionResult": result,
        "Score": _score(event),
    }


def _edit(event: Event) -> Row:
    said = _object(event.delta)
    insert, delete = said.get("insert"), said.get("delete")
    is_both = bool(insert) and bool(delete)
    kind = "Replace" if is_both else "Insert" if insert else "Delete" if delete else "GenericEdit"
    return {
        "EditType": kind,
        "InsertText": insert if isinstance(insert, str) else None,
        "DeleteText": delete if isinstance(delete, str) else None,
    }


def _intervention(event: Event) -> Row:
    said = _object(event.x)
    category, kind, message = (said.get(name) for name in ("category", "type", "message"))
    return {
        "EventInitiator": "ToolReaction",
        "InterventionCategory": category if category in INTERVENTIONS else "X-Other",
        "InterventionType": str(kind or event.item or UNKNOWN),
        "InterventionMessage": str(message) if message else WITHHELD,
    }


# The columns that the specification asks for with a type of event.
SPECIFIC: Final[Mapping[str, Callable[[Event], Row]]] = {
    "Session.Start": _session,
    "Session.End": _session,
    "Resource.View": _view,
    "File.Edit": _edit,
    "Compile": _compile,
    "Compile.Error": _diagnostic,
    "Compile.Warning": _diagnostic,
    "Run.Program": _run,
    "Debug.Program": _run,
    "Run.Test": _test,
    "Submit": _submit,
    "Intervention": _intervention,
    "Hint.Request": _hint,
}


def _failed(event: Event) -> bool:
    return event.error_type is not None or event.error is not None


def _score(event: Event) -> float | None:
    """In [0, 1], as the specification has it."""
    if event.score is not None and 0 <= event.score <= 1:
        return event.score
    return None if event.correct is None else float(event.correct)


def _message(error: str | None) -> str:
    if error is None:
        return WITHHELD
    said = orjson.loads(error)
    message = said.get("message") if isinstance(said, dict) else said
    return message if isinstance(message, str) else error


def _boolean(value: bool | None) -> str | None:  # ruff: ignore[boolean-type-hint-positional-argument]
    return None if value is None else "true" if value else "false"


def _object(text: str | None) -> Mapping[str, object]:
    found = None if text is None else orjson.loads(text)
    return found if isinstance(found, dict) else {}
