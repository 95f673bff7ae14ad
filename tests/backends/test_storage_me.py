"""A copy of all of somebody's work in a book, and its end at their own wish."""

import hashlib
import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, String, cast, func, or_, select

from backends.allowance import Rate
from backends.storage.schema import metadata
from tests.backends.issuer import Issuer
from tests.backends.services import Reader, Running, storage
from tests.backends.test_storage_merge import Two, body, save, used


async def archive(reader: Reader) -> zipfile.ZipFile:
    answer = await reader.post("/v1/me/export", b"")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="work.zip"'
    found = zipfile.ZipFile(io.BytesIO(answer.body))
    assert found.testzip() is None
    return found


async def rows_of(store: Running, who: str) -> dict[str, int]:
    """How many rows of every table have this person in any column."""

    def count(connection: Connection) -> dict[str, int]:
        found = {}
        for table in metadata.sorted_tables:
            anywhere = or_(*(cast(column, String) == who for column in table.columns))
            statement = select(func.count()).select_from(table).where(anywhere)
            found[table.name] = int(connection.execute(statement).scalar_one())
        return found

    return await store.file.read(count)


class TestExport:
    async def test_everything_is_there_and_can_be_opened(self, ada: Reader) -> None:
        await save(ada, "a:b", "one")
        await save(ada, "A:b", "two")
        await save(ada, "A:b", "three")
        await ada.put("/v1/items/pic.png?mode=lww&kind=attachment", b"\x89", content_type="image/png")
        await save(ada, "gone", "was here")
        await ada.delete("/v1/items/gone?mode=lww")
        found = await archive(ada)
        files = ["files/00001-A-b.txt", "files/00002-a-b.txt", "files/00003-pic.png"]
        assert found.namelist() == ["work.ndjson", *files, "manifest.json"]
        assert [found.read(file) for file in files] == [b"three", b"one", b"\x89"]
        lines = [json.loads(line) for line in found.read("work.ndjson").splitlines()]
        bodies = {line["body"] for line in lines if "body" in line}
        assert bodies == {"one", "two", "three", "was here"}

    async def test_the_manifest_says_what_there_is(self, ada: Reader) -> None:
        await save(ada, "x", "one", "answer")
        found = await archive(ada)
        said = json.loads(found.read("manifest.json"))
        assert said["book"] == "book-1"
        for file in said["files"]:
            data = found.read(file["file"])
            assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        about = {"item": "x", "course": "", "kind": "answer", "content_type": "text/plain"}
        assert said["files"][1].items() >= about.items()
        assert [file["file"] for file in said["files"]] == found.namelist()[:-1]

    async def test_of_one_book_and_of_nobody_else(self, store: Running) -> None:
        sub = str(uuid.uuid4())
        await save(store.reader(sub), "x", "mine")
        for other in (store.reader(sub, "book-2"), store.reader(str(uuid.uuid4()))):
            assert (await archive(other)).namelist() == ["work.ndjson", "manifest.json"]

    async def test_it_costs_and_is_refused_in_words(self, issuer: Issuer, tmp_path: Path) -> None:
        async with storage(tmp_path / "s.db", issuer, Rate(burst=60, per_second=1e-9)) as store:
            ada = store.reader(str(uuid.uuid4()))
            await archive(ada)
            answer = await ada.post("/v1/me/export", b"")
            assert (answer.status, answer.code) == (429, "too_many_requests")


class TestDelete:
    async def test_all_of_one_book_goes_and_a_receipt_says_so(self, store: Running) -> None:
        sub = str(uuid.uuid4())
        ada, there = store.reader(sub), store.reader(sub, "book-2")
        await save(ada, "x", "one", idempotency_key="k")
        await save(ada, "x", "two")
        await save(there, "x", "there")
        answer = await ada.delete("/v1/me")
        assert answer.status == 202
        receipt = answer.json
        assert receipt["deleted"] == {"items": 1, "versions": 2, "bytes": 6 + 2 * 256}
        assert (receipt["receipt"], receipt["book"]) == (answer.headers["X-Request-Id"], "book-1")
        assert (await ada.get("/v1/items/x")).status == 404
        assert await body(there, "x") == "there"
        assert (await rows_of(store, sub)) == {
            "items": 1,
            "versions": 1,
            "shelves": 1,
            "replays": 0,
            "merges": 0,
        }
        again = (await ada.delete("/v1/me")).json
        assert again["deleted"] == {"items": 0, "versions": 0, "bytes": 0}

    async def test_what_is_written_next_begins_anew(self, ada: Reader) -> None:
        await save(ada, "x", "one")
        cursor = (await ada.post("/v1/sync", b"{}")).json["cursor"]
        await ada.delete("/v1/me")
        for number in range(3):
            await save(ada, f"y{number}", "two")
        found: Any = (await ada.post("/v1/sync", json.dumps({"cursor": cursor}).encode())).json
        assert (found["anew"], [item["id"] for item in found["changes"]]) == (True, ["y0", "y1", "y2"])

    async def test_what_a_merge_left_with_whom_they_were_goes_too(self, store: Running) -> None:
        two = Two.of(store)
        before = f"guest-{uuid.uuid4()}"
        await save(store.reader(before), "x", "first of all")
        assert (await store.internal(before, two.loser).post("/v1/internal/merge", b"")).status == 200
        await save(two.guest, "y", "theirs")
        await two.merged()
        assert (await two.ada.delete("/v1/me")).status == 202
        for who in (before, two.loser, two.survivor):
            found = await rows_of(store, who)
            assert {table: number for table, number in found.items() if number and table != "merges"} == {}
        await save(two.guest, "z", "late")
        assert await body(two.ada, "z") == "late"

    async def test_who_became_another_deletes_nothing_of_theirs(self, store: Running) -> None:
        two = Two.of(store)
        await save(two.guest, "x", "theirs")
        await two.merged()
        assert (await two.guest.delete("/v1/me")).status == 202
        assert await body(two.ada, "x") == "theirs"
        assert await used(two.guest) == (0, 0, 0)
        await save(two.guest, "z", "late")
        assert await body(two.ada, "z") == "late"
