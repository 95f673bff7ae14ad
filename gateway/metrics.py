"""What is counted of requests and shown of the parts, as Prometheus reads it.

A request adds to a few integers; names and labels are made when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Final

from gateway.request_log import Ended

# Upper bounds of the histograms' buckets: milliseconds here, seconds as they are told.
# All of one type: an integer beside a fraction is the slowest of comparisons.
BOUNDS: Final[tuple[float, ...]] = (
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4
)  # fmt: skip
_TOLD: Final = (*(f"{bound / 1000:g}" for bound in BOUNDS), "+Inf")
_CLASSES: Final = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")

# Counters end in _total, histograms in _seconds; all others are gauges.
HELP: Final = {
    "bookgate_requests_total": "Requests that have ended, by backend or kind of page, and class of status.",
    "bookgate_received_bytes_total": "Payload that clients sent to backends.",
    "bookgate_sent_bytes_total": "Payload that clients were sent by backends.",
    "bookgate_request_seconds": "From a request's head to the last byte of its answer.",
    "bookgate_backend_seconds": "From asking a backend to the first byte of its answer.",
    "bookgate_connections": "Open connections of clients.",
    "bookgate_log_lines_lost_total": "Lines of the log that did not fit or could not be written.",
    "bookgate_tasks": "Tasks of the event loop.",
    "bookgate_sessions_in_memory": "Sessions that are kept in memory for some seconds.",
    "bookgate_session_hits_total": "Session cookies that were served from memory.",
    "bookgate_session_misses_total": "Session cookies that Redis was asked about.",
    "bookgate_budget_refusals_total": "Requests refused because a budget was used up.",
    "bookgate_backend_outstanding": "Requests that a URL of a backend has not answered whole.",
    "bookgate_backend_well": "1: the health checks find the URL well, or there are none.",
    "bookgate_backend_ejected": "1: the URL is left alone because it failed.",
    "bookgate_redis_doubts_total": "How often Redis was doubted, the start being the first time.",
    "bookgate_redis_proved": "1: nobody has doubted Redis since the last proof.",
    "bookgate_redis_tells_changes": "1: Redis tells of changed sessions, so that they are kept in memory.",
}

Numbers = dict[str, float]  # a series as it is told, and its number


class _Row:
    """Of the requests of one route."""

    __slots__ = ("backend", "backend_ms", "bytes_in", "bytes_out", "classes", "took", "took_ms")

    def __init__(self) -> None:
        self.classes = [0] * len(_CLASSES)
        self.bytes_in = self.bytes_out = 0
        self.took_ms = self.backend_ms = 0.0
        self.took = [0] * len(_TOLD)
        self.backend = [0] * len(_TOLD)


class Metrics:
    """worker: what all its series are labelled with."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self._rows: dict[str, _Row] = {}
        self._shown: dict[str, Callable[[], float]] = {}

    def note(self, ended: Ended) -> None:
        row = self._rows.get(ended.route)
        if row is None:
            row = self._rows[ended.route] = _Row()
        ms = ended.ms
        row.classes[ended.status // 100] += 1
        row.took[bisect_left(BOUNDS, ms)] += 1
        row.took_ms += ms
        if ended.bytes_in:
            row.bytes_in += ended.bytes_in
        if ended.bytes_out:
            row.bytes_out += ended.bytes_out
        backend_ms = ended.backend_ms
        if backend_ms is not None:
            row.backend[bisect_left(BOUNDS, backend_ms)] += 1
            row.backend_ms += backend_ms

    def show(self, name: str, ask: Callable[[], float], **labels: object) -> None:
        """A number that somebody else keeps. name: one of HELP; ask: called when it is to be told."""
        self._shown[self._series(name, **labels)] = ask

    def numbers(self) -> Numbers:
        """All series as they are now."""
        told: Numbers = {name: float(ask()) for name, ask in self._shown.items()}
        for route, row in self._rows.items():
            for status, count in zip(_CLASSES, row.classes, strict=True):
                if count:
                    told[self._series("bookgate_requests_total", route=route, status=status)] = count
            told[self._series("bookgate_received_bytes_total", route=route)] = row.bytes_in
            told[self._series("bookgate_sent_bytes_total", route=route)] = row.bytes_out
            self._histogram(told, "bookgate_request_seconds", route, row.took, row.took_ms)
            self._histogram(told, "bookgate_backend_seconds", route, row.backend, row.backend_ms)
        return told

    def _histogram(self, told: Numbers, name: str, route: str, counts: list[int], total_ms: float) -> None:
        for bound, count in zip(_TOLD, accumulate(counts), strict=True):
            told[self._series(f"{name}_bucket", route=route, le=bound)] = count
        told[self._series(f"{name}_sum", route=route)] = total_ms / 1000
        told[self._series(f"{name}_count", route=route)] = sum(counts)

    def _series(self, name: str, **labels: object) -> str:
        all_labels = {"worker": self.worker, **labels}
        return name + "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in all_labels.items()) + "}"


def exposed(numbers: Mapping[str, float]) -> str:
    """Prometheus' text format 0.0.4: the series of a name together, after what it means."""
    of: dict[str, list[str]] = {}
    for series, number in numbers.items():
        of.setdefault(_family(series), []).append(f"{series} {number:.15g}")
    lines: list[str] = []
    for name, meaning in HELP.items():
        if name in of:
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {_kind(name)}", *of[name]]
    return "\n".join(lines) + "\n"


def _kind(name: str) -> str:
    return "counter" if name.endswith("_total") else "histogram" if name.endswith("_seconds") else "gauge"


def _family(series: str) -> str:
    """The name that stands in HELP."""
    name = series.partition("{")[0]
    return name if name in HELP else name.rpartition("_")[0]


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
