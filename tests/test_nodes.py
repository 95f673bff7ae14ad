"""gateway/config/document.py and nodes.py: bytes to nodes, nodes to values, and every way they refuse."""

import re
from datetime import date

import pytest

from gateway.config.document import read_document
from gateway.config.faults import ConfigError, Fault, Faults
from gateway.config.nodes import (
    Block,
    Entry,
    MappingNode,
    Node,
    Reader,
    ScalarNode,
    SequenceNode,
    boolean,
    byte_rate,
    calendar_date,
    did_you_mean,
    duration,
    items,
    list_of,
    matching,
    named,
    one_of,
    rate,
    seconds,
    size,
    text,
    whole,
)
from gateway.origins import Rate


def scalar(value: str, *, plain: bool = True) -> ScalarNode:
    return ScalarNode(3, value, plain)


def codes(faults: Faults) -> list[tuple[int, str]]:
    return [(fault.line, fault.code) for fault in faults.found]


# --- documents


def test_a_document_keeps_lines_and_text() -> None:
    faults = Faults("f.yaml")
    node = read_document(b"a: no\nb:\n  - 1:30\n  - 'true'\n  - ~\n", faults)
    listed = (ScalarNode(3, "1:30"), ScalarNode(4, "true", plain=False), ScalarNode(5, "~"))
    assert (node, faults.found) == (
        MappingNode(1, (Entry("a", 1, ScalarNode(1, "no")), Entry("b", 2, SequenceNode(3, listed)))),
        (),
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", [(0, "empty-file")], id="empty"),
        pytest.param(b"# nothing\n", [(0, "empty-file")], id="comments only"),
        pytest.param(b"---\n", [(0, "empty-file")], id="an empty document"),
        pytest.param(b"a: 1\nb: 2\na: 3\n", [(3, "duplicate-key")], id="duplicate key"),
        pytest.param(b"a: &x 1\n", [(1, "anchor")], id="anchor"),
        pytest.param(b"a: &x [1]\nb: *x\n", [(1, "anchor"), (2, "alias")], id="alias"),
        pytest.param(b"<<: {a: 1}\n", [(1, "merge-key")], id="merge key"),
        pytest.param(b"a: !!int 3\n", [(1, "tag")], id="tag"),
        pytest.param(b"a: !x {b: 1}\n", [(1, "tag")], id="tag of a mapping"),
        pytest.param(b"a: !!python/object:os.system {}\n", [(1, "tag")], id="Python tag"),
        pytest.param(b"a: 1\n---\nb: 2\n", [(2, "second-document")], id="two documents"),
        pytest.param(b"%YAML 1.1\n---\na: 1\n", [(1, "directive")], id="directive"),
        pytest.param(b"? [a]\n: 1\n", [(1, "key-not-text")], id="list as key"),
        pytest.param(b"a: 1\n\tb: 2\n", [(2, "tab")], id="tab"),
        pytest.param(b"a: 'x\n", [(2, "yaml-syntax")], id="unclosed quote"),
        pytest.param(b"a: [1\n", [(2, "yaml-syntax")], id="unclosed bracket"),
        pytest.param(b"a: b: c\n", [(1, "yaml-syntax")], id="two colons"),
        pytest.param(
            b"a: 1\n<<<<<<< ours\n=======\n>>>>>>> x\n",
            [(n, "conflict-marker") for n in (2, 3, 4)],
            id="merge",
        ),
        pytest.param(b"a: 1\nb: \x00\n", [(2, "control-character")], id="zero byte"),
        pytest.param("a: 1 # \u2028b: 2\n".encode(), [(1, "control-character")], id="hidden line end"),
        pytest.param(b"a: 1\nb: \xe4\n", [(2, "not-utf-8")], id="Latin-1"),
        pytest.param("a: 1\n".encode("utf-16"), [(1, "not-utf-8")], id="UTF-16"),
        pytest.param(b"a: " + b"[" * 4000, [(1, "too-deep")], id="4000 brackets"),
        pytest.param(b"a: " + b"[" * 12 + b"]" * 12, [(1, "too-deep")], id="depth 13"),
        pytest.param(b"#" * (1024 * 1024 + 1), [(0, "too-large")], id="over 1 MiB"),
        pytest.param("a: \uffff\n".encode(), [(0, "yaml-syntax")], id="not a character"),
        pytest.param(b"a: '\\ud800'\nb: \"\\ud800\"\n", [(2, "yaml-syntax")], id="half a character"),
    ],
)
def test_documents_that_are_refused(data: bytes, expected: list[tuple[int, str]]) -> None:
    faults = Faults("f.yaml")
    read_document(data, faults)
    assert codes(faults) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xef\xbb\xbfa: 1\n", id="byte order mark"),
        pytest.param(b"---\r\na: 1\r\n", id="CRLF"),
        pytest.param(b"a: 1 # tab\there\n", id="tab in a comment"),
        pytest.param(b"a: 1\n...\n", id="document end"),
    ],
)
def test_documents_that_are_harmless(data: bytes) -> None:
    faults = Faults("f.yaml")
    node = read_document(data, faults)
    assert faults.found == ()
    assert isinstance(node, MappingNode)
    assert [entry.value.text for entry in node.entries if isinstance(entry.value, ScalarNode)] == ["1"]


