"""Figures over HTTP: /v1/stats/..., as JSON and as CSV, for who teaches or runs the book."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from backends import query
from backends.analytics import figures
from backends.analytics.figures import Table
from backends.analytics.staff import readers
from backends.analytics.stats import Question, Stats
from backends.problem import InvalidParameter
from backends.serving import ASSERTION

Figure = Callable[[Question], Awaitable[Table]]

PARAMETERS: Final = ("class", "from", "to", "offset", "format")
FORMATS: Final = frozenset({"json", "csv"})
OFFSET: Final = re.compile(r"-?[0-9]{1,4}")
FARTHEST: Final = 14 * 60  # minutes from UTC


class StatsApi:
    """roles: whose holders see the figures of the whole book."""

    def __init__(self, stats: Stats, roles: frozenset[str]) -> None:
        self._stats = stats
        self._roles = roles

    def routes(self) -> list[web.RouteDef]:
        found = {
            "items": self._stats.items,
            "pages": self._stats.pages,
            "errors": self._stats.errors,
            "funnel": self._stats.funnel,
            "hours": self._stats.hours,
        }
        return [web.get(f"/v1/stats/{name}", self._handler(figure)) for name, figure in found.items()]

    def _handler(self, figure: Figure) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            asked = query.parse(request.rel_url.query.items(), PARAMETERS)
            spelling = asked.get("format", "json")
            if spelling not in FORMATS:
                raise InvalidParameter("format is json or csv.")
            question = self.question(request, asked)
            table = await figure(question)
            if spelling == "csv":
                return csv_answer(table)
            said = figures.whole(table, question.days, question.readers.class_id)
            return web.Response(body=msgspec.json.encode(said), content_type="application/json")

        return handle

    def question(self, request: web.Request, asked: dict[str, str]) -> Question:
        """What is asked for, by whom; raises NotATeacher and InvalidParameter."""
        whom = readers(request[ASSERTION], self._roles, asked.get("class"))
        return Question(
            whom, self._stats.days(asked.get("from"), asked.get("to")), _offset(asked.get("offset"))
        )


def csv_answer(table: Table) -> web.Response:
    return web.Response(
        text=table.csv(),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{table.name}.csv"'},
    )


def _offset(text: str | None) -> int:
    if text is None:
        return 0
    if not OFFSET.fullmatch(text) or abs(int(text)) > FARTHEST:
        raise InvalidParameter(f"offset is a number of minutes from -{FARTHEST} to {FARTHEST}.")
    return int(text)
