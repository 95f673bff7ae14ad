"""What the gateway alone asks of storage. Its assertion says all of it; there is no body."""

import msgspec
from aiohttp import web

from backends import query
from backends.serving import INTERNAL, INTERNAL_PATHS
from backends.storage.items import Shelf
from backends.storage.service import Storage


class InternalApi:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[web.RouteDef]:
        return [web.post(f"{INTERNAL_PATHS}merge", self.merge)]

    async def merge(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        said = request[INTERNAL]
        merged = await self._storage.merge(Shelf(said.loser, said.book), Shelf(said.sub, said.book))
        return web.Response(body=msgspec.json.encode(merged), content_type="application/json")
