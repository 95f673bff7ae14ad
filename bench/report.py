"""The tables of docs/performance.md, written from what was measured."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import starmap
from pathlib import Path
from typing import Final

from bench.figures import Figure, Outcome
from bench.rounds import Series

BEGINS: Final = "<!-- make bench writes from here -->"
ENDS: Final = "<!-- to here -->"
NAMES: Final = {
    "nginx": "nginx, plain proxy",
    "haproxy": "HAProxy, plain proxy",
    "apache": "Apache, plain proxy",
    "envoy": "Envoy, plain proxy",
    "caddy": "Caddy, plain proxy",
    "apache-redis": "Apache + mod_auth_openidc, Redis, as it ships",
    "apache-redis-best": "Apache + mod_auth_openidc, Redis, best setting",
    "apache-memory": "Apache + mod_auth_openidc, sessions in its memory",
    "bookgate": "Bookgate, pure Python",
    "bookgate-compiled": "Bookgate, compiled",
    "bookgate-uncached": "Bookgate, Redis each time",
    "bookgate-compiled-uncached": "... compiled",
    "bookgate-plain": "Bookgate, `data_path: plain`",
    "bookgate-compiled-plain": "... compiled",
}


def markdown(
    day: date,
    machine: str,
    versions: str,
    found: Mapping[str, Series],
    outcomes: Sequence[tuple[Outcome, Outcome]],
) -> str:
    """Both tables. machine, versions: a line each."""
    return "\n".join(
        [
            f"Measured on {day.isoformat()}: {machine}.",
            "",
            versions + ".",
            "",
            "| a request, one worker on one core | CPU, us | of the rounds | x nginx |",
            "|---|---:|---:|---:|",
            *_requests(found),
            "",
            "| figure | must | aim | pure Python | | compiled | |",
            "|---|---:|---:|---:|---|---:|---|",
            *starmap(_row, outcomes),
        ]
    )


def write(path: Path, text: str) -> None:
    """Put it between the two lines of the file that say so. ValueError: they are not there."""
    before, begins, rest = path.read_text("utf-8").partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"{path} does not have the lines {BEGINS} and {ENDS}.")
    path.write_text(f"{before}{BEGINS}\n{text}\n{ENDS}{after}", "utf-8")


def _requests(found: Mapping[str, Series]) -> list[str]:
    nginx = found["nginx"].middle if "nginx" in found else None
    rows = []
    for name, title in NAMES.items():
        if name in found:
            series = found[name]
            times = "" if nginx is None else f"{series.middle / nginx:.2f}"
            span = f"{min(series.rounds):.1f}..{max(series.rounds):.1f}"
            rows.append(f"| {title} | {series.middle:.1f} | {span} | {times} |")
    return rows


def _row(pure: Outcome, compiled: Outcome) -> str:
    figure = pure.figure
    cells = [figure.name, *_bounds(figure), *_reached(pure), *_reached(compiled)]
    return f"| {' | '.join(cells)} |"


def _bounds(figure: Figure) -> list[str]:
    """What it must be and what it should."""
    found = []
    for bound, compiled in zip((figure.must, figure.aim), figure.compiled or (None, None), strict=True):
        told = "" if bound is None else f"<= {_number(bound, figure.unit)}"
        found.append(told if compiled is None else f"{told}; compiled {_number(compiled, figure.unit)}")
    return found


def _reached(outcome: Outcome) -> tuple[str, str]:
    if outcome.value is None:
        return "", "not measured"
    verdict = "aim" if outcome.at_aim else "must" if outcome.holds else "**missed**"
    return _number(outcome.value, outcome.figure.unit), verdict


def _number(value: float, unit: str) -> str:
    text = f"{value:.0f}" if value >= 100 else f"{value:.2f}" if unit == "x" else f"{value:.1f}"
    return f"{text}x" if unit == "x" else f"{text} {unit}"
