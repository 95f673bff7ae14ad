"""Events over HTTP, and what the file holds afterwards."""

import gzip
import uuid

import msgspec
import pytest
from sqlalchemy import text

from backends.allowance import Rate
from tests.backends.issuer import Issuer
from tests.backends.services import Answer, Reader, Running, analytics

SECRET = "what-Ada-wrote"
ABOVE_1 = (
    "correct", "score", "dur_ms", "code_sha", "error_type", "error_line", "answer", "error", "delta", "x",
)  # fmt: skip


def event(**changed: object) -> dict[str, object]:
    made: dict[str, object] = {
        "id": str(uuid.uuid4()),
        "type": "Run.Program",
        "t": "2026-11-22T10:00:00.250Z",
        "seq": 1,
        "session": "visit-1",
        "page": "/ch1.html?name=Ada#x",
        "item": "loop",
        "item_kind": "program",
        "attempt": 2,
        "answer": SECRET,
        "correct": True,
        "score": 0.5,
        "dur_ms": 1200,
        "code_sha": "a" * 40,
        "delta": [SECRET],
        "error": {"message": SECRET},
        "x": {"note": SECRET},
    }
    return {name: value for name, value in (made | changed).items() if value is not ...}


@pytest.fixture
def pseudonym() -> str:
    return f"pseudonym-{uuid.uuid4()}"


@pytest.fixture
def ada(events: Running, pseudonym: str) -> Reader:
    return events.reader(sub=pseudonym)


async def send(reader: Reader, value: object, content_type: str = "application/json") -> Answer:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return await reader.post("/v1/events", body, content_type=content_type)


async def rows(running: Running, pseudonym: str) -> list[dict[str, object]]:
    found = await running.file.read(
        lambda connection: (
            connection.execute(
                text("SELECT * FROM events WHERE pseudonym = :p ORDER BY seq"), {"p": pseudonym}
            )
            .mappings()
            .all()
        )
    )
    return [dict(row) for row in found]


def taken(answer: Answer) -> tuple[object, object, object]:
    assert answer.status == 202
    said = answer.json
    assert said.keys() == {"accepted", "duplicate", "rejected"}
    return said["accepted"], said["duplicate"], said["rejected"]


async def test_level_1_keeps_what_counting_needs_and_no_more(
    events: Running, ada: Reader, pseudonym: str
) -> None:
    sent = event()
    assert taken(await send(ada, [sent])) == (1, 0, [])
    (row,) = await rows(events, pseudonym)
    assert SECRET not in str(row)
    received = row.pop("received")
    assert isinstance(received, int)
    assert row == {
        "pseudonym": pseudonym,
        "id": sent["id"],
        "type": "Run.Program",
        "t": 1795341600250,
        "seq": 1,
        "session": "visit-1",
        "page": "/ch1.html",
        "item": "loop",
        "item_kind": "program",
        "attempt": 2,
        "book": "book-1",
        "classes": '["class-1"]',
        "roles": "[]",
        "staff": False,
        "level": 1,
        "schema": 2,
        "came_from": None,
        **dict.fromkeys(ABOVE_1),
    }


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        pytest.param("list", "application/json", id="list"),
        pytest.param("object", "application/json; charset=utf-8", id="object"),
        pytest.param("lines", "application/x-ndjson", id="NDJSON"),
        pytest.param("lines", "application/jsonl", id="JSON lines"),
        pytest.param("object", "text/plain;charset=UTF-8", id="beacon"),
        pytest.param("list", "text/plain", id="beacon with a list"),
    ],
)
async def test_every_form_of_a_batch(ada: Reader, form: str, content_type: str) -> None:
    batch = [event(seq=number) for number in range(3)]
    bodies: dict[str, object] = {
        "list": batch,
        "object": {"events": batch},
        "lines": b"\n".join(msgspec.json.encode(one) for one in batch) + b"\r\n\n",
    }
    assert taken(await send(ada, bodies[form], content_type)) == (3, 0, [])
    assert taken(await send(ada, bodies[form], content_type)) == (0, 3, [])


async def test_a_batch_may_be_zipped(ada: Reader) -> None:
    first, second = (b"".join(msgspec.json.encode(event()) + b"\n" for _ in range(2)) for _ in range(2))
    for coding, body in (
        ("gzip", gzip.compress(first)),
        ("X-GZIP", gzip.compress(first) + gzip.compress(second)),
    ):
        answer = await ada.post("/v1/events", body, content_type="application/jsonl", content_encoding=coding)
        assert taken(answer)[2] == []
    assert taken(answer)[:2] == (2, 2)


