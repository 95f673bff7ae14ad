"""Exports for a study: of whom, how much, under which names, and in which form."""

import csv
import hashlib
import json
import shutil
import stat
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import duckdb
import msgspec
import pytest

from backends import moment
from backends.analytics import participants, research
from backends.analytics.export_files import EVENT_COLUMNS
from backends.analytics.exporting import Span
from backends.analytics.participants import Participants, ParticipantsError
from backends.analytics.rekeying import Names
from backends.analytics.research import ExportError, Format, Order
from tests.backends.progsnap2_specification import faults, read
from tests.backends.services import Running
from tests.backends.test_analytics import SECRET, event, send

KEY = bytes(range(32))
ALWAYS = Span(0, 2**53)
DAY = 24 * 3600 * 1000


def now() -> int:
    return int(time.time() * 1000)


def listed(*people: str, agreed: int = 0, **changed: object) -> bytes:
    study = {
        "study": "cs1-errors",
        "title": "Error messages",
        "irb": "STUDY1",
        "basis": "consent",
        "level": 4,
        "text_version": "abc",
        "since": 0,
        "until": now() + DAY,
        "made": now(),
    } | changed
    lines = [study, *({"book": "book-1", "pseudonym": one, "since": agreed} for one in people)]
    return b"\n".join(msgspec.json.encode(line) for line in lines)


def parsed(*people: str, agreed: int = 0, **changed: object) -> Participants:
    return participants.parse(listed(*people, agreed=agreed, **changed).splitlines(), now())


def order(people: Participants, folder: Path, form: Format = Format.CSV, span: Span = ALWAYS) -> Order:
    return Order(people, KEY, span, form, folder, now())


async def exported(
    running: Running, people: Participants, folder: Path, span: Span = ALWAYS
) -> list[dict[str, str]]:
    await research.export(running.file, order(people, folder, span=span))
    return read(folder / "events.csv")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def ada() -> str:
    return f"ada-{uuid.uuid4()}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "export"


async def test_only_who_takes_part_today_and_only_what_came_at_a_level_for_research(
    events: Running, ada: str, folder: Path
) -> None:
    for level in (1, 2, 3, 4):
        await send(events.reader(ada, research_cap=level), [event(item=f"level-{level}", seq=level)])
    await send(events.reader(ada, "book-2", research_cap=4), [event(item="another-book")])
    await send(events.reader(ada, research_cap=4, roles=["author"]), [event(item="staff")])
    await send(events.reader(f"{ada}-who-said-no", research_cap=4), [event(item="no")])
    rows = await exported(events, parsed(ada), folder)
    assert [(row["item"], row["level"]) for row in rows] == [("level-3", "3"), ("level-4", "4")]
    assert [SECRET in str(row) for row in rows] == [False, True]
    assert [row["code_sha"] for row in rows] == ["a" * 40] * 2


async def test_what_is_open_now_counts_too(events: Running, ada: str, folder: Path) -> None:
    await send(events.reader(ada, research_cap=4), [event()])
    (row,) = await exported(events, parsed(ada, level=3), folder)
    assert row["level"] == "3"
    assert SECRET not in str(row)
    assert await exported(events, parsed(), folder / "of-nobody") == []


async def test_what_came_before_they_said_yes_or_outside_of_the_study_is_not_in_it(
    events: Running, ada: str, tmp_path: Path
) -> None:
    await send(events.reader(ada, research_cap=4), [event()])
    later = now() + 60_000
    assert len(await exported(events, parsed(ada), tmp_path / "in")) == 1
    for name, people, span in (
        ("consent", parsed(ada, agreed=later), ALWAYS),
        ("begins", parsed(ada, since=later), ALWAYS),
        ("ended", parsed(ada, until=later - DAY), ALWAYS),
        ("from", parsed(ada), Span(later, 2**53)),
        ("to", parsed(ada), Span(0, later - DAY)),
    ):
        assert await exported(events, people, tmp_path / name, span) == []


async def test_names_are_those_of_the_study(events: Running, ada: str, tmp_path: Path) -> None:
    sent = [event(), event(session="visit-2")]
    await send(events.reader(ada, research_cap=4), sent)
    first = await exported(events, parsed(ada), tmp_path / "first")
    again = await exported(events, parsed(ada), tmp_path / "again")
    other = await exported(events, parsed(ada, study="other"), tmp_path / "other")
    names = ("subject", "session", "classes")
    assert [[row[name] for name in names] for row in first] == [
        [row[name] for name in names] for row in again
    ]
    for name in names:
        assert not {row[name] for row in first} & {row[name] for row in other}
    for path in files_below(tmp_path / "first"):
        text = path.read_text("utf-8")
        for secret in (ada, "visit-1", "class-1", *(str(one["id"]) for one in sent)):
            assert secret not in text
    assert len({row["subject"] for row in first}) == 1
    assert len({row["session"] for row in first}) == 2


