"""Storage over HTTP: /v1/items and what belongs to it. Nothing is decided here."""

import base64
import binascii
from functools import partial
from typing import Final

from aiohttp import web
from multidict import CIMultiDictProxy

from backends import body, moment, query
from backends.problem import InvalidParameter
from backends.storage import caller, media, reading, shown
from backends.storage.conditions import Conditions, Judgement, judge_read, match_fails
from backends.storage.items import (
    LARGEST,
    InvalidItemId,
    Key,
    parse_course,
    parse_ids,
    parse_kind,
    parse_mode,
    parse_prefix,
)
from backends.storage.outcomes import Deleted, Lost, Outcome, PreconditionFailed, Stored
from backends.storage.reading import TOGETHER, AttemptsOf, Listing
from backends.storage.service import Storage
from backends.storage.writing import Delete, Put, Replay

PAGE: Final = 100
LARGEST_PAGE: Final = 500
MOST_TOGETHER: Final = 100
LATEST: Final = 2**53


class Api:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/items", self.page),
            web.get("/v1/contents", self.together),
            web.get("/v1/attempts", self.attempts),
            web.get("/v1/items/{id}", self.read),
            web.put("/v1/items/{id}", self.write),
            web.delete("/v1/items/{id}", self.delete),
            web.get("/v1/items/{id}/versions", self.versions),
            web.get("/v1/items/{id}/versions/{revision}", self.version),
        ]

    async def page(self, request: web.Request) -> web.Response:
        asked = query.parse(
            request.rel_url.query.items(), {"course", "prefix", "kind", "updated_since", "limit", "cursor"}
        )
        limit = query.number(asked.get("limit"), "limit", default=PAGE, largest=LARGEST_PAGE)
        listing = Listing(
            course=parse_course(asked.get("course")),
            prefix=parse_prefix(asked.get("prefix")),
            kind=parse_kind(asked.get("kind")),
            since=_moment(asked.get("updated_since"), "updated_since"),
            after=_cursor(asked.get("cursor")),
            limit=limit + 1,
        )
        found = await self._storage.read(partial(reading.page, shelf=caller.shelf(request), listing=listing))
        following = _following(found[limit - 1].id) if len(found) > limit else None
        return shown.answer({"items": [shown.item(item) for item in found[:limit]], "cursor": following})

    async def together(self, request: web.Request) -> web.Response:
        asked = query.parse(request.rel_url.query.items(), {"ids", "course"})
        keys = parse_ids(asked.get("ids"), asked.get("course"), MOST_TOGETHER)
        found = await self._storage.read(
            partial(reading.together, shelf=caller.shelf(request), keys=keys, room=TOGETHER)
        )
        contents, apart = [], found.apart
        for item, content in found.contents:
            if media.is_json(item.content_type):
                contents.append({"id": item.id, "etag": item.etag, "body": content.decode()})
            else:
                apart.append(item.id)
        return shown.answer({"contents": contents, "apart": apart})

    async def read(self, request: web.Request) -> web.Response:
        key = _key(request, query.parse(request.rel_url.query.items(), {"course"}))
        conditions = _conditions(request.headers)
        item, content = await self._storage.content(caller.shelf(request), key)
        etag = item.etag or ""
        if match_fails(conditions, etag):
            raise PreconditionFailed(members={"etag": etag})
        headers = {"ETag": etag, "Last-Modified": shown.http_date(item.updated)}
        if judge_read(conditions, etag) is Judgement.FAILED:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, headers={**headers, **media.headers(item.content_type, item.kind)})

    async def write(self, request: web.Request) -> web.Response:
        asked = query.parse(request.rel_url.query.items(), {"course", "kind", "mode"})
        kind = parse_kind(asked.get("kind"))
        content_type = request.headers.get("Content-Type", "")
        media.check_type(content_type, kind)
        put = Put(
            key=_key(request, asked),
            kind=kind,
            mode=parse_mode(asked.get("mode")),
            conditions=_conditions(request.headers),
            client_ts=moment.device_time(request.headers),
            content_type=content_type,
            body=await body.read(request, max(LARGEST.values()) if kind is None else LARGEST[kind]),
        )
        media.check_body(content_type, put.body)
        replay = Replay.of(caller.idempotency_key(request), put)
        return _answer(await self._storage.put(caller.shelf(request), put, replay))

    async def delete(self, request: web.Request) -> web.Response:
        asked = query.parse(request.rel_url.query.items(), {"course", "mode"})
        delete = Delete(_key(request, asked), parse_mode(asked.get("mode")), _conditions(request.headers))
        replay = Replay.of(caller.idempotency_key(request), delete)
        return _answer(await self._storage.delete(caller.shelf(request), delete, replay))

    async def versions(self, request: web.Request) -> web.Response:
        asked = query.parse(request.rel_url.query.items(), {"course", "limit", "cursor"})
        limit = query.number(asked.get("limit"), "limit", default=PAGE, largest=LARGEST_PAGE)
        before = query.number(asked.get("cursor"), "cursor", default=LATEST, largest=LATEST)
        key = _key(request, asked)
        found = await self._storage.read(
            partial(reading.versions, shelf=caller.shelf(request), key=key, before=before, limit=limit + 1)
        )
        following = str(found[limit - 1].revision) if len(found) > limit else None
        return shown.answer({"versions": [shown.version(one) for one in found[:limit]], "cursor": following})

    async def version(self, request: web.Request) -> web.Response:
        key = _key(request, query.parse(request.rel_url.query.items(), {"course"}))
        revision = query.number(request.match_info["revision"], "revision", default=0, largest=LATEST)
        version, kind, content = await self._storage.read(
            partial(reading.version, shelf=caller.shelf(request), key=key, revision=revision)
        )
        headers = {
            "ETag": version.etag,
            "Last-Modified": shown.http_date(version.saved),
            **media.headers(version.content_type, kind),
        }
        if judge_read(_conditions(request.headers), version.etag) is Judgement.FAILED:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, headers=headers)

    async def attempts(self, request: web.Request) -> web.Response:
        asked = query.parse(request.rel_url.query.items(), {"course", "item", "since", "limit", "cursor"})
        item = None if asked.get("item") is None else Key.parse(asked["item"], None).id
        begin = _attempt_cursor(asked.get("cursor"))
        since = _moment(asked.get("since"), "since")
        limit = query.number(asked.get("limit"), "limit", default=PAGE, largest=LARGEST_PAGE)
        wanted = AttemptsOf(parse_course(asked.get("course")), item, since or 0, begin, limit)
        found, more = await self._storage.read(
            partial(reading.attempts, shelf=caller.shelf(request), wanted=wanted)
        )
        following = f"{found[-1][1].revision}.{found[-1][0]}" if more else None
        return shown.answer(
            {
                "attempts": [
                    {"item": item}
                    | shown.version(version)
                    | ({} if content is None else shown.content(content))
                    for item, version, content in found
                ],
                "cursor": following,
            }
        )


