"""The one line a request: made of what is known when it has ended, written in batches.

Nothing waits for the log. Lines are encoded some at a time, and whoever writes them does so in a thread of
its own (`server/log_stream.py`).
"""

import json
import time
from collections.abc import Callable
from itertools import starmap

import msgspec

from gateway.telemetry import Log

EVERY = 0.05  # seconds between two batches
MOST = 512  # requests of a batch


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A request that has ended. Nothing of it names a person or holds a secret.

    person: a keyed hash, another one than any service is told. ms: until its last byte was written;
    first_byte_ms: until the first byte of its answer; backend_ms: of that, the backend's.
    """

    id: str
    method: str
    route: str
    origin: str | None
    status: int
    reason: str | None
    ms: float
    first_byte_ms: float | None = None
    backend_ms: float | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    person: str | None = None
    url: int | None = None  # which of the backend's
    trace: str | None = None


class RequestLog:
    """soon: calls something after so many seconds. count: told of each too. clock: Unix seconds.

    least: statuses below it have no line.
    """

    def __init__(
        self,
        log: Log,
        soon: Callable[[float, Callable[[], None]], object],
        count: Callable[[Ended], None],
        clock: Callable[[], float] = time.time,
        *,
        least: int = 0,
    ) -> None:
        self._log = log
        self._soon = soon
        self._count = count
        self._clock = clock
        self._least = least
        self._ended: list[tuple[float, Ended]] = []
        self._second, self._begins = -1, ""  # how the lines of a second begin
        self._encode = msgspec.json.Encoder().encode

    def note(self, ended: Ended) -> None:
        self._ended.append((self._clock(), ended))
        if len(self._ended) == 1:
            self._soon(EVERY, self.flush)
        elif len(self._ended) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Whatever was noted is written."""
        ended, self._ended = self._ended, []
        for _, request in ended:
            self._count(request)
        if self._least:
            ended = [(at, request) for at, request in ended if request.status >= self._least]
        if ended:
            self._log.lines("\n".join(list(starmap(self._line, ended))))

    def _line(self, at: float, ended: Ended) -> str:
        second = int(at)
        if second != self._second:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second, self._begins = second, f'{{"event":"request","level":"info","timestamp":"{stamp}.'
        begins = f'{self._begins}{int((at - second) * 1e6):06d}Z",'
        try:
            text = self._encode(ended).decode("ascii")
        except UnicodeError:  # also odd bytes of a header: escaped, so that any stream can encode them
            text = json.dumps(msgspec.structs.asdict(ended), separators=(",", ":"))
        return begins + text[1:]


def milliseconds(seconds: float) -> float:
    """As a line tells them, to a tenth; `round` takes five times as long."""
    return int(seconds * 10_000 + 0.5) / 10
