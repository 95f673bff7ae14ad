"""What is to be reached: each figure with the bound that it must keep and the one that it should."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Measured = Mapping[str, float]  # by the names below: microseconds of CPU time, of waiting, or bytes
PURE, COMPILED = "bookgate", "bookgate-compiled"  # what the names of our servers begin with


@dataclass(frozen=True, slots=True)
class Figure:
    """reached: of PURE or of COMPILED; KeyError where what it is made of was not measured."""

    name: str
    reached: Callable[[Measured, str], float]
    must: float
    aim: float | None = None
    unit: str = "x"
    compiled: tuple[float, float] | None = None  # what it must and should be compiled, where that is another

    def bounds(self, ours: str) -> tuple[float, float | None]:
        """What it must be and what it should."""
        if ours == COMPILED and self.compiled is not None:
            return self.compiled
        return self.must, self.aim


@dataclass(frozen=True, slots=True)
class Outcome:
    """ours: PURE or COMPILED; value: None: not measured."""

    figure: Figure
    ours: str
    value: float | None

    @property
    def holds(self) -> bool:
        return self.value is not None and self.value <= self.figure.bounds(self.ours)[0]

    @property
    def at_aim(self) -> bool:
        aim = self.figure.bounds(self.ours)[1]
        return self.value is not None and aim is not None and self.value <= aim


def _times(ours: str, theirs: str) -> Callable[[Measured, str], float]:
    """ours: with {} for what its name begins with."""
    return lambda measured, way: measured[ours.format(way)] / measured[theirs]


def _added(measured: Measured, way: str) -> float:
    direct = measured["wait: backend"]
    return (measured[f"wait: {way}"] - direct) / (measured["wait: nginx"] - direct)


def _two_workers(measured: Measured, way: str) -> float:
    two = _times("2 workers: {}-2", "2 workers: nginx-2")
    return two(measured, way) / _times("1 worker: {}", "1 worker: nginx")(measured, way)


def _of(name: str, scale: float = 1.0) -> Callable[[Measured, str], float]:
    return lambda measured, way: measured[name.format(way)] / scale


FIGURES = (
    Figure("CPU of a request, to nginx", _times("{}", "nginx"), 3.0, 2.3, compiled=(2.0, 1.5)),
    Figure("... to Apache + mod_auth_openidc at its best", _times("{}", "apache-redis-best"), 0.30),
    Figure("... to Envoy, which authenticates nobody", _times("{}", "envoy"), 1.0),
    Figure("... to Caddy, which authenticates nobody", _times("{}", "caddy"), 1.0),
    Figure("CPU of a request, Redis each time, to nginx", _times("{}-uncached", "nginx"), 3.5, 3.0),
    Figure("CPU of a request, plain path, to nginx", _times("{}-plain", "nginx"), 8.0, 5.0),
    Figure("added latency at one connection (p50), to nginx", _added, 1.5, 1.3),
    Figure("memory of an idle connection", _of("memory: {}-idle", 1024), 2.5, 1.6, "KB"),
    Figure("CPU of 10 MB down, to nginx", _times("down: {}", "down: nginx"), 1.0, 0.7),
    Figure("CPU of 10 MB up, to nginx", _times("up: {}", "up: nginx"), 1.0, 0.7),
    Figure("memory of a slow reader of 10 MB", _of("memory: {}-slow", 1024), 350, None, "KB"),
    Figure("CPU of a WebSocket round trip, to nginx", _times("socket: {}", "socket: nginx"), 1.3),
    Figure("CPU of a pushed event, to nginx", _times("event: {}", "event: nginx"), 1.5),
    Figure("CPU of a request with a DPoP proof", _of("proof: {}"), 250, None, "us"),
    Figure("two workers: their ratio to that of one", _two_workers, 1.25),
)


def outcomes(measured: Measured) -> list[tuple[Outcome, Outcome]]:
    """Of each figure: in pure Python, and compiled."""
    return [
        (
            Outcome(figure, PURE, _value(figure, measured, PURE)),
            Outcome(figure, COMPILED, _value(figure, measured, COMPILED)),
        )
        for figure in FIGURES
    ]


def _value(figure: Figure, measured: Measured, ours: str) -> float | None:
    try:
        return figure.reached(measured, ours)
    except KeyError:
        return None
