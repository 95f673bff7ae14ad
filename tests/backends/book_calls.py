"""What the scripts of an unmodified book send to /ns, and what they make of the answers."""

import json

from tests.backends.services import Answer, Reader

COURSE = "tinybook"


async def call(reader: Reader, name: str, fields: object, **headers: str) -> Answer:
    return await reader.post(f"/ns/{name}", json.dumps(fields).encode(), **headers)


async def event(reader: Reader, **fields: object) -> Answer:
    body = {"act": "", "course_name": COURSE, "clientLoginStatus": True, "timezoneoffset": 0} | fields
    return await call(reader, "logger/bookevent", body)


async def run(reader: Reader, **fields: object) -> Answer:
    body = {"language": "python", "errinfo": "success", "to_save": "True", "course": COURSE} | fields
    return await call(reader, "logger/runlog", body)


async def results(reader: Reader, kind: str, activity: str, course: str = COURSE) -> object:
    answer = await call(reader, "assessment/results", {"div_id": activity, "course": course, "event": kind})
    found = json.loads(answer.body)
    assert (answer.status, list(found)) == (200, ["detail"])
    return found["detail"]


async def restored(reader: Reader, kind: str, activity: str) -> dict[str, object]:
    """What comes back, without what every answer has beside it."""
    detail = await results(reader, kind, activity)
    assert isinstance(detail, dict), detail
    assert (detail["div_id"], detail["course_name"], detail["sid"]) == (activity, COURSE, "")
    around = {"div_id", "course_name", "sid", "id", "timestamp"}
    return {name: value for name, value in detail.items() if name not in around}


async def history(reader: Reader, activity: str, **more: str) -> list[str]:
    answer = await call(reader, "assessment/gethist", {"acid": activity} | more)
    detail = json.loads(answer.body)["detail"]
    assert (answer.status, detail["acid"], detail["sid"]) == (200, activity, "")
    assert len(detail["history"]) == len(detail["timestamps"])
    assert detail["timestamps"] == sorted(detail["timestamps"])
    return list(detail["history"])


async def versions(reader: Reader, item: str, course: str = COURSE) -> list[dict[str, object]]:
    answer = await reader.get(f"/v1/items/{item}/versions?course={course}&limit=500")
    found = answer.json["versions"]
    assert isinstance(found, list)
    return found
