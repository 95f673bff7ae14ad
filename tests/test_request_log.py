import json
from collections.abc import Callable
from io import StringIO

from gateway.request_log import MOST, Ended, RequestLog
from gateway.telemetry import make_log

ENDED = Ended("x", "GET", "storage", None, 200, "two\nlines", 1.5, person="hash")


class Later:
    """What was asked to be called, and when."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, work: Callable[[], None]) -> None:
        self.asked.append((seconds, work))


def ignored(_: Ended) -> None:
    """Nobody counts."""


def said(stream: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_requests_are_lines_of_one_batch() -> None:
    stream, later = StringIO(), Later()
    counted: list[Ended] = []
    log = RequestLog(make_log(stream), later, counted.append, lambda: 1_800_000_000.25)
    log.note(ENDED)
    log.note(ENDED)
    assert not stream.getvalue()
    ((_, flush),) = later.asked
    flush()
    first, second = said(stream)
    assert counted == [ENDED, ENDED]
    assert first == second
    assert first == {
        "event": "request",
        "level": "info",
        "timestamp": "2027-01-15T08:00:00.250000Z",
        "id": "x",
        "method": "GET",
        "route": "storage",
        "origin": None,
        "status": 200,
        "reason": "two\nlines",
        "ms": 1.5,
        "first_byte_ms": None,
        "backend_ms": None,
        "bytes_in": None,
        "bytes_out": None,
        "person": "hash",
        "url": None,
        "trace": None,
    }
    flush()
    assert len(said(stream)) == 2


def test_a_batch_is_bounded() -> None:
    stream, later = StringIO(), Later()
    log = RequestLog(make_log(stream), later, ignored)
    for _ in range(MOST):
        log.note(ENDED)
    assert len(said(stream)) == MOST


def test_odd_bytes_are_told_in_ascii() -> None:
    stream = StringIO()
    log = RequestLog(make_log(stream), Later(), ignored)
    log.note(Ended("x", "GET", "page", "caf\udce9", 403, "\u2028 \u00e9", 0.1))
    log.flush()
    assert stream.getvalue().isascii()
    assert (said(stream)[0]["origin"], said(stream)[0]["reason"]) == ("caf\udce9", "\u2028 \u00e9")


def test_what_went_well_may_have_no_line_and_is_counted() -> None:
    stream, counted = StringIO(), list[Ended]()
    log = RequestLog(make_log(stream), Later(), counted.append, least=400)
    for status in (200, 399, 400, 503):
        log.note(Ended(str(status), "GET", "storage", None, status, None, 1.5))
    log.flush()
    assert [line["status"] for line in said(stream)] == [400, 503]
    assert len(counted) == 4
