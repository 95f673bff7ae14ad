"""gateway/directory/revocations.py: on a real SQLite file, with several processes at once."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.directory import Directory, NotedAct, Revocations
from gateway.directory.revocations import AT_ONCE
from gateway.errors import DirectoryUnavailableError
from gateway.revocation_rules import (
    Act,
    EndAtOrigin,
    EndAtProvider,
    EndBook,
    EndPerson,
    EndProviderSession,
    EndSignIn,
    Marks,
)

KEY = b"k" * 32
START = 1_800_000_000
DAY = 86400
ACTS: list[Act] = [
    EndSignIn("slot.a"),
    EndBook("slot.b"),
    EndPerson("slot", START),
    EndAtProvider("slot", "campus", START + 5),
    EndAtOrigin("slot", "https://book.example", START + 6),
    EndProviderSession("hash"),
]


class Clock:
    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


def url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture
async def directory(file: Path, clock: Clock) -> AsyncGenerator[Directory]:
    opened = await Directory.open(url(file), KEY, clock)
    yield opened
    await opened.close()


@pytest.fixture
def journal(directory: Directory) -> Revocations:
    return directory.revocations


async def noted(journal: Revocations, after: int = 0) -> list[Act]:
    return [row.act for row in await journal.after(after)]


async def last(journal: Revocations) -> int:
    return (await journal.after(0))[-1].id


# --- acts


async def test_acts_come_back_as_they_were_noted(journal: Revocations) -> None:
    await journal.note(ACTS, START + DAY)
    rows = await journal.after(0)
    assert [row.act for row in rows] == ACTS
    assert [row.id for row in rows] == sorted({row.id for row in rows})
    assert await journal.after(rows[1].id) == rows[2:]
    assert await journal.after(rows[-1].id) == []


async def test_nothing_is_noted_for_no_act(journal: Revocations) -> None:
    await journal.note([], START + DAY)
    assert await noted(journal) == []


async def test_many_acts_are_read_in_portions(journal: Revocations) -> None:
    acts = [EndBook(f"slot.{number}") for number in range(AT_ONCE + 1)]
    await journal.note(acts, START + DAY)
    first = await journal.after(0)
    assert len(first) == AT_ONCE
    assert [row.act for row in [*first, *await journal.after(first[-1].id)]] == acts


async def test_a_row_ends_with_what_it_ended(journal: Revocations, clock: Clock) -> None:
    await journal.note(ACTS[:1], START + 10)
    await journal.note(ACTS[1:2], START + 20)
    clock.now = START + 10
    assert await noted(journal) == ACTS[1:2]
    assert not await journal.purge()
    assert await noted(journal) == ACTS[1:2]
    clock.now = START + 20
    await journal.purge()
    clock.now = START
    assert await noted(journal) == []


async def test_a_purge_takes_portions(journal: Revocations, clock: Clock) -> None:
    await journal.note([EndBook(f"slot.{number}") for number in range(AT_ONCE + 1)], START + 1)
    clock.now += 1
    assert await journal.purge()
    assert not await journal.purge()


async def test_a_number_is_never_given_twice(journal: Revocations, clock: Clock) -> None:
    await journal.note(ACTS, START + 1)
    before = await last(journal)
    clock.now += 1
    await journal.purge()
    await journal.note(ACTS, START + DAY)
    assert (await journal.after(0))[0].id == before + 1


async def test_a_directory_made_anew_counts_on_above_the_old_one(
    journal: Revocations, tmp_path: Path, clock: Clock
) -> None:
    """Redis remembers a row's number: the new directory's rows must not hide below it."""
    await journal.note(ACTS * 20, START + DAY)
    other = await Directory.open(url(tmp_path / "other.db"), KEY, clock)
    await other.revocations.note(ACTS[:1], START + DAY)
    assert await last(other.revocations) > await last(journal)
    await other.close()


# --- where to begin again


async def test_what_came_in_the_hour_before_a_row_comes_again(journal: Revocations, clock: Clock) -> None:
    numbers = []
    for moment in (0, 1000, 4000, 5000, 9000):
        clock.now = START + moment
        await journal.note([EndBook(f"slot.{moment}")], START + DAY)
        numbers.append(await last(journal))
    start = await journal.before(numbers[3], 3600)
    assert await noted(journal, start) == [EndBook(f"slot.{moment}") for moment in (4000, 5000, 9000)]
    assert await journal.before(numbers[0], 3600) == numbers[0] - 1


async def test_a_clock_that_steps_back_hides_no_row(journal: Revocations, clock: Clock) -> None:
    await journal.note(ACTS[:1], START + DAY)
    number = await last(journal)
    clock.now -= 7200
    await journal.note(ACTS[1:2], START + DAY)
    assert ACTS[1] in await noted(journal, await journal.before(number, 3600))


async def test_where_to_begin_when_the_rows_are_gone(journal: Revocations, clock: Clock) -> None:
    await journal.note(ACTS, START + 1)
    number = await last(journal)
    clock.now += 1
    await journal.purge()
    assert await journal.before(number, 3600) == number
    assert await journal.before(number + 1, 3600) == 0, "never written: another directory's"


# --- epochs


async def test_an_epoch_is_above_the_floor_and_every_row(journal: Revocations, clock: Clock) -> None:
    clock.now = 100
    assert await journal.raise_epoch(["a", "b"], {"a": 700}, 200) == {"a": 701, "b": 100}
    assert await journal.raise_epoch(["a", "b"], {}, 200) == {"a": 702, "b": 101}
    clock.now = 50
    assert await journal.raise_epoch(["a"], {}, 200) == {"a": 703}, "a clock that stepped back"
    acts = [EndPerson("a", 701), EndPerson("b", 100), EndPerson("a", 702), EndPerson("b", 101)]
    assert await noted(journal) == [*acts, EndPerson("a", 703)]


async def test_an_epoch_is_above_one_whose_row_is_gone(journal: Revocations, clock: Clock) -> None:
    """Redis may keep an epoch for longer than the row; it may be away when the next one is raised."""
    (first,) = (await journal.raise_epoch(["a"], {}, START + 10)).values()
    clock.now += 10
    await journal.purge()
    assert await noted(journal) == []
    (second,) = (await journal.raise_epoch(["a"], {}, START + DAY)).values()
    assert second > first


async def test_what_else_ends_at_a_slot_is_no_epoch(journal: Revocations, clock: Clock) -> None:
    await journal.note([EndAtProvider("a", "campus", START + 999)], START + DAY)
    assert await journal.raise_epoch(["a"], {}, START + DAY) == {"a": START}


WRITER = """
import asyncio, sys
from gateway.directory import Directory
from gateway.revocation_rules import EndBook