def _key(request: web.Request, asked: dict[str, str]) -> Key:
    return Key.parse(request.match_info["id"], asked.get("course"))


def _conditions(headers: CIMultiDictProxy[str]) -> Conditions:
    return Conditions.parse(headers.getall("If-Match", []), headers.getall("If-None-Match", []))


def _answer(outcome: Outcome) -> web.Response:
    match outcome:
        case Stored():
            return web.Response(status=201 if outcome.created else 204, headers={"ETag": outcome.etag})
        case Deleted():
            return web.Response(status=204)
        case Lost():
            raise PreconditionFailed(members={"etag": outcome.etag, "branch": outcome.branch})


def _moment(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    since = moment.parse(text)
    if since is None:
        raise InvalidParameter(f"{name} is a time of RFC 3339 that names its zone, such as Z.")
    return since


def _following(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def _cursor(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return Key.parse(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii"), None).id
    except (binascii.Error, ValueError, InvalidItemId) as error:
        raise InvalidParameter("cursor comes from an earlier answer.") from error


def _attempt_cursor(text: str | None) -> tuple[str, int]:
    """Item and revision of the last attempt of the page before."""
    if text is None:
        return "", 0
    revision, _, item = text.partition(".")
    try:
        return Key.parse(item, None).id, query.number(revision, "cursor", default=0, largest=LATEST)
    except InvalidItemId as error:
        raise InvalidParameter("cursor comes from an earlier answer.") from error
