"""What is to be reached: each figure with the bound that it must keep and the one that it should."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Measured = Mapping[str, float]  # by the names below: microseconds of CPU time, of waiting, or bytes


@dataclass(frozen=True, slots=True)
class Figure:
    """reached: KeyError where what it is made of was not measured."""

    name: str
    reached: Callable[[Measured], float]
    must: float
    aim: float | None = None
    unit: str = "x"


@dataclass(frozen=True, slots=True)
class Outcome:
    """value: None: not measured."""

    figure: Figure
    value: float | None

    @property
    def holds(self) -> bool:
        return self.value is not None and self.value <= self.figure.must

    @property
    def at_aim(self) -> bool:
        return self.value is not None and self.figure.aim is not None and self.value <= self.figure.aim


def _times(ours: str, theirs: str) -> Callable[[Measured], float]:
    return lambda measured: measured[ours] / measured[theirs]


def _added(measured: Measured) -> float:
    direct = measured["wait: backend"]
    return (measured["wait: bookgate"] - direct) / (measured["wait: nginx"] - direct)


def _two_workers(measured: Measured) -> float:
    two = _times("2 workers: bookgate-2", "2 workers: nginx-2")
    return two(measured) / _times("1 worker: bookgate", "1 worker: nginx")(measured)


def _of(name: str, scale: float = 1.0) -> Callable[[Measured], float]:
    return lambda measured: measured[name] / scale


FIGURES = (
    Figure("CPU of a request, pure Python, to nginx", _times("bookgate", "nginx"), 3.0, 2.3),
    Figure("... to Apache + mod_auth_openidc at its best", _times("bookgate", "apache-redis-best"), 0.30),
    Figure("... to Envoy, which authenticates nobody", _times("bookgate", "envoy"), 1.0),
    Figure("... to Caddy, which authenticates nobody", _times("bookgate", "caddy"), 1.0),
    Figure("CPU of a request, compiled, to nginx", _times("bookgate-compiled", "nginx"), 2.0, 1.5),
    Figure("CPU of a request, Redis each time, to nginx", _times("bookgate-uncached", "nginx"), 3.5, 3.0),
    Figure("CPU of a request, plain path, to nginx", _times("bookgate-plain", "nginx"), 8.0, 5.0),
    Figure("added latency at one connection (p50), to nginx", _added, 1.5, 1.3),
    Figure("memory of an idle connection", _of("memory: idle", 1024), 2.5, 1.6, "KB"),
    Figure("CPU of 10 MB down, to nginx", _times("down: bookgate", "down: nginx"), 1.0, 0.7),
    Figure("CPU of 10 MB up, to nginx", _times("up: bookgate", "up: nginx"), 1.0, 0.7),
    Figure("memory of a slow reader of 10 MB", _of("memory: slow", 1024), 350, None, "KB"),
    Figure("CPU of a WebSocket round trip, to nginx", _times("socket: bookgate", "socket: nginx"), 1.3),
    Figure("CPU of a pushed event, to nginx", _times("event: bookgate", "event: nginx"), 1.5),
    Figure("CPU of a request with a DPoP proof", _of("proof: bookgate"), 250, None, "us"),
    Figure("two workers: their ratio to that of one", _two_workers, 1.25),
)


def outcomes(measured: Measured) -> list[Outcome]:
    return [Outcome(figure, _value(figure, measured)) for figure in FIGURES]


def _value(figure: Figure, measured: Measured) -> float | None:
    try:
        return figure.reached(measured)
    except KeyError:
        return None
