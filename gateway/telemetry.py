"""One JSON line a request, and lines for what happens beside requests."""

import sys
from collections.abc import Mapping
from typing import TextIO

import structlog

Log = structlog.typing.FilteringBoundLogger


def make_log(stream: TextIO = sys.stdout) -> Log:
    """A logger that writes a JSON line to `stream` for each event."""
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        context_class=dict,
    )
    return log


def request_line(log: Log, facts: Mapping[str, object]) -> None:
    """The line of a request that has ended; nothing in `facts` names a person or a secret."""
    log.info("request", **facts)
