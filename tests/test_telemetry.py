import json
from io import StringIO
from pathlib import Path

from gateway.telemetry import Audit, Audited, make_log


def test_whatever_is_told_the_line_is_ascii() -> None:
    stream = StringIO()
    make_log(stream).error("odd", words="\u2028 é", header="caf\udce9", kind=StringIO)
    assert stream.getvalue().isascii()
    said = json.loads(stream.getvalue())
    assert (said["words"], said["header"], said["kind"]) == ("\u2028 é", "caf\udce9", repr(StringIO))


def test_an_exception_is_told_whole() -> None:
    stream = StringIO()
    try:
        int("\udce9")
    except ValueError:
        make_log(stream).exception("unforeseen")
    assert "ValueError: invalid literal" in json.loads(stream.getvalue())["exception"]


def test_an_act_is_one_line() -> None:
    stream = StringIO()
    Audit(make_log(stream), "request-1", "203.0.113.0/24").note(Audited.CONSENT_GIVEN, who="ada", origin="o")
    said = json.loads(stream.getvalue())
    del said["timestamp"]
    assert said == {
        "event": "audit",
        "level": "info",
        "act": "consent.given",
        "who": "ada",
        "origin": "o",
        "id": "request-1",
        "from": "203.0.113.0/24",
    }


def test_what_nobody_asked_for_by_a_request_has_neither_id_nor_address() -> None:
    stream = StringIO()
    Audit(make_log(stream)).note(Audited.KEYS_ROOT, seals="0a0b0c0d")
    said = json.loads(stream.getvalue())
    assert (said["act"], said["id"], said["from"]) == ("keys.root", None, None)


def test_every_act_is_documented() -> None:
    text = (Path(__file__).parent.parent / "docs" / "ops" / "audit.md").read_text("utf-8")
    assert [act.value for act in Audited if f"`{act.value}`" not in text] == []
