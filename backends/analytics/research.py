"""An export for researchers: from the participants and the study's key to a folder with its manifest."""

import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from backends import moment
from backends.analytics import exporting, parquet, rekeying
from backends.analytics.export_files import CsvFiles, ProgSnap2Files, Written
from backends.analytics.exporting import RULE, Counted, Found, Span
from backends.analytics.participants import Participants, Study
from backends.analytics.rekeying import Names
from backends.database import Database

MANIFEST: Final = "manifest.json"
README: Final = "README.md"


class Format(StrEnum):
    PROGSNAP2 = "progsnap2"
    CSV = "csv"
    PARQUET = "parquet"


class Files(AbstractContextManager["Files"], Protocol):
    def add(self, found: Found) -> None: ...
    def written(self) -> Sequence[Written]: ...


class ExportError(ValueError):
    """What stands in the way, in one sentence."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. now: milliseconds."""

    participants: Participants
    key: bytes
    span: Span
    format: Format
    folder: Path
    now: int


def key(path: Path) -> tuple[bytes, bool]:
    """The study's key, and whether it was made just now; raises ExportError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    except FileExistsError:
        return _read_key(path), False
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}.") from error
    made = secrets.token_bytes(rekeying.KEY_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made.hex() + "\n")
    return made, True


def _read_key(path: Path) -> bytes:
    try:
        found = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read as a key.") from error
    if len(found) != rekeying.KEY_BYTES:
        raise ExportError(f"{path} is no key of {rekeying.KEY_BYTES} bytes in hexadecimal digits.")
    return found


async def export(database: Database, order: Order) -> Counted:
    """Writes the folder, which must not be there; raises ExportError. Half an export has no manifest."""
    if order.format is Format.PARQUET and not parquet.is_there():
        raise ExportError("Parquet is written by DuckDB: pip install 'bookgate[analytics]'.")
    try:
        order.folder.mkdir(parents=True)
    except OSError as error:
        raise ExportError(f"{order.folder} must be a new folder: {error.strerror}.") from error
    study = order.participants.study
    names = Names(order.key, study.study)
    files = _FILES[order.format](order.folder)
    with files:
        counted = await exporting.write(database, order.participants, names, order.span, files)
    (order.folder / README).write_text(_readme(study, order), encoding="utf-8")
    manifest = _manifest(study, order, counted, files.written())
    (order.folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return counted


_FILES: Final[Mapping[Format, Callable[[Path], Files]]] = {
    Format.PROGSNAP2: ProgSnap2Files,
    Format.CSV: CsvFiles,
    Format.PARQUET: parquet.ParquetFiles,
}


def _manifest(study: Study, order: Order, counted: Counted, written: Sequence[Written]) -> dict[str, object]:
    return {
        "made": moment.spell(order.now),
        "format": order.format.value,
        "study": {
            "id": study.study,
            "title": study.title,
            "irb": study.irb,
            "basis": study.basis,
            "level": study.level,
            "text_version": study.text_version,
        },
        "query": {
            "from": moment.spell(max(order.span.since, study.since)),
            "before": moment.spell(min(order.span.until, study.until)),
            "books": sorted({one.book for one in order.participants.people}),
        },
        "rule": RULE,
        "participants_listed": moment.spell(study.made),
        "counts": asdict(counted),
        "files": [
            asdict(one) | {"columns": [{"name": name, "type": kind} for name, kind in one.columns]}
            for one in written
        ],
    }


def _readme(study: Study, order: Order) -> str:
    return f"""# {study.title}

Study {study.study}, {study.irb}. Made {moment.spell(order.now)}.

{RULE}

Who takes back their consent or deletes what is kept of them is in no export that is made afterwards. This
one does not change by itself: destroy it when a newer one is there, as your protocol says.

Names of people, visits and classes are those of this study alone and stay the same in all its exports.
`manifest.json` says what was asked for and has the SHA-256 of every file. Cells may begin with `=`: do not
open the files in a spreadsheet.

{_FORMATS[order.format]}"""


_FORMATS: Final = {
    Format.CSV: """## events.csv

One event a line, one person after another, in the order of the times that their devices told
(`client_time`). `server_time` is when it came. `answer`, `error`, `delta` and `x` are JSON.
""",
    Format.PARQUET: """## events.parquet

One event a row, one person after another, in the order of the times that their devices told
(`client_time`). `server_time` is when it came. `answer`, `error`, `delta` and `x` are JSON.
""",
    Format.PROGSNAP2: """## ProgSnap 2

Version 1.0. `Order` counts within the data set; the order of one `SubjectID` is that of the clock of their
device. `CodeStateID` is blank where the code is not known. A `Compile.Error` has a fabricated `Compile` as
its parent. A `Score` may be partial. WITHHELD stands for what the study's level does not open.

| column | |
|---|---|
| X-Page | the page of the book |
| X-ItemKind | the kind of a question |
| X-Answer | what was answered, as JSON |
| X-Correct | whether it was right |
| X-Duration | milliseconds |
| X-CodeHash | of the program, as the book hashed it |
| X-ErrorType, X-Error | of an error that was met: its type; all of it, as JSON |
| X-Delta | what changed in the program, as JSON |
| X-More | what the book says beside, as JSON |

Event types that begin with `X-` are the book's own. `X-Run.Test` is a test of which nobody said how it ended.
""",
}