async def main(url, name):
    directory = await Directory.open(url, b"k" * 32, lambda: 1_800_000_000.0)
    journal = directory.revocations
    for number in range(25):
        print(*(await journal.raise_epoch(["slot"], {}, 1_900_000_000)).values())
        await journal.note([EndBook(f"slot.{name}{number}")], 1_900_000_000)
    await directory.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_that_write_at_once_share_no_epoch_and_lose_no_row(
    journal: Revocations, file: Path
) -> None:
    """And whoever follows the rows meanwhile sees each once: none appears below the last one seen."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, url(file), name, stdout=subprocess.PIPE
        )
        for name in "xyz"
    ]
    writing = asyncio.gather(*(process.communicate() for process in processes))
    seen: list[NotedAct] = []
    while not writing.done():
        seen += await journal.after(seen[-1].id if seen else 0)
        await asyncio.sleep(0.005)
    seen += await journal.after(seen[-1].id if seen else 0)
    assert [process.returncode for process in processes] == [0, 0, 0]
    epochs = [int(line) for out, _ in await writing for line in out.split()]
    assert len(set(epochs)) == len(epochs) == 75
    acts = [row.act for row in seen]
    assert len(acts) == len(set(acts)) == 150
    assert seen == await journal.after(0)


# --- marks


async def test_marks_only_move_forward(journal: Revocations) -> None:
    assert await journal.marks() == Marks()
    await journal.mark_everybody(10)
    await journal.mark_provider("campus", 20)
    await journal.mark_provider("other", 5)
    await journal.mark_origin("https://book.example", 30)
    await journal.mark_provider("campus", 15)
    await journal.mark_everybody(11)
    found = Marks(11, {"campus": 20, "other": 5}, {"https://book.example": 30})
    assert await journal.marks() == found


async def test_what_ends_all_that_there_are_is_above_the_mark_before_it(journal: Revocations) -> None:
    """Also in the same second, and where the clock was ahead."""
    for ahead in (1, 1, DAY, 1):
        await journal.mark_everybody(START + ahead)
    assert (await journal.marks()).everybody == START + DAY + 1


# --- when the database is away

CALLS: list[Callable[[Revocations], Awaitable[object]]] = [
    lambda journal: journal.note(ACTS, START + DAY),
    lambda journal: journal.raise_epoch(["slot"], {}, START + DAY),
    lambda journal: journal.mark_everybody(START),
    lambda journal: journal.purge(),
]


@pytest.mark.parametrize("call", CALLS)
async def test_a_locked_database_is_unavailable_and_nothing_is_half_noted(
    journal: Revocations, file: Path, call: Callable[[Revocations], Awaitable[object]]
) -> None:
    other = sqlite3.connect(file)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DirectoryUnavailableError):
        await call(journal)
    other.rollback()
    other.close()
    assert await noted(journal) == []
    await call(journal)