@pytest.mark.parametrize(
    ("body", "coding", "status", "code"),
    [
        pytest.param(b"[]", "gzip", 400, "invalid_request", id="not zipped"),
        pytest.param(gzip.compress(b"[]")[:-4], "gzip", 400, "invalid_request", id="half of it"),
        pytest.param(gzip.compress(b"[]") + b"more", "gzip", 400, "invalid_request", id="more after it"),
        pytest.param(b"", "gzip", 400, "invalid_json", id="nothing"),
        pytest.param(gzip.compress(bytes(200_000_000)), "gzip", 413, "too_large", id="a bomb"),
        pytest.param(
            gzip.compress(b" " * 1024 * 1024) * 2, "gzip", 413, "too_large", id="two halves of too much"
        ),
        pytest.param(b"[]", "br", 415, "unsupported_type", id="another coding"),
        pytest.param(gzip.compress(b"[]"), "gzip, gzip", 415, "unsupported_type", id="twice"),
    ],
)
async def test_what_is_not_zipped_as_it_says(
    ada: Reader, body: bytes, coding: str, status: int, code: str
) -> None:
    answer = await ada.post("/v1/events", body, content_encoding=coding)
    assert (answer.status, answer.code) == (status, code)


async def test_an_event_counts_once_for_each_person(events: Running, ada: Reader, pseudonym: str) -> None:
    first, second = event(), event()
    assert taken(await send(ada, [first, second, first])) == (2, 1, [])
    assert taken(await send(ada, [first | {"type": "Submit"}, event()])) == (1, 1, [])
    assert {row["type"] for row in await rows(events, pseudonym)} == {"Run.Program"}
    bob = events.reader(sub=pseudonym + "-bob")
    assert taken(await send(bob, [first])) == (1, 0, [])


async def test_one_bad_event_never_fails_the_batch(ada: Reader) -> None:
    batch = [event(), 7, event(type="run"), event(id=...), event(extra=1), event()]
    assert taken(await send(ada, batch)) == (
        2,
        0,
        [
            {"i": 1, "code": "not_an_object"},
            {"i": 2, "code": "invalid_type"},
            {"i": 3, "code": "missing_id"},
            {"i": 4, "code": "unknown_field"},
        ],
    )
    lines = msgspec.json.encode(event()) + b"\n{broken\n" + msgspec.json.encode(event())
    assert taken(await send(ada, lines, "application/x-ndjson")) == (
        2,
        0,
        [{"i": 1, "code": "invalid_json"}],
    )
    assert taken(await send(ada, [])) == (0, 0, [])


async def test_level_0_keeps_nothing(events: Running, pseudonym: str) -> None:
    nobody = events.reader(sub=pseudonym, research_cap=0)
    assert taken(await send(nobody, [event(), 7])) == (0, 0, [{"i": 1, "code": "not_an_object"}])
    assert await rows(events, pseudonym) == []


@pytest.mark.parametrize(
    ("cap", "level", "kept"),
    [
        pytest.param(None, 1, set(), id="none said"),
        pytest.param(1, 1, set(), id="service"),
        pytest.param(2, 2, {"correct", "score", "dur_ms"}, id="class"),
        pytest.param(3, 3, {"correct", "score", "dur_ms", "code_sha"}, id="research"),
        pytest.param(4, 4, set(ABOVE_1) - {"error_type", "error_line"}, id="everything"),
        pytest.param(99, 4, set(ABOVE_1) - {"error_type", "error_line"}, id="a level of the future"),
    ],
)
async def test_the_gateways_word_is_the_level_and_what_is_above_it_is_dropped(
    events: Running, pseudonym: str, cap: int | None, level: int, kept: set[str]
) -> None:
    reader = events.reader(sub=pseudonym, research_cap=cap)
    await send(reader, [event()])
    (row,) = await rows(events, pseudonym)
    assert row["level"] == level
    assert {name for name in ABOVE_1 if row[name] is not None} == kept
    assert (SECRET in str(row)) == (level == 4)


