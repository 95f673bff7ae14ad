"""One JSON line a request, and lines for what happens beside requests."""

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

import orjson
import structlog

Log = structlog.typing.FilteringBoundLogger


def make_log(stream: TextIO = sys.stdout) -> Log:
    """A logger that writes a JSON line to `stream` for each event."""
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        context_class=dict,
    )
    return log.bind()


def request_line(log: Log, facts: Mapping[str, object]) -> None:
    """The line of a request that has ended; nothing in `facts` names a person or a secret."""
    log.info("request", **facts)


def _json(event: dict[str, object], default: Callable[[object], object]) -> str:
    """ASCII alone: a log line must not depend on what the stream can encode."""
    with contextlib.suppress(TypeError):
        line = orjson.dumps(event, default)
        if line.isascii():
            return line.decode()
    return json.dumps(event, default=default)  # escapes other text, even odd bytes of a header
