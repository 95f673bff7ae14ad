"""What somebody asks about all of their work in a book: how much it is, a copy, its end."""

from functools import partial
from typing import Final

from aiohttp import web

from backends import moment, query
from backends.serving import REQUEST_ID
from backends.storage import caller, reading, shown
from backends.storage.service import Storage

ZIP: Final = {"Content-Type": "application/zip", "Content-Disposition": 'attachment; filename="work.zip"'}


class MeApi:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/me/usage", self.usage),
            web.post("/v1/me/export", self.export),
            web.delete("/v1/me", self.delete),
        ]

    async def usage(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        return shown.answer(await self._storage.read(partial(reading.usage, shelf=caller.shelf(request))))

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A zip. One that breaks off has no directory at its end, so nobody takes it for whole."""
        query.parse(request.rel_url.query.items(), ())
        pieces = self._storage.archive(caller.shelf(request))
        first = await anext(pieces)
        response = web.StreamResponse(headers=ZIP)
        await response.prepare(request)
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
        return response

    async def delete(self, request: web.Request) -> web.Response:
        """The receipt names the request, as logs do."""
        query.parse(request.rel_url.query.items(), ())
        shelf = caller.shelf(request)
        erased = await self._storage.erase(shelf)
        receipt = {
            "receipt": request[REQUEST_ID],
            "book": shelf.book,
            "at": moment.spell(erased.at),
            "deleted": {"items": erased.items, "versions": erased.versions, "bytes": erased.bytes},
        }
        return shown.answer(receipt, 202)
