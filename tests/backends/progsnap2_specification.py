"""What ProgSnap 2 asks of a data set, as facts of its machine-readable specification, version 1.0.

Source: github.com/CSSPLICE/ProgSnapToolkit, src/progsnap2/spec/versions/progsnap2-v1.0.yaml. It is a check of
its own: it knows nothing of how the data set was made.
"""

import csv
from datetime import datetime
from pathlib import Path

REQUIRED = ("EventType", "EventID", "CodeStateID", "SubjectID", "ToolInstances")
OPTIONAL = frozenset(
    {
        "Order", "ClientTimestamp", "ServerTimestamp", "CourseID", "CourseSectionID", "TermID",
        "AssignmentID", "AssignmentIsGraded", "ProblemID", "ProblemIsGraded", "Attempt",
        "ExperimentalCondition", "TeamID", "LoggingErrorID", "IsFabricatedEvent", "ParentEventID",
        "SessionID", "ProjectID", "ResourceID",
        "CodeStateSection", "CopiedText", "DestinationCodeStateSection", "EventInitiator", "EditType",
        "CompileResult", "CompileMessageType", "CompileMessageData", "SourceLocation", "ExecutionID",
        "TestID", "ExecutionResult", "Score", "ExtraCreditScore", "ProgramInput",
        "ProgramOutput", "ProgramErrorOutput",
        "InterventionCategory", "InterventionType", "InterventionMessage", "InsertText", "DeleteText",
        "DeleteLength",
    }
)  # fmt: skip
DIAGNOSTIC = (
    "ParentEventID",
    "CodeStateSection",
    "CompileMessageType",
    "CompileMessageData",
    "SourceLocation",
)
FILE = ("CodeStateSection",)
TWO_FILES = ("CodeStateSection", "DestinationCodeStateSection")
TEST = ("ExecutionID", "TestID", "ExecutionResult")
EVENT_TYPES: dict[str, tuple[str, ...]] = {
    "Session.Start": ("SessionID",),
    "Session.End": ("SessionID",),
    "Project.Open": ("ProjectID",),
    "Project.Close": ("ProjectID",),
    **dict.fromkeys(
        ("File.Create", "File.Delete", "File.Open", "File.Close", "File.Save", "File.Focus"), FILE
    ),
    **dict.fromkeys(("File.Rename", "File.Copy"), TWO_FILES),
    "File.Edit": ("CodeStateSection", "EditType"),
    "File.CopyText": ("CopiedText",),
    "Compile": ("CodeStateSection", "CompileResult"),
    "Compile.Error": DIAGNOSTIC,
    "Compile.Warning": DIAGNOSTIC,
    "Submit": (),
    "Run.Program": ("ExecutionResult",),
    "Run.Test": TEST,
    "Debug.Program": ("ExecutionResult",),
    "Debug.Test": TEST,
    "Resource.View": ("ResourceID",),
    "Intervention": ("EventInitiator", "InterventionCategory", "InterventionType", "InterventionMessage"),
}
ENUMERATIONS = {
    "CompileResult": {"Success", "Warning", "Error"},
    "ExecutionResult": {"Success", "Timeout", "Error", "TestFailed"},
    "EventInitiator": {
        "UserDirectAction", "UserIndirectAction", "ToolReaction", "ToolTimedEvent", "InstructorDirectAction",
        "InstructorIndirectAction", "TeamMemberDirectAction", "TeamMemberIndirectAction",
    },
    "EditType": {
        "Insert", "Delete", "Replace", "Move", "Paste", "Undo", "Redo", "Refactor", "Reset", "GenericEdit",
    },
    "InterventionCategory": {"Feedback", "Hint", "CodeHighlight", "CodeChange", "EarnedGrade"},
    "IsFabricatedEvent": {"true", "false"},
}  # fmt: skip
PROPERTIES = {
    "IsEventOrderingConsistent": {"true", "false"},
    "EventOrderScope": {"Global", "Restricted", "None"},
    "CodeStateRepresentation": {"Table", "Directory", "Git", "Keystroke"},
}
# Of the columns that a type asks for: one is not for code in a table, the other is not always known.
MAY_BE_BLANK = {"CodeStateSection", "SourceLocation"}

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def faults(folder: Path) -> list[str]:
    """Everything in which a data set with code in a table is none."""
    rows, states = read(folder / "MainTable.csv"), read(folder / "CodeStates" / "CodeStates.csv")
    said = {row["Property"]: row["Value"] for row in read(folder / "DatasetMetadata.csv")}
    found = [f"metadata {name}" for name, values in PROPERTIES.items() if said.get(name) not in values]
    if said.get("EventOrderScope") == "Restricted" and not said.get("EventOrderScopeColumns"):
        found.append("metadata EventOrderScopeColumns")
    with (folder / "MainTable.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    found += [f"no column {name}" for name in REQUIRED if name not in columns]
    known = OPTIONAL | set(REQUIRED)
    found += [f"column {name}" for name in columns if name not in known and not name.startswith("X-")]
    ids = [row["EventID"] for row in rows]
    if len(set(ids)) != len(ids):
        found.append("an EventID twice")
    codes = {row["CodeStateID"] for row in states}
    if len(codes) != len(states):
        found.append("a CodeStateID twice")
    for row in rows:
        found += [f"{row['EventID']} {row['EventType']}: {fault}" for fault in of_row(row, set(ids), codes)]
    return found


def of_row(row: Row, ids: set[str], codes: set[str]) -> list[str]:
    found = [name for name in ("EventID", "SubjectID", "ToolInstances") if not row[name]]
    kind = row["EventType"]
    if kind not in EVENT_TYPES and not kind.startswith("X-"):
        found.append("unknown type")
    needed = EVENT_TYPES.get(kind, ())
    found += [name for name in needed if name not in row or (not row[name] and name not in MAY_BE_BLANK)]
    for name, values in ENUMERATIONS.items():
        if row.get(name) and row[name] not in values and not row[name].startswith("X-"):
            found.append(name)
    if row["CodeStateID"] and row["CodeStateID"] not in codes:
        found.append("code that is not there")
    if row.get("ParentEventID") and row["ParentEventID"] not in ids:
        found.append("parent that is not there")
    if row.get("Score") and not 0 <= float(row["Score"]) <= 1:
        found.append("Score")
    if row.get("Attempt") and not row["Attempt"].isdigit():
        found.append("Attempt")
    for name in ("ClientTimestamp", "ServerTimestamp"):
        if row.get(name) and datetime.fromisoformat(row[name]).tzinfo is None:
            found.append(name)
    return found
