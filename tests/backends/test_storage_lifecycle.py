"""A merge is taken back; everything of a person is handed out, and goes."""

import json
import time

import pytest

from backends.storage.items import DAY
from backends.storage.retention import LOSERS_KEPT
from tests.backends.services import Answer, Reader, Running
from tests.backends.test_storage_merge import LWW, Two, body, save, used, versions


async def unmerge(two: Two) -> dict[str, object]:
    internal = two.store.internal(two.loser, two.survivor, purpose="unmerge")
    answer = await internal.post("/v1/internal/unmerge", b"")
    assert answer.status == 200, answer.body
    return answer.json


async def asked(store: Running, purpose: str, who: str, book: str = "book-1") -> Answer:
    return await store.asked(purpose, who, book).post(f"/v1/internal/{purpose}", b"")


@pytest.fixture
def two(store: Running) -> Two:
    return Two.of(store)


class TestUnmerge:
    async def test_each_has_what_they_had(self, two: Two) -> None:
        await save(two.ada, "both", "mine", "program")
        await save(two.ada, "own", "mine", "program")
        await save(two.guest, "both", "theirs, later", "program")
        await save(two.guest, "only", "theirs", "answer")
        before = await used(two.ada), await versions(two.ada, "both"), await used(two.guest)
        await two.merged()
        assert await body(two.ada, "both") == "theirs, later"
        assert await unmerge(two) == {"items": 2}
        assert (await used(two.ada), await versions(two.ada, "both"), await used(two.guest)) == before
        assert [await body(two.ada, item) for item in ("both", "own")] == ["mine", "mine"]
        assert (await two.ada.get("/v1/items/only")).status == 404
        assert await body(two.guest, "only") == "theirs"

    async def test_what_was_saved_since_stays_with_who_saved_it(self, two: Two) -> None:
        await save(two.guest, "only", "theirs", "program")
        await two.merged()
        await save(two.ada, "only", "gone on", "program")
        await unmerge(two)
        assert await versions(two.ada, "only") == [("main", "gone on")]
        assert await body(two.guest, "only") == "theirs"

    async def test_progress_that_was_united_is_apart_again(self, two: Two) -> None:
        mine, theirs = json.dumps({"done": ["a"]}), json.dumps({"done": ["b"]})
        await save(two.ada, "p", mine, "progress")
        await save(two.guest, "p", theirs, "progress")
        await two.merged()
        await unmerge(two)
        assert [await body(each, "p") for each in (two.ada, two.guest)] == [mine, theirs]

    async def test_again_changes_nothing_and_it_may_be_merged_again(self, two: Two) -> None:
        await save(two.guest, "p", "theirs")
        await two.merged()
        await unmerge(two)
        assert await unmerge(two) == {"items": 0}
        await two.merged()
        assert await body(two.ada, "p") == "theirs"

    async def test_what_was_under_way_stays_with_who_they_were_then(self, two: Two) -> None:
        late = two.store.reader(two.loser)
        await two.merged()
        await save(late, "p", "late")
        await unmerge(two)
        assert await body(two.ada, "p") == "late"
        await save(late, "q", "their own again")
        assert await body(two.guest, "q") == "their own again"

    async def test_a_merge_that_was_under_way_for_longer_merges_nobody(self, two: Two) -> None:
        await save(two.guest, "p", "theirs")
        await two.merged()
        await unmerge(two)
        late = two.store.internal(two.loser, two.survivor, iat=int(time.time()) - 10)
        answer = await late.post("/v1/internal/merge", b"")
        assert (answer.status, answer.json) == (200, {"items": 0, "both": 0})
        assert (await two.ada.get("/v1/items/p")).status == 404

    async def test_of_somebody_elses_merge_nothing_is_taken(self, two: Two) -> None:
        await save(two.guest, "p", "theirs")
        await two.merged()
        internal = two.store.internal(two.loser, "eve", purpose="unmerge")
        assert (await internal.post("/v1/internal/unmerge", b"")).json == {"items": 0}
        assert await body(two.ada, "p") == "theirs"

    async def test_once_the_losers_rows_are_gone_the_only_copies_stay(self, own_store: Running) -> None:
        two = Two.of(own_store)
        await save(two.guest, "p", "theirs")
        await two.merged()
        own_store.clock.ahead += LOSERS_KEPT / 1000 + DAY
        await own_store.sweep()
        own_store.clock.ahead = 0
        assert await unmerge(two) == {"items": 0}
        assert await body(two.ada, "p") == "theirs"
        await save(two.guest, "q", "their own again")
        assert await body(two.guest, "q") == "their own again"


