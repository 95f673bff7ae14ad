"""The files of an export: ProgSnap 2, CSV or Parquet, each with what researchers need to read them."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TextIO

from backends import moment
from backends.analytics import progsnap2
from backends.analytics.exporting import Found

# Of the one table that CSV and Parquet have: name, and its type as DuckDB and most others call it.
EVENT_COLUMNS: Final = (
    ("event", "BIGINT"), ("subject", "VARCHAR"), ("book", "VARCHAR"), ("classes", "VARCHAR"),
    ("type", "VARCHAR"), ("client_time", "TIMESTAMPTZ"), ("server_time", "TIMESTAMPTZ"), ("seq", "BIGINT"),
    ("session", "VARCHAR"), ("page", "VARCHAR"), ("item", "VARCHAR"), ("item_kind", "VARCHAR"),
    ("attempt", "BIGINT"), ("correct", "BOOLEAN"), ("score", "DOUBLE"), ("dur_ms", "BIGINT"),
    ("code_sha", "VARCHAR"), ("error_type", "VARCHAR"), ("error_line", "BIGINT"), ("answer", "VARCHAR"),
    ("error", "VARCHAR"), ("delta", "VARCHAR"), ("x", "VARCHAR"), ("level", "INTEGER"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """One file of an export. columns: their names and types; none where it is no table."""

    name: str
    rows: int
    bytes: int
    sha256: str
    columns: tuple[tuple[str, str], ...]


class Table:
    """A CSV file that is being written (RFC 4180, UTF-8)."""

    def __init__(self, folder: Path, name: str, columns: Sequence[tuple[str, str]]) -> None:
        self.path = folder / name
        self.name = name
        self.columns = tuple(columns)
        self.rows = 0
        self.path.parent.mkdir(exist_ok=True)
        self._file: TextIO = self.path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([name for name, _ in columns])

    def add(self, row: Sequence[object]) -> None:
        self._writer.writerow(row)
        self.rows += 1

    def close(self) -> None:
        self._file.close()

    def written(self) -> Written:
        return written(self.path, self.name, self.rows, self.columns)


class CsvFiles:
    """One table, `events.csv`. What has no value is empty; answers, errors and the like are JSON."""

    def __init__(self, folder: Path) -> None:
        self.table = Table(folder, "events.csv", EVENT_COLUMNS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.table.close()

    def add(self, found: Found) -> None:
        event = found.event
        self.table.add(
            (
                self.table.rows + 1,
                found.subject,
                found.book,
                ";".join(found.classes),
                event.type,
                moment.spell(event.t),
                moment.spell(found.received),
                event.seq,
                found.session,
                event.page,
                event.item,
                event.item_kind,
                event.attempt,
                None if event.correct is None else str(event.correct).lower(),
                event.score,
                event.dur_ms,
                event.code_sha,
                event.error_type,
                event.error_line,
                event.answer,
                event.error,
                event.delta,
                event.x,
                found.level,
            )
        )

    def written(self) -> Sequence[Written]:
        return [self.table.written()]


class ProgSnap2Files:
    """A data set as ProgSnap 2 has it: its main table, its code states in a table, its metadata."""

    def __init__(self, folder: Path) -> None:
        self._main = Table(folder, "MainTable.csv", _texts(progsnap2.COLUMNS))
        self._states = Table(folder, "CodeStates/CodeStates.csv", _texts(progsnap2.CODE_STATES))
        self._metadata = Table(folder, "DatasetMetadata.csv", _texts(("Property", "Value")))
        for each in progsnap2.METADATA:
            self._metadata.add(each)
        self._known: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for table in (self._main, self._states, self._metadata):
            table.close()

    def add(self, found: Found) -> None:
        common: dict[str, object] = {
            "SubjectID": found.subject,
            "ToolInstances": found.book,
            "ServerTimestamp": moment.spell(found.received),
            "CourseID": found.book,
            "CourseSectionID": ";".join(found.classes),
            "SessionID": found.session,
            "CodeStateID": self._state(progsnap2.source(found.event)),
        }
        for row in progsnap2.rows(found.event, common, self._main.rows + 1):
            self._main.add([row.get(name) for name in progsnap2.COLUMNS])

    def written(self) -> Sequence[Written]:
        return [table.written() for table in (self._main, self._states, self._metadata)]

    def _state(self, code: str | None) -> int | None:
        """The same code is the same state; None: it is not known (the specification wants it blank)."""
        if code is None:
            return None
        digest = hashlib.sha256(code.encode()).digest()
        if digest not in self._known:
            self._known[digest] = len(self._known) + 1
            self._states.add((self._known[digest], code))
        return self._known[digest]


def written(path: Path, name: str, rows: int, columns: Sequence[tuple[str, str]]) -> Written:
    """What there is to say of a file that is whole."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(name, rows, path.stat().st_size, digest, tuple(columns))


def _texts(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, "VARCHAR") for name in names]