@pytest.mark.parametrize(
    ("claims", "staff"),
    [
        ({"roles": []}, False),
        ({"roles": ["author"]}, True),
        ({"classes": [{"id": "class-1", "role": "teacher"}]}, True),
    ],
)
async def test_who_teaches_is_no_reader(
    events: Running, pseudonym: str, *, claims: dict[str, object], staff: bool
) -> None:
    await send(events.reader(pseudonym, "book-1", **claims), [event()])
    assert [bool(row["staff"]) for row in await rows(events, pseudonym)] == [staff]


async def test_a_person_can_have_it_all_deleted(events: Running, ada: Reader, pseudonym: str) -> None:
    bob = events.reader(sub=pseudonym + "-bob")
    await send(ada, [event(), event()])
    await send(bob, [event()])
    answer = await ada.delete("/v1/me")
    assert (answer.status, answer.json) == (202, {"deleted": {"events": 2}})
    assert (await ada.delete("/v1/me")).json == {"deleted": {"events": 0}}
    assert await rows(events, pseudonym) == []
    assert len(await rows(events, pseudonym + "-bob")) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        pytest.param(b"{", "application/json", 400, "invalid_json", id="bad JSON"),
        pytest.param(b"", "text/plain", 400, "invalid_json", id="empty"),
        pytest.param(b"[" * 50_000, "application/json", 400, "invalid_json", id="very deep"),
        pytest.param(b"1", "application/json", 400, "not_a_batch", id="a number"),
        pytest.param(b'{"events": {}}', "application/json", 400, "not_a_batch", id="events is no list"),
        pytest.param(b'{"events": [], "x": 1}', "application/json", 400, "not_a_batch", id="more members"),
        pytest.param(b"[]", "text/csv", 415, "unsupported_type", id="another type"),
        pytest.param(b"[]", "", 415, "unsupported_type", id="no type"),
        pytest.param(b" " * 60_001, "text/plain", 413, "too_large", id="beacon too large"),
        pytest.param(b" " * (1024 * 1024 + 1), "application/json", 413, "too_large", id="too large"),
        pytest.param(b"[" + b"1," * 500 + b"1]", "application/json", 413, "too_many_events", id="501 events"),
        pytest.param(b"1\n" * 501, "application/x-ndjson", 413, "too_many_events", id="501 lines"),
    ],
)
async def test_bodies_that_are_refused(
    ada: Reader, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = await send(ada, body, content_type)
    assert (answer.status, answer.code) == (status, code)


async def test_500_events_are_a_batch(ada: Reader) -> None:
    assert taken(await send(ada, [event() for _ in range(500)])) == (500, 0, [])


async def test_other_addresses_and_methods(events: Running, ada: Reader) -> None:
    assert (await ada.get("/v1/events")).code == "method_not_allowed"
    assert (await ada.get("/v1/me")).code == "method_not_allowed"
    assert (await ada.post("/v1/exports", b"{}")).code == "not_found"
    assert (await ada.post("/v1/events?x=1", b"[]")).code == "invalid_parameter"
    assert (await events.nobody().post("/v1/events", b"[]")).code == "assertion_missing"


async def test_one_person_cannot_send_without_end(
    issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rate") / "analytics.db"
    async with analytics(path, issuer, Rate(burst=10, per_second=0.1)) as running:
        reader = running.reader()
        assert (await send(reader, [event() for _ in range(10)])).status == 202
        assert (await send(reader, [event()])).code == "too_many_requests"


async def test_the_gateway_is_handed_the_events_of_a_pseudonym_and_may_have_them_go(
    events: Running, ada: Reader, pseudonym: str
) -> None:
    await send(ada, [event(), event()])
    other = events.reader(sub=f"other-{pseudonym}")
    await send(other, [event()])
    answer = await events.asked("export", pseudonym).post("/v1/internal/export", b"")
    lines = [msgspec.json.decode(line) for line in answer.body.splitlines()]
    assert (answer.status, [line["pseudonym"] for line in lines]) == (200, [pseudonym] * 2)
    deleted = await events.asked("delete", pseudonym).post("/v1/internal/delete", b"")
    assert (deleted.status, deleted.json) == (202, {"deleted": {"events": 2}})
    assert (await events.asked("export", pseudonym).post("/v1/internal/export", b"")).body == b""
    assert (await ada.post("/v1/internal/delete", b"")).code == "assertion_type"
