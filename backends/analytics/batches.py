"""A request's body as a batch of events: JSON list, {"events": [...]}, NDJSON, or the beacon's text/plain."""

from typing import Final

import orjson

from backends.problem import InvalidJson, Problem, TooLarge, UnsupportedType

LARGEST: Final = 1024 * 1024
LARGEST_BEACON: Final = 60_000  # navigator.sendBeacon: 64 KiB for all that is under way
MOST: Final = 500
NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
BEACON: Final = "text/plain"
JSON: Final = "application/json"


class TooManyEvents(TooLarge):
    code = "too_many_events"
    title = "A batch has at most 500 events."


class NotABatch(Problem):
    status = 400
    code = "not_a_batch"
    title = "Send a list of events, an object with the member events, or one event a line."


class Unreadable:
    """Stands for a line that is no JSON: it alone is rejected."""


def limit(media_type: str) -> int:
    """How long a body of this type may be."""
    if media_type == BEACON:
        return LARGEST_BEACON
    if media_type == JSON or media_type in NDJSON:
        return LARGEST
    raise UnsupportedType("Events are JSON, NDJSON, or text/plain from a beacon.")


def parse(media_type: str, body: bytes) -> list[object]:
    """The events as they were sent, not yet checked."""
    events = _lines(body) if media_type in NDJSON else _list(body)
    if len(events) > MOST:
        raise TooManyEvents(members={"limit": MOST})
    return events


def _lines(body: bytes) -> list[object]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    return [_line(line) for line in lines[: MOST + 1]]


def _line(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return Unreadable()


def _list(body: bytes) -> list[object]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson from error
    if isinstance(value, dict) and value.keys() == {"events"}:
        value = value["events"]
    if not isinstance(value, list):
        raise NotABatch
    return value
