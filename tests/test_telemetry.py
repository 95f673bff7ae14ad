import json
from io import StringIO

from gateway.telemetry import make_log, request_line


def test_a_request_is_one_line() -> None:
    stream = StringIO()
    request_line(make_log(stream), {"id": "x", "reason": "two\nlines", "status": 200, "origin": None})
    said = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert said.pop("timestamp").endswith("Z")
    assert said == {
        "event": "request",
        "level": "info",
        "id": "x",
        "reason": "two\nlines",
        "status": 200,
        "origin": None,
    }


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
