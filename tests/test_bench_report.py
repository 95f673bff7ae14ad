"""What the benchmark makes of its measurements: outcomes, and the tables of docs/performance.md."""

from datetime import date
from pathlib import Path

import pytest

from bench.figures import COMPILED, FIGURES, PURE, Figure, Outcome, outcomes
from bench.report import BEGINS, ENDS, markdown, write
from bench.rounds import Series, Target, alternate

MEASURED = {
    "nginx": 10.0,
    "envoy": 40.0,
    "bookgate": 25.0,
    "wait: backend": 100.0,
    "wait: nginx": 150.0,
    "bookgate-compiled": 15.0,
    "wait: bookgate": 170.0,
    "memory: bookgate-idle": 2048.0,
    "1 worker: nginx": 10.0,
    "1 worker: bookgate": 20.0,
    "2 workers: nginx-2": 10.0,
    "2 workers: bookgate-2": 30.0,
}


def reached(start: str) -> Outcome:
    return next(pure for pure, _ in outcomes(MEASURED) if pure.figure.name.startswith(start))


@pytest.mark.parametrize(
    ("start", "value", "holds"),
    [
        pytest.param("CPU of a request, to", 2.5, True, id="to nginx"),
        pytest.param("... to Envoy", 0.625, True, id="to a peer"),
        pytest.param("added latency", 1.4, True, id="what the backend takes does not count"),
        pytest.param("memory of an idle", 2.0, True, id="in KB"),
        pytest.param("two workers", 1.5, False, id="ratio of ratios"),
        pytest.param("CPU of 10 MB down", None, False, id="not measured"),
    ],
)
def test_a_figure_is_held_against_its_bound(start: str, value: float | None, *, holds: bool) -> None:
    outcome = reached(start)
    assert outcome.value == (None if value is None else pytest.approx(value))
    assert outcome.holds is holds


def test_an_aim_is_more_than_a_must() -> None:
    figure = Figure("x", lambda _, __: 0, 3.0, 2.0)
    assert [Outcome(figure, PURE, value).at_aim for value in (1.9, 2.1, None)] == [True, False, False]


def test_compiled_may_have_bounds_of_its_own() -> None:
    figure = Figure("x", lambda _, __: 0, 3.0, 2.0, compiled=(1.5, 1.0))
    assert [Outcome(figure, ours, 1.6).holds for ours in (PURE, COMPILED)] == [True, False]
    assert [Outcome(figure, ours, 1.2).at_aim for ours in (PURE, COMPILED)] == [True, False]


def test_every_aim_is_below_its_bound() -> None:
    bounds = [(figure.name, *figure.bounds(ours)) for figure in FIGURES for ours in (PURE, COMPILED)]
    assert [name for name, must, aim in bounds if aim is not None and aim >= must] == []


def test_the_tables_say_what_was_measured_and_what_was_not() -> None:
    found = {name: Series((value, value + 1, value - 1)) for name, value in MEASURED.items()}
    text = markdown(date(2026, 11, 22), "a machine", "versions", found, outcomes(MEASURED))
    lines = text.splitlines()
    assert lines[0] == "Measured on 2026-11-22: a machine."
    assert "| nginx, plain proxy | 10.0 | 9.0..11.0 | 1.00 |" in lines
    assert "| Bookgate, pure Python | 25.0 | 24.0..26.0 | 2.50 |" in lines
    bounds = lines[lines.index("| figure | must | aim | pure Python | | compiled | |") + 2 :]
    rows = {row.split(" | ", 1)[0]: row.split(" | ", 1)[1] for row in bounds}
    both = "<= 3.00x; compiled 2.00x | <= 2.30x; compiled 1.50x"
    assert rows["| CPU of a request, to nginx"] == f"{both} | 2.50x | must | 1.50x | aim |"
    idle, two, proof = "memory of an idle connection", "two workers: their ratio to that of one", "DPoP proof"
    assert rows[f"| {idle}"] == "<= 2.5 KB | <= 1.6 KB | 2.0 KB | must |  | not measured |"
    assert rows[f"| {two}"] == "<= 1.25x |  | 1.50x | **missed** |  | not measured |"
    assert rows[f"| CPU of a request with a {proof}"] == "<= 250 us |  |  | not measured |  | not measured |"


def test_the_report_replaces_what_lies_between_its_lines(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGINS}\nold\n{ENDS}\nafter\n")
    write(page, "new")
    assert page.read_text() == f"before\n{BEGINS}\nnew\n{ENDS}\nafter\n"


def test_a_page_without_these_lines_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("something else\n")
    with pytest.raises(ValueError, match="does not have the lines"):
        write(page, "new")
    assert page.read_text() == "something else\n"


async def test_rounds_alternate_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def target(name: str) -> Target:
        async def find() -> float:
            order.append(name)
            return len(order)

        return Target(name, find)

    found = await alternate([target("a"), target("b")], 2)
    assert order == ["a", "b"] * 3
    assert {name: series.rounds for name, series in found.items()} == {"a": (3, 5), "b": (4, 6)}
    assert found["a"].middle == 4
