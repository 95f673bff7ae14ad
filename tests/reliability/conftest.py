"""What the tests of faults share: how long they are, and where their figures are told."""

import os
from collections.abc import Callable
from typing import Protocol

import pytest

LONG = os.environ.get("RELIABILITY") == "long"  # set by `make reliability`

Tell = Callable[[str, object], None]


class Bounded(Protocol):
    def __call__(self, short: int, long: int) -> int:
        """How often: the first in `make test`, the second in `make reliability`."""


@pytest.fixture(scope="session")
def bounded() -> Bounded:
    return lambda short, long: long if LONG else short


@pytest.fixture
def tell(record_property: Tell) -> Tell:
    """Keeps a figure of this test for the end of the report."""
    return record_property


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures that were told, by test; those of docs/reliability.md come from here."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    told = {
        report.nodeid: report.user_properties
        for report in reports
        if isinstance(report, pytest.TestReport) and report.user_properties
    }
    if told:
        terminalreporter.section("figures")
    for test, figures in told.items():
        terminalreporter.write_line(test.partition("::")[2])
        for name, value in figures:
            terminalreporter.write_line(f"    {name}: {value}")
