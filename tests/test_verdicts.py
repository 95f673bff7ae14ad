from dataclasses import replace
from datetime import date

import pytest

from gateway.cors import Standing, judge
from gateway.origins import PolicyTable
from gateway.verdicts import Verdicts
from tests.policies import POLICY

OWN, BOOK, STRANGER = "https://gw.test", "https://books.example.edu", "https://evil.example.net"
TODAY, LATER = date(2026, 11, 22), date(2026, 11, 23)
TABLE = PolicyTable({BOOK: replace(POLICY, expires=TODAY)}, {}, {}, None, "1")
CLOSED = PolicyTable({}, {}, {}, None, "2")


@pytest.mark.parametrize(
    "lines", [[], [BOOK], [STRANGER], [OWN], ["null"], [BOOK, BOOK], ["https://" + "x" * 400]]
)
def test_it_says_what_judge_says_each_time(lines: list[str]) -> None:
    remembered = Verdicts(OWN)
    for table, day in ((TABLE, TODAY), (TABLE, TODAY), (TABLE, LATER), (CLOSED, LATER), (TABLE, TODAY)):
        assert remembered.of(lines, table, day) == judge(lines, table, OWN, day)


def test_what_is_remembered_is_the_same_and_bounded() -> None:
    remembered = Verdicts(OWN, most=2)
    first = remembered.of([BOOK], TABLE, TODAY)
    assert remembered.of([BOOK], TABLE, TODAY) is first
    assert first.standing is not Standing.REFUSED
    remembered.of([STRANGER], TABLE, TODAY)
    remembered.of([OWN], TABLE, TODAY)
    assert remembered.of([BOOK], TABLE, TODAY) == first
