"""The calls of unmodified Runestone and PreTeXt books over HTTP: /ns. What they mean is said by `runestone`.

The address is the one that such books call by themselves; answers are wrapped as `{"detail": ...}`. A page
shows an alert for any answer outside 2xx to bookevent and runlog, so whatever a page sends in its ordinary
work is saved. `sid`, `course` and the like in a body are the page's words: they name, and grant nothing.
"""

import re
from functools import partial
from typing import Final

from aiohttp import web

from backends import body, moment
from backends.problem import NotFound, UnsupportedType
from backends.storage import caller, reading, runestone
from backends.storage.conditions import Conditions
from backends.storage.items import KIB, LARGEST, Item, Key, Kind, Mode
from backends.storage.outcomes import Gone
from backends.storage.runestone import DONE, Entry, Fields
from backends.storage.service import Storage
from backends.storage.writing import Put, Replay

JSON: Final = "application/json"
PROGRAMS: Final = 200  # of one history
HISTORY: Final = 4 * KIB * KIB  # bytes of one history
PAGES: Final = 2000  # of one book that are listed as completed
# Paths on the book's own host; pages put them into their HTML as they come.
PAGE: Final = re.compile(r"/(?!/)[A-Za-z0-9._~!$()*+,;=:@%/-]{0,1000}")