def test_no_two_lists_of_parts_have_one_name() -> None:
    names = Names(KEY, "s")
    assert names.session("ab", "c") != names.session("a", "bc")
    assert Names(bytes(32), "s").subject("a") != names.subject("a")
    assert names.subject("a") != names.class_name("a")


async def test_two_who_became_one_are_one(events: Running, ada: str, folder: Path) -> None:
    guest = f"{ada}-before"
    await send(events.reader(guest, research_cap=4), [event()])
    await send(events.reader(ada, research_cap=4), [event()])
    assert (await events.internal(guest, ada).post("/v1/internal/merge", b"")).status == 202
    rows = await exported(events, parsed(guest, ada), folder)
    assert len(rows) == 2
    assert {row["subject"] for row in rows} == {Names(KEY, "cs1-errors").subject(ada)}


async def test_order_and_pages(
    events: Running, ada: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.analytics.exporting.AT_ONCE", 3)
    sent = [event(seq=number % 3 or None, t=1_795_341_600_000 + number // 4) for number in range(20)]
    await send(events.reader(ada, research_cap=4), sent[::-1])
    rows = await exported(events, parsed(ada), folder)
    assert len(rows) == 20
    order = [(row["client_time"], int(row["seq"] or -1)) for row in rows]
    assert order == sorted(order)


TYPES = [
    "Session.Start", "Session.End", "Resource.View", "File.Create", "File.Delete", "File.Open", "File.Close",
    "File.Save", "File.Edit", "File.Focus", "Compile", "Compile.Error", "Compile.Warning", "Run.Program",
    "Run.Test", "Debug.Program", "Submit", "Hint.Request", "Intervention", "X-Poll",
]  # fmt: skip
UNSAID = (
    "session", "page", "item", "item_kind", "answer", "correct", "score", "error", "delta", "x", "code_sha",
)  # fmt: skip
SPARSE: dict[str, object] = dict.fromkeys(UNSAID, ...)
WHOLE: dict[str, object] = {
    "answer": 'a "quoted"\nanswer, =1+1',
    "delta": {"source": "print(1)\n# Ä"},
    "error": {"type": "NameError", "line": 3, "message": "NameError: name"},
    "x": {"category": "Hint", "type": "t", "message": "try again"},
    "score": 7,
}


@pytest.mark.parametrize("level", [3, 4])
async def test_progsnap2_is_what_its_specification_asks_for(
    events: Running, ada: str, folder: Path, level: int
) -> None:
    for changed in (SPARSE, WHOLE, {"delta": {"insert": "a", "delete": "b"}, "correct": False}):
        sent = [event(type=one, **changed) for one in TYPES]
        await send(events.reader(ada, research_cap=4), sent)
    await research.export(events.file, order(parsed(ada, level=level), folder, Format.PROGSNAP2))
    assert faults(folder) == []
    rows = read(folder / "MainTable.csv")
    assert len(rows) == 3 * (len(TYPES) + 2)  # the two diagnostics have a Compile each
    states = read(folder / "CodeStates" / "CodeStates.csv")
    assert [row["Code"] for row in states] == (["print(1)\n# Ä"] if level == 4 else [])
    assert {row["ParentEventID"] for row in rows if row["EventType"].startswith("Compile.")} == {
        row["EventID"] for row in rows if row["IsFabricatedEvent"]
    }
    if level == 4:
        assert {row["EditType"] for row in rows if row["EventType"] == "File.Edit"} == {
            "GenericEdit",
            "Replace",
        }
        assert {row["SourceLocation"] for row in rows if row["EventType"] == "Compile.Error"} >= {"Text:3"}


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "CodeStates").mkdir()
    (tmp_path / "CodeStates" / "CodeStates.csv").write_text("CodeStateID,Code\n1,a\n1,b\n")
    (tmp_path / "DatasetMetadata.csv").write_text("Property,Value\nEventOrderScope,Restricted\n")
    columns = "EventType,EventID,CodeStateID,SubjectID,Colour,Score,ToolInstances,ParentEventID\n"
    rows = "Run,1,,s,,,t,\nRun.Program,1,2,,,2,t,9\n"
    (tmp_path / "MainTable.csv").write_text(columns + rows)
    assert faults(tmp_path) == [
        "metadata IsEventOrderingConsistent",
        "metadata CodeStateRepresentation",
        "metadata EventOrderScopeColumns",
        "column Colour",
        "an EventID twice",
        "a CodeStateID twice",
        "1 Run: unknown type",
        "1 Run.Program: SubjectID",
        "1 Run.Program: ExecutionResult",
        "1 Run.Program: code that is not there",
        "1 Run.Program: parent that is not there",
        "1 Run.Program: Score",
    ]


@pytest.mark.parametrize("form", list(Format))
async def test_the_manifest_says_what_is_there(events: Running, ada: str, folder: Path, form: Format) -> None:
    await send(events.reader(ada, research_cap=4), [event(), event()])
    await research.export(events.file, order(parsed(ada, f"{ada}-idle"), folder, form))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["counts"] == {"listed": 2, "with_events": 1, "events": 2}
    assert manifest["study"]["irb"] == "STUDY1"
    assert "said yes" in manifest["rule"]
    for file in manifest["files"]:
        content = (folder / file["name"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["bytes"] == len(content)
        if file["name"].endswith(".csv"):
            header, *rows = csv.reader(content.decode().splitlines())
            assert ([one["name"] for one in file["columns"]], file["rows"]) == (header, len(rows))
    there = {str(path.relative_to(folder)) for path in files_below(folder)}
    assert there == {file["name"] for file in manifest["files"]} | {"manifest.json", "README.md"}


async def test_a_folder_that_is_there_is_left_alone(events: Running, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="new folder"):
        await research.export(events.file, order(parsed(), tmp_path))


async def test_parquet_says_what_csv_says(events: Running, ada: str, tmp_path: Path) -> None:
    awkward = event(answer='"a",\n\\ =1', item=..., correct=..., t=1_795_341_600_123)
    await send(events.reader(ada, research_cap=4), [event(seq=0), awkward])
    await research.export(events.file, order(parsed(ada), tmp_path / "parquet", Format.PARQUET))
    rows = await exported(events, parsed(ada), tmp_path / "csv")
    with duckdb.connect() as connection:
        read_back = connection.read_parquet(str(tmp_path / "parquet" / "events.parquet"))
        times = "epoch_ms(client_time) AS client_time, epoch_ms(server_time) AS server_time"
        table = read_back.project(f"* REPLACE ({times})")
        names, found = table.columns, table.fetchall()
    assert [dict(zip(names, row, strict=True)) for row in found] == [as_typed(row) for row in rows]
    assert [row["answer"] for row in rows if not row["item"]] == ['"\\"a\\",\\n\\\\ =1"']


def as_typed(row: dict[str, str]) -> dict[str, object]:
    """A line of the CSV with the types that the manifest gives its columns."""
    kinds: dict[str, Callable[[str], object]] = {
        "VARCHAR": str,
        "BIGINT": int,
        "INTEGER": int,
        "DOUBLE": float,
        "BOOLEAN": lambda said: said == "true",
        "TIMESTAMPTZ": moment.parse,
    }
    return {name: kinds[kind](row[name]) if row[name] else None for name, kind in EVENT_COLUMNS}


async def test_without_duckdb_it_is_said_what_to_install(
    events: Running, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.analytics.parquet.duckdb", None)
    with pytest.raises(ExportError, match=r"bookgate\[analytics\]"):
        await research.export(events.file, order(parsed(), folder, Format.PARQUET))
    assert not files_below(folder)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(b"", "no list", id="empty"),
        pytest.param(b"{}", "no list", id="another file"),
        pytest.param(listed(level=2), "level", id="a level that is none for research"),
        pytest.param(listed(made=now() - 2 * DAY), "older than a day", id="old"),
        pytest.param(listed(made=now() + 2 * DAY), "older than a day", id="from the future"),
        pytest.param(listed("ada") + b'\n{"pseudonym":"eve"}', "no list", id="half a participant"),
        pytest.param(listed(name="Ada"), "no list", id="a field that nobody knows"),
    ],
)
def test_lists_that_are_not_believed(lines: bytes, said: str) -> None:
    with pytest.raises(ParticipantsError, match=said):
        participants.parse(lines.splitlines(), now())


def test_the_key_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "study.key"
    made, is_new = research.key(path)
    assert (len(made), is_new, stat.S_IMODE(path.stat().st_mode)) == (32, True, 0o600)
    assert research.key(path) == (made, False)
    path.write_text("short")
    with pytest.raises(ExportError, match="key"):
        research.key(path)
    path.write_text("00")
    with pytest.raises(ExportError, match="32 bytes"):
        research.key(path)
    with pytest.raises(ExportError, match="cannot be written"):
        research.key(tmp_path / "nowhere" / "key")
    shutil.rmtree(tmp_path)