def test_faults_are_reported_by_line_and_all_at_once() -> None:
    faults = Faults("f.yaml")
    faults.refuse()
    faults.add(7, "b", "Wrong.", "Right.")
    faults.add(2, "a", "Bad.", "Good.")
    with pytest.raises(ConfigError) as caught:
        faults.refuse()
    assert caught.value.faults == (
        Fault("f.yaml", 2, "a", "Bad.", "Good."),
        Fault("f.yaml", 7, "b", "Wrong.", "Right."),
    )
    assert str(caught.value) == "f.yaml:2: a: Bad.\n    Good.\nf.yaml:7: b: Wrong.\n    Right."


# --- scalars


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        pytest.param(text, "no", "no", id="Norway"),
        pytest.param(text, "1:30", "1:30", id="not ninety"),
        pytest.param(boolean, "true", True, id="true"),
        pytest.param(boolean, "false", False, id="false"),
        pytest.param(one_of(("a", "b")), "b", "b", id="one of"),
        pytest.param(matching(re.compile(r"x+"), "bad", "x"), "xx", "xx", id="matching"),
        pytest.param(whole(0, 10), "0", 0, id="zero"),
        pytest.param(whole(0, 10), "10", 10, id="upper end"),
        pytest.param(duration(), "250ms", 0.25, id="milliseconds"),
        pytest.param(duration(), "2s", 2.0, id="seconds"),
        pytest.param(seconds(), "10m", 600, id="minutes"),
        pytest.param(seconds(), "2h", 7200, id="hours"),
        pytest.param(seconds(), "1095d", 1095 * 86_400, id="days"),
        pytest.param(seconds(), "1000ms", 1, id="a second in milliseconds"),
        pytest.param(seconds(0), "0s", 0, id="none"),
        pytest.param(size(), "16KB", 16_000, id="decimal size"),
        pytest.param(size(), "64KiB", 65_536, id="binary size"),
        pytest.param(size(), "1GB", 10**9, id="gigabyte"),
        pytest.param(rate, "5/s", Rate(5, 1), id="a second"),
        pytest.param(rate, "3000/min", Rate(3000, 60), id="a minute"),
        pytest.param(rate, "1000/h", Rate(1000, 3600), id="an hour"),
        pytest.param(byte_rate, "1GB/d", Rate(10**9, 86_400), id="bytes a day"),
        pytest.param(calendar_date, "2027-03-01", date(2027, 3, 1), id="day"),
    ],
)
def test_values(reader: Reader[object], value: str, expected: object) -> None:
    faults = Faults("f.yaml")
    result = reader(scalar(value), faults, "key")
    assert (result, type(result), faults.found) == (expected, type(expected), ())


@pytest.mark.parametrize(
    ("reader", "node", "code"),
    [
        pytest.param(text, scalar("~"), "empty", id="null"),
        pytest.param(text, scalar(""), "empty", id="nothing"),
        pytest.param(text, scalar("  ", plain=False), "empty", id="blanks"),
        pytest.param(text, SequenceNode(3, ()), "not-text", id="list as text"),
        pytest.param(boolean, scalar("yes"), "not-a-boolean", id="yes"),
        pytest.param(boolean, scalar("True"), "not-a-boolean", id="True"),
        pytest.param(boolean, scalar("true", plain=False), "not-a-boolean", id="quoted"),
        pytest.param(boolean, scalar("1"), "not-a-boolean", id="1"),
        pytest.param(boolean, MappingNode(3, ()), "not-a-boolean", id="mapping"),
        pytest.param(one_of(("a",)), scalar("b"), "unknown-value", id="none of"),
        pytest.param(one_of(("a",)), scalar(""), "empty", id="one of, empty"),
        pytest.param(matching(re.compile(r"x"), "bad", "x"), scalar("y"), "bad", id="not matching"),
        pytest.param(matching(re.compile(r"x"), "bad", "x"), scalar("x\n"), "bad", id="not the whole"),
        pytest.param(whole(1, 10), scalar("0"), "bad-number", id="too small"),
        pytest.param(whole(1, 10), scalar("11"), "bad-number", id="too large"),
        pytest.param(whole(1, 10), scalar("07"), "bad-number", id="octal"),
        pytest.param(whole(1, 10), scalar("1.0"), "bad-number", id="fraction"),
        pytest.param(whole(1, 10), scalar("\u0661"), "bad-number", id="other digits"),
        pytest.param(whole(1, 10), scalar(""), "empty", id="no number"),
        pytest.param(duration(), scalar("600"), "bad-duration", id="no unit"),
        pytest.param(duration(), scalar("1.5h"), "bad-duration", id="fraction of an hour"),
        pytest.param(duration(), scalar("1:30"), "bad-duration", id="colon"),
        pytest.param(duration(), scalar("-1s"), "bad-duration", id="negative"),
        pytest.param(duration(), scalar(".inf"), "bad-duration", id="infinite"),
        pytest.param(duration(), scalar("5 s"), "bad-duration", id="blank"),
        pytest.param(duration(), scalar("5S"), "bad-duration", id="capital unit"),
        pytest.param(duration(1, 2), scalar("900h"), "duration-out-of-range", id="too long"),
        pytest.param(duration(), SequenceNode(3, ()), "not-text", id="list of times"),
        pytest.param(seconds(0), scalar("1500ms"), "bad-duration", id="too fine"),
        pytest.param(seconds(0, 7200), scalar("0m1"), "bad-duration", id="swapped"),
        pytest.param(size(), scalar("10"), "bad-size", id="size without unit"),
        pytest.param(size(1, 10), scalar("1KB"), "bad-size", id="too big"),
        pytest.param(size(), scalar(""), "empty", id="no size"),
        pytest.param(rate, scalar("5"), "bad-rate", id="no time"),
        pytest.param(rate, scalar("0/s"), "bad-rate", id="never"),
        pytest.param(rate, scalar("5/fortnight"), "bad-rate", id="unknown time"),
        pytest.param(rate, scalar("5KB/s"), "bad-rate", id="bytes for requests"),
        pytest.param(rate, scalar("~"), "empty", id="no rate"),
        pytest.param(byte_rate, scalar("5/s"), "bad-rate", id="requests for bytes"),
        pytest.param(calendar_date, scalar("2027-02-30"), "bad-date", id="no such day"),
        pytest.param(calendar_date, scalar("20270301"), "bad-date", id="without hyphens"),
        pytest.param(calendar_date, scalar("01.03.2027"), "bad-date", id="dots"),
        pytest.param(calendar_date, scalar(""), "empty", id="no day"),
    ],
)
def test_values_that_are_refused(reader: Reader[object], node: Node, code: str) -> None:
    faults = Faults("f.yaml")
    assert reader(node, faults, "key") is None
    assert codes(faults) == [(3, code)]


