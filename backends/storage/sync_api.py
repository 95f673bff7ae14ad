"""What devices that work offline ask: POST /v1/sync. What it means is said by `sync` and `writing`."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from aiohttp import web

from backends import body, query
from backends.problem import Problem, UnsupportedType
from backends.storage import caller, changes, shown, sync
from backends.storage.items import KIB, Key, revision_in
from backends.storage.outcomes import Deleted, Lost, Outcome, Stored
from backends.storage.service import Storage
from backends.storage.sync import Change, Refused

LARGEST: Final = 8 * KIB * KIB  # the largest body in base64, and its like


class SyncApi:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/sync", self.sync)]

    async def sync(self, request: web.Request) -> web.Response:
        query.parse(request.rel_url.query.items(), ())
        if body.media_type(request) != "application/json":
            raise UnsupportedType("A sync is JSON.")
        asked = sync.parse(await body.read(request, LARGEST))
        shelf = caller.shelf(request)
        good = [change for change in asked.changes if isinstance(change, Change)]
        outcomes = iter(await self._storage.change(shelf, good) if good else ())
        done = [(one, one.problem if isinstance(one, Refused) else next(outcomes)) for one in asked.changes]
        found = await self._storage.read(
            partial(changes.page, shelf=shelf, cursor=asked.cursor, limit=asked.limit)
        )
        own = set() if found.anew else {(one.write.key, outcome.etag) for one, outcome in _standing(done)}
        return shown.answer(
            {
                "results": [_result(one.mutation, outcome) for one, outcome in done],
                "changes": [
                    shown.item(item) | ({} if content is None else shown.content(content))
                    for item, content in found.items
                    if (Key(item.course, item.id), item.etag) not in own
                ],
                "cursor": None if found.cursor is None else found.cursor.spell(),
                "more": found.more,
                "anew": found.anew,
            }
        )


def _standing(done: Iterable[tuple[Change | Refused, Outcome | Problem]]) -> Iterator[tuple[Change, Stored]]:
    """What is there as its device sent it, and need not be told."""
    for one, outcome in done:
        if isinstance(one, Change) and isinstance(outcome, Stored) and outcome.stands:
            yield one, outcome


def _result(mutation: str | None, outcome: Outcome | Problem) -> dict[str, object]:
    said: dict[str, object] = {"mutation_id": mutation}
    match outcome:
        case Stored():
            status = "united" if outcome.united else "applied"
            return said | {"status": status, "revision": revision_in(outcome.etag), "etag": outcome.etag}
        case Deleted():
            return said | {"status": "applied", "revision": 0, "etag": None}
        case Lost():
            there = 0 if outcome.etag is None else revision_in(outcome.etag)
            lost = {"revision": there, "etag": outcome.etag, "branch": outcome.branch}
            return said | {"status": "conflict"} | lost
        case Problem():
            return said | {
                "status": "refused",
                "code": outcome.code,
                "detail": outcome.detail or outcome.title,
            }
