"""Analytics over HTTP: events, a person's own, and what the gateway alone asks. Nothing is decided here."""

import re
from typing import Final

import msgspec
from aiohttp import web

from backends import body, moment, query
from backends.analytics import batches, runestone
from backends.analytics.service import Analytics
from backends.problem import InvalidHeader
from backends.serving import ASSERTION, INTERNAL, INTERNAL_PATHS

KEY: Final = re.compile(r"[\x20-\x7e]{1,200}")


class Api:
    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/events", self.take),
            web.post("/v1/runestone", self.take_runestone),
            web.delete("/v1/me", self.forget),
            web.post(f"{INTERNAL_PATHS}merge", self.merge),
            web.post(f"{INTERNAL_PATHS}unmerge", self.unmerge),
            web.post(f"{INTERNAL_PATHS}delete", self.delete),
            web.post(f"{INTERNAL_PATHS}export", self.export),
        ]

    async def take(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        media_type = body.media_type(request)
        content = await body.read(request, batches.limit(media_type), gzip=True)
        taken = await self._analytics.take(request[ASSERTION], batches.parse(media_type, content))
        return _accepted(taken)

    async def take_runestone(self, request: web.Request) -> web.Response:
        """One call of a book to its Runestone server, as the book made it."""
        page = query.parse(request.rel_url.query.items(), ("page",)).get("page")
        made = moment.device_time(request.headers)
        key = request.headers.get("Idempotency-Key")
        if key is not None and not KEY.fullmatch(key):
            raise InvalidHeader("Idempotency-Key has 1 to 200 printable characters of ASCII.")
        fields = runestone.parse(await body.read(request, runestone.LARGEST))
        event = runestone.event(fields, key, made or self._analytics.now(), page)
        return _accepted(await self._analytics.take(request[ASSERTION], [event]))

    async def forget(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        return _accepted({"deleted": {"events": await self._analytics.forget(request[ASSERTION].sub)}})

    async def delete(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        return _accepted({"deleted": {"events": await self._analytics.delete(request[INTERNAL])}})

    async def merge(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        return _accepted(await self._analytics.merge(request[INTERNAL]))

    async def unmerge(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        return _accepted(await self._analytics.unmerge(request[INTERNAL]))

    async def export(self, request: web.Request) -> web.StreamResponse:
        query.parse(request.rel_url.query.items(), ())
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async for lines in self._analytics.export(request[INTERNAL].sub):
            await response.write(lines)
        return response


def _accepted(value: object) -> web.Response:
    return web.Response(status=202, body=msgspec.json.encode(value), content_type="application/json")
