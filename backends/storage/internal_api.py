"""What the gateway alone asks of storage. Its assertion says all of it; there is no body."""

from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from backends import query
from backends.assertion import GRID, Internal
from backends.serving import INTERNAL, INTERNAL_PATHS
from backends.storage import grid
from backends.storage.items import Shelf
from backends.storage.service import Storage

NDJSON: Final = "application/x-ndjson"


class InternalApi:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[web.RouteDef]:
        acts = {
            "merge": self.merge,
            "unmerge": self.unmerge,
            "delete": self.delete,
            "export": self.export,
            GRID: self.grid,
        }
        return [web.post(f"{INTERNAL_PATHS}{name}", handler) for name, handler in acts.items()]

    async def merge(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        return _answer(await self._storage.merge(*_two(request[INTERNAL])))

    async def unmerge(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        return _answer(await self._storage.unmerge(*_two(request[INTERNAL])))

    async def delete(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        said = request[INTERNAL]
        await self._storage.forget(Shelf(said.sub, said.book, said.iat))
        return _answer({"deleted": True})

    async def export(self, request: web.Request) -> web.StreamResponse:
        query.parse(request.rel_url.query.items(), ())
        said = request[INTERNAL]
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        await response.prepare(request)
        async for lines in self._storage.export(Shelf(said.sub, said.book)):
            await response.write(lines)
        return response

    async def grid(self, request: web.Request) -> web.Response:
        """Of each student who is named; of one who has done nothing there is nothing."""
        query.parse(request.rel_url.query.items(), ())
        said = request[INTERNAL]
        found = {}
        for student in dict.fromkeys(said.students):
            work = partial(grid.activities, shelf=Shelf(student, said.book))
            found[student] = await self._storage.read(work)
        return _answer({"students": [{"student": one, "activities": did} for one, did in found.items()]})


def _two(said: Internal) -> tuple[Shelf, Shelf]:
    """The loser's and the survivor's."""
    return Shelf(said.loser or "", said.book, said.iat), Shelf(said.sub, said.book, said.iat)


def _answer(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