class TestDelete:
    async def test_everything_goes_in_this_book_alone(self, two: Two) -> None:
        await save(two.ada, "p", "mine")
        there = two.store.reader(two.survivor, "book-2")
        await save(there, "p", "there")
        for _ in range(2):
            assert (await asked(two.store, "delete", two.survivor)).json == {"deleted": True}
        assert (await two.ada.get("/v1/items/p")).status == 404
        assert await used(two.ada) == (0, 0, 0)
        assert await body(there, "p") == "there"

    async def test_nobody_knows_any_more_whose_it_became(self, two: Two) -> None:
        await save(two.guest, "p", "theirs")
        await two.merged()
        for who in (two.loser, two.survivor):
            assert (await asked(two.store, "delete", who)).status == 200
        anew = two.store.reader(two.loser, iat=int(time.time()) + 1)
        await save(anew, "p", "anew")
        assert await body(anew, "p") == "anew"
        assert (await two.ada.get("/v1/items/p")).status == 404

    async def test_what_was_under_way_comes_too_late(self, two: Two) -> None:
        """However it asks; what the person begins anew is told apart by when the gateway said who it is."""
        await save(two.ada, "p", "mine")
        assert (await asked(two.store, "delete", two.survivor)).status == 200
        late = [
            await two.ada.put(f"/v1/items/p{LWW}program", b"late"),
            await two.ada.delete("/v1/items/p?mode=lww"),
            await two.ada.post("/ns/logger/runlog", b'{"div_id": "a", "code": "1", "to_save": "True"}'),
        ]
        assert {(answer.status, answer.code) for answer in late} == {(410, "person_deleted")}
        assert await used(two.ada) == (0, 0, 0)
        anew = two.store.reader(two.survivor, iat=int(time.time()) + 1)
        await save(anew, "p", "anew")
        assert (await two.ada.put(f"/v1/items/p{LWW}program", b"late")).status == 410
        assert await body(anew, "p") == "anew"
        assert (
            await two.store.reader(two.survivor, "book-2").put(f"/v1/items/p{LWW}program", b"1")
        ).status == 201

    async def test_what_a_merged_one_had_under_way_comes_too_late(self, two: Two) -> None:
        """Also where only the survivor's order has come so far."""
        await two.merged()
        for who in (two.survivor, two.loser):
            assert (await asked(two.store, "delete", who)).status == 200
            assert (await two.guest.put(f"/v1/items/p{LWW}program", b"late")).status == 410

    @pytest.mark.parametrize("deleted", ["loser", "survivor"])
    async def test_a_merge_that_was_under_way_merges_nobody(self, two: Two, deleted: str) -> None:
        await save(two.guest, "p", "theirs")
        late = two.store.internal(two.loser, two.survivor)
        assert (await asked(two.store, "delete", getattr(two, deleted))).status == 200
        answer = await late.post("/v1/internal/merge", b"")
        assert (answer.status, answer.json) == (200, {"items": 0, "both": 0})
        anew = two.store.reader(two.survivor, iat=int(time.time()) + 1)
        assert (await anew.get("/v1/items/p")).status == 404


class TestExport:
    async def test_every_version_is_there(self, two: Two) -> None:
        await save(two.ada, "p", "one")
        await save(two.ada, "p", "two")
        odd = await two.ada.put(f"/v1/items/odd{LWW}notebook", b"\xff\x00")
        assert odd.status == 201
        answer = await asked(two.store, "export", two.survivor)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
        lines = [json.loads(line) for line in answer.body.splitlines()]
        assert [line["item"] for line in lines] == ["odd", "odd", "p", "p", "p"]
        assert [line.get("body") for line in lines if line["item"] == "p"] == [None, "one", "two"]
        assert lines[1]["body_base64"] == "/wA="

    async def test_of_nobody_else(self, two: Two, ada: Reader) -> None:
        await save(ada, "p", "another's")
        assert (await asked(two.store, "export", two.survivor)).body == b""

    @pytest.mark.parametrize("purpose", ["delete", "export"])
    async def test_a_persons_assertion_asks_for_none_of_it(self, two: Two, purpose: str) -> None:
        reader = two.store.reader(two.survivor, "book-1", purpose=purpose)
        assert (await reader.post(f"/v1/internal/{purpose}", b"")).code == "assertion_type"