def test_a_range_is_said_in_the_units_of_the_file() -> None:
    faults = Faults("f.yaml")
    seconds(0, 7200)(scalar("900h"), faults, "max_age")
    assert faults.found[0].remedy == "Write from 0s to 2h."


# --- mappings and lists


def test_a_block_reads_on_after_faults() -> None:
    faults = Faults("f.yaml")
    node = read_document(b"idle: 10m\nabsolut: 3d\nlimit: x\n", faults)
    assert node is not None
    block = Block.read(
        node, faults, "sessions", keys=("idle", "absolute", "limit"), required=("absolute", "idle")
    )
    assert block.get("idle", seconds(), default=1) == 600
    assert block.get("absolute", seconds(), default=1) == 1
    assert block.get("limit", whole(0, 1), default=7) == 7
    assert block.find("absolute", seconds()) is None
    assert ("idle" in block, "absolute" in block) == (True, False)
    assert (block.line_of("limit"), block.line_of("absolute")) == (3, 1)
    assert codes(faults) == [(1, "missing-key"), (2, "unknown-key"), (3, "bad-number")]
    assert faults.found[1].remedy == "Did you mean `absolute`?"


def test_not_a_mapping() -> None:
    faults = Faults("f.yaml")
    block = Block.read(scalar("x"), faults, "sessions", keys=("idle",), required=("idle",))
    assert block.get("idle", seconds(), default=5) == 5
    assert named(scalar("x"), faults, "groups") == {}
    assert codes(faults) == [(3, "not-a-mapping"), (3, "not-a-mapping")]


def test_names() -> None:
    faults = Faults("f.yaml")
    node = read_document(b"good-1: 1\nBad: 2\n'': 3\n", faults)
    assert node is not None
    assert list(named(node, faults, "groups")) == ["good-1"]
    assert codes(faults) == [(2, "bad-name"), (3, "bad-name")]


def test_lists() -> None:
    faults = Faults("f.yaml")
    node = SequenceNode(2, (scalar("1"), scalar("x"), scalar("2"), scalar("1")))
    assert list_of(whole(0, 9))(node, faults, "ports") == (1, 2)
    assert codes(faults) == [(3, "bad-number"), (3, "twice")]


def test_not_a_list() -> None:
    faults = Faults("f.yaml")
    assert list_of(text)(scalar("GET"), faults, "methods") is None
    assert items(SequenceNode(1, ()), faults, "methods") == ()
    assert codes(faults) == [(3, "not-a-list")]


@pytest.mark.parametrize(
    ("word", "options", "remedy"),
    [
        pytest.param("polcy", ["policy", "origins"], "Did you mean `policy`?", id="close"),
        pytest.param("zzz", ["policy", "origins"], "Known are: origins, policy.", id="far"),
        pytest.param("zzz", [], "None is defined.", id="nothing to mean"),
    ],
)
def test_did_you_mean(word: str, options: list[str], remedy: str) -> None:
    assert did_you_mean(word, options) == remedy
