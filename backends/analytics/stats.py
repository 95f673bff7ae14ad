"""Figures about the readers of a book, asked of the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, Executable

from backends.analytics import aggregates, figures
from backends.analytics.figures import Days, Row, Table
from backends.analytics.staff import Readers
from backends.database import Database

MOST: Final = 5000  # rows of one figure
MOST_FAILURES: Final = 500_000

Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """What figures are asked for. offset: of the readers' clock from UTC, in minutes (for hours alone)."""

    readers: Readers
    days: Days
    offset: int = 0

    def parameters(self, at_most: int) -> Parameters:
        in_quotes = "" if self.readers.class_id is None else f'"{self.readers.class_id}"'
        return {
            "book": self.readers.book,
            "class_in_quotes": in_quotes,
            "since": self.days.since,
            "until": self.days.until,
            "k": figures.K,
            "at_most": at_most,
        }


class Stats:
    """`clock` tells Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def days(self, first: str | None, last: str | None) -> Days:
        """Raises InvalidParameter."""
        return Days.parse(first, last, datetime.fromtimestamp(self._clock(), UTC).date())

    async def items(self, question: Question) -> Table:
        rows = await self._rows(aggregates.ITEMS, question.parameters(MOST))
        return figures.items(rows, await self._rows(aggregates.WRONG, question.parameters(MOST)))

    async def pages(self, question: Question) -> Table:
        return figures.pages(await self._rows(aggregates.PAGES, question.parameters(MOST)))

    async def funnel(self, question: Question) -> Table:
        return figures.funnel(await self._rows(aggregates.PAGES, question.parameters(MOST)))

    async def errors(self, question: Question) -> Table:
        return figures.errors(await self._rows(aggregates.ERRORS, question.parameters(MOST_FAILURES)))

    async def hours(self, question: Question) -> Table:
        asked = {**question.parameters(MOST), "offset": question.offset * 60_000}
        return figures.hours(await self._rows(aggregates.HOURS, asked))

    async def _rows(self, statement: Executable, parameters: Parameters) -> list[Row]:
        return await self._database.read(partial(_all, statement, parameters))


def _all(statement: Executable, parameters: Parameters, connection: Connection) -> list[Row]:
    return [dict(row) for row in connection.execute(statement, parameters).mappings()]
