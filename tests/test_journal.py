"""gateway/journal.py: rows that wait for the directory."""

import io
from collections.abc import Mapping, Sequence

import pytest

from gateway.directory import Revocations
from gateway.errors import DirectoryUnavailableError
from gateway.journal import MOST, Journal
from gateway.revocation_rules import Act, EndBook, EndPerson, EndSignIn
from gateway.telemetry import make_log


class Rows(Revocations):
    """In memory; away as long as a test says so."""

    def __init__(self) -> None:
        self.noted: list[tuple[Act, int]] = []
        self.away = False

    async def note(self, acts: Sequence[Act], ends: int) -> None:
        if self.away:
            raise DirectoryUnavailableError("away")
        self.noted += [(act, ends) for act in acts]

    async def raise_epoch(self, slots: Sequence[str], floor: Mapping[str, int], ends: int) -> dict[str, int]:
        await self.note([EndPerson(slot, floor[slot] + 7) for slot in slots], ends)
        return {slot: floor[slot] + 7 for slot in slots}


@pytest.fixture
def rows() -> Rows:
    return Rows()


async def test_what_can_be_noted_is_noted_at_once(rows: Rows) -> None:
    journal = Journal(rows, make_log(io.StringIO()))
    await journal.note([EndSignIn("a"), EndBook("b")], 5)
    assert await journal.raise_epoch(["s"], {"s": 1}, 6) == {"s": 8}
    await journal.catch_up()
    assert rows.noted == [(EndSignIn("a"), 5), (EndBook("b"), 5), (EndPerson("s", 8), 6)]


async def test_what_waits_is_noted_once_in_its_order(rows: Rows) -> None:
    journal = Journal(rows, make_log(io.StringIO()))
    rows.away = True
    with pytest.raises(DirectoryUnavailableError):
        await journal.note([EndSignIn("a"), EndBook("b")], 5)
    with pytest.raises(DirectoryUnavailableError):
        await journal.raise_epoch(["s"], {"s": 1}, 6)
    with pytest.raises(DirectoryUnavailableError):
        await journal.catch_up()
    rows.away = False
    await journal.catch_up()
    await journal.catch_up()
    expected = [(EndSignIn("a"), 5), (EndBook("b"), 5), (EndPerson("s", 2), 6)]
    assert rows.noted == expected, "the epoch is the one that was done to Redis, no later one"


async def test_not_more_than_so_many_wait_and_it_is_told(rows: Rows) -> None:
    log = io.StringIO()
    journal = Journal(rows, make_log(log))
    rows.away = True
    with pytest.raises(DirectoryUnavailableError):
        await journal.note([EndBook(str(number)) for number in range(MOST + 2)], 5)
    assert '"never_noted"' in log.getvalue()
    rows.away = False
    await journal.catch_up()
    assert rows.noted[0] == (EndBook("2"), 5)
    assert len(rows.noted) == MOST