class RunestoneApi:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/ns/logger/bookevent", self.bookevent),
            web.post("/ns/logger/runlog", self.runlog),
            web.post("/ns/assessment/results", self.results),
            web.post("/ns/assessment/gethist", self.history),
            web.post("/ns/assessment/tookTimedAssessment", self.took_exam),
            web.get("/ns/assessment/getpollresults", self.poll),
            web.post("/ns/logger/updatelastpage", self.turn_page),
            web.get("/ns/logger/getlastpage", self.last_page),
            web.get("/ns/logger/getCompletionStatus", self.completion),
            web.get("/ns/logger/getAllCompletionStatus", self.completions),
            web.post("/ns/logger/set_tz_offset", time_zone),
        ]

    async def bookevent(self, request: web.Request) -> web.Response:
        content = await _read(request)
        await self._keep(
            request, runestone.bookevent(runestone.parse(content)), caller.replay(request, content)
        )
        return _answer(None, 201)

    async def runlog(self, request: web.Request) -> web.Response:
        content = await _read(request)
        fields = runestone.parse(content)
        await self._keep(request, runestone.runlog(fields), caller.replay(request, content))
        if runestone.has_partner(fields):
            return _answer("Saved for you. Nothing was saved for your partner.", 207)
        return _answer(None, 201)

    async def results(self, request: web.Request) -> web.Response:
        fields = await _fields(request)
        event, activity = runestone.text(fields, "event"), runestone.text(fields, "div_id")
        course = runestone.named(runestone.text(fields, "course"))
        keys = (
            runestone.exam_keys(course, activity)
            if event == "timedExam"
            else (runestone.answer_key(course, event, activity),)
        )
        for key in keys:
            found = await self._find(request, key)
            if found is not None:
                item, kept = found
                saved = moment.spell(item.updated)
                result = runestone.result(event, kept, saved=saved, revision=item.revision)
                return _answer("no data" if result is None else result)
        return _answer("no data")

    async def history(self, request: web.Request) -> web.Response:
        """Sources of a program, oldest first. Books do not say the course; ours may."""
        fields = await _fields(request)
        activity = runestone.text(fields, "acid")
        course: str | None = runestone.named(runestone.text(fields, "course"))
        shelf, key = caller.shelf(request), runestone.run_key(course or "", activity)
        if fields.get("course") is None:
            course = await self._storage.read(partial(reading.latest_course, shelf=shelf, item=key.id))
        key = Key(course or "", key.id)
        runs = await self._storage.read(
            partial(reading.history, shelf=shelf, key=key, limit=PROGRAMS, room=HISTORY)
        )
        sources = [
            (kept["code"], moment.spell(run.saved))
            for run in runs
            if (kept := runestone.read(run.body)) is not None and isinstance(kept.get("code"), str)
        ]
        return _answer(
            {
                "acid": activity,
                "sid": "",
                "history": [source for source, _ in sources],
                "timestamps": [saved for _, saved in sources],
            }
        )

    async def took_exam(self, request: web.Request) -> web.Response:
        """False makes the page clear its local storage, so only what is known not to be there is false."""
        fields = await _fields(request)
        course = runestone.named(runestone.text(fields, "course_name"))
        keys = runestone.exam_keys(course, runestone.text(fields, "div_id"))
        found = [await self._find(request, key) for key in keys]
        return _answer({"tookAssessment": any(one is not None for one in found)})

    async def poll(self, request: web.Request) -> web.Response:
        """The reader's own vote alone: how others voted is not counted here."""
        asked = request.rel_url.query
        activity = asked.get("div_id", "")
        key = runestone.answer_key(runestone.named(asked.get("course", "")), "poll", activity)
        found = await self._find(request, key)
        vote = None if found is None else runestone.vote(found[1])
        return _answer(
            {
                "total": 0 if vote is None else 1,
                "opt_counts": {} if vote is None else {vote: 1},
                "div_id": activity,
                "my_vote": -1 if vote is None else vote,
                "my_comment": "",
            }
        )

    async def turn_page(self, request: web.Request) -> web.Response:
        """`completionFlag` is left alone: pages send 1 also where they show no button to complete them."""
        content = await _read(request)
        fields = runestone.parse(content)
        page, course = runestone.text(fields, "lastPageUrl"), runestone.text(fields, "course")
        read = Entry(Key(runestone.named(course), "ns.page"), Kind.PROGRESS, runestone.encode(dict(fields)))
        replay = caller.replay(request, content)
        if fields.get("markingComplete") is True or fields.get("markingIncomplete") is True:
            done = {"lastPageUrl": page, "completionStatus": int(fields.get("markingComplete") is True)}
            key = Key("", DONE + runestone.named(page))
            # one key, one remembered write: the mark, which an old replay must not turn back
            await self._keep(request, Entry(key, Kind.PROGRESS, runestone.encode(done)), replay)
            replay = None
        await self._keep(request, read, replay)
        return _answer("Success")

    async def last_page(self, request: web.Request) -> web.Response:
        course = runestone.named(request.rel_url.query.get("course", ""))
        found = await self._find(request, Key(course, "ns.page"))
        kept = None if found is None else runestone.read(found[1])
        path = None if kept is None else kept.get("lastPageUrl")
        if kept is None or not isinstance(path, str) or PAGE.fullmatch(path) is None:
            return _answer(_last_page(None, None, None, None))
        chapter, page = _names(path)
        scrolled = kept.get("lastPageScrollLocation")
        return _answer(
            _last_page(
                path,
                chapter or page,
                page.removesuffix(".html"),
                scrolled if isinstance(scrolled, int) else 0,
            )
        )

    async def completion(self, request: web.Request) -> web.Response:
        page = request.rel_url.query.get("lastPageUrl", "")
        found = await self._find(request, Key("", DONE + runestone.named(page)))
        kept = None if found is None else runestone.read(found[1])
        return _answer([{"completionStatus": -1 if kept is None else _status(kept)}])

    async def completions(self, request: web.Request) -> web.Response:
        found = await self._storage.read(
            partial(reading.contents, shelf=caller.shelf(request), course="", prefix=DONE, limit=PAGES)
        )
        return _answer(
            [
                {
                    "chapterName": chapter,
                    "subChapterName": page,
                    "completionStatus": _status(kept),
                    "endDate": moment.spell(one.saved)[:10],
                }
                for one in found
                if (kept := runestone.read(one.body)) is not None
                for chapter, page in [_names(str(kept.get("lastPageUrl")))]
            ]
        )

    async def _keep(self, request: web.Request, entry: Entry, replay: Replay | None) -> None:
        put = Put(
            key=entry.key,
            body=entry.body,
            content_type=JSON,
            kind=entry.kind,
            mode=Mode.LWW,
            conditions=Conditions(),
            client_ts=moment.device_time(request.headers),
        )
        await self._storage.put(caller.shelf(request), put, replay)

    async def _find(self, request: web.Request, key: Key) -> tuple[Item, bytes] | None:
        try:
            return await self._storage.content(caller.shelf(request), key)
        except (NotFound, Gone):
            return None


async def time_zone(request: web.Request) -> web.Response:
    """Nothing is kept: times are said with their zone."""
    await _fields(request)
    return _answer("success")


async def _read(request: web.Request) -> bytes:
    if body.media_type(request) != JSON:
        raise UnsupportedType("Calls of books are JSON.")
    return await body.read(request, LARGEST[Kind.PROGRAM])


async def _fields(request: web.Request) -> Fields:
    return runestone.parse(await _read(request))


def _answer(detail: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=runestone.encode({"detail": detail}), content_type=JSON)


def _names(path: str) -> tuple[str, str]:
    """Chapter and page: how books find a page in their table of contents."""
    chapter, _, page = path.rpartition("/")
    return chapter.rpartition("/")[2], page


def _status(kept: Fields) -> int:
    return 1 if kept.get("completionStatus") == 1 else 0


def _last_page(path: str | None, chapter: str | None, page: str | None, scrolled: int | None) -> object:
    return {
        "lastPageUrl": path,
        "lastPageHash": "",
        "lastPageChapter": chapter,
        "lastPageSubchapter": page,
        "lastPageScrollLocation": scrolled,
    }
