"""The log: one JSON object a line on standard output, written by a thread of its own.

Whoever logs never waits: when nobody reads the output, lines are dropped, and the next line that gets
through says how many.
"""

import os
import queue
import threading
from typing import Final

import structlog

WAITING: Final = 10_000
STANDARD_OUTPUT: Final = 1
LAST_WORDS: Final = 1.0  # seconds that the end of the process waits for lines on their way


class Output:
    """Takes lines for a file descriptor."""

    def __init__(self, descriptor: int, waiting: int = WAITING) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[str | None] = queue.Queue(waiting)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_lines, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    # The names under which structlog calls its logger.
    info = warning = error = write

    def close(self) -> None:
        try:
            self._lines.put(None, timeout=LAST_WORDS)
        except queue.Full:
            return
        self._thread.join(LAST_WORDS)

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            self._write(line)
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                self._write(f'{{"event": "log_lines_dropped", "count": {dropped}}}')

    def _write(self, line: str) -> None:
        rest = f"{line}\n".encode()
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self._dropped += 1  # the reader has gone; the service goes on


def json_log(output: Output) -> structlog.typing.FilteringBoundLogger:
    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        output,
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return log
