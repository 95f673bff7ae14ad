"""Two visits each of a real Runestone and a real PreTeXt book, as recorded, replayed call by call.

runestone_visits.json: what the books sent and what a stub answered, the second visit in a fresh browser.
"""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlencode

import pytest

from tests.backends.services import Running


class Call(TypedDict, total=False):
    method: str
    path: str
    query: dict[str, str]
    body: dict[str, object]
    status: int
    answer: dict[str, object]


VISITS: dict[str, list[Call]] = json.loads(
    Path(__file__).with_name("runestone_visits.json").read_text("utf-8")
)


TODAY = datetime.now(UTC).date().isoformat()
# What the stub did not keep: which pages are completed. It took completionFlag for the reader's own mark,
# which PreTeXt pages send as 1 on every load.
BETTER = {
    ("Runestone 7.13.9", "/ns/logger/getAllCompletionStatus"): [
        {"chapterName": "chap1", "subChapterName": "page1.html", "completionStatus": 1, "endDate": TODAY}
    ],
    ("PreTeXt 2.56.1", "/ns/logger/getCompletionStatus"): [{"completionStatus": -1}],
}


def expected(book: str, call: Call) -> object:
    """The stub's answer, but for what we say better: a truth is a boolean, and nobody is named."""
    detail = BETTER.get((book, call["path"]), call["answer"]["detail"])
    if not isinstance(detail, dict):
        return detail
    given = {name: value for name, value in detail.items() if name not in {"timestamp", "timestamps", "id"}}
    if given.get("correct") in {"T", "F"}:
        given["correct"] = given["correct"] == "T"
    return given | ({"sid": ""} if "sid" in given else {})


def told(detail: object) -> object:
    """The same of our answer; the times in it are the server's own and name their zone."""
    if not isinstance(detail, dict):
        return detail
    times: list[str] = [detail["timestamp"]] if "timestamp" in detail else detail.get("timestamps", [])
    for time in times:
        moment = datetime.fromisoformat(time)
        assert moment.tzinfo is not None
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
    assert len(times) == len(detail.get("history", times))
    return {name: value for name, value in detail.items() if name not in {"timestamp", "timestamps", "id"}}


@pytest.mark.parametrize("book", VISITS)
async def test_recorded_visits(store: Running, book: str) -> None:
    sub = str(uuid.uuid4())
    for call in VISITS[book]:
        reader = store.reader(sub=sub)
        target = call["path"] + (f"?{urlencode(call['query'])}" if "query" in call else "")
        if call["method"] == "GET":
            answer = await reader.get(target)
        else:
            answer = await reader.post(
                target, json.dumps(call["body"]).encode(), content_type="application/json; charset=utf-8"
            )
        assert (answer.status, list(answer.json)) == (call["status"], ["detail"]), call
        assert answer.headers["Content-Type"] == "application/json"
        assert told(answer.json["detail"]) == expected(book, call), call
