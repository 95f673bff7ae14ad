"""Two people become one: nothing is lost, telling it twice changes nothing, only the gateway can."""

import asyncio
import json
import uuid
from dataclasses import dataclass

import pytest

from backends.storage.progress import union
from tests.backends.services import Answer, Reader, Running

MERGE = "/v1/internal/merge"
LWW = "?mode=lww&kind="


@dataclass(frozen=True, slots=True)
class Two:
    """A guest, and who they turn out to be."""

    store: Running
    loser: str
    survivor: str

    @classmethod
    def of(cls, store: Running) -> "Two":
        return cls(store, f"guest-{uuid.uuid4()}", f"ada-{uuid.uuid4()}")

    @property
    def guest(self) -> Reader:
        return self.store.reader(self.loser, auth_level="guest")

    @property
    def ada(self) -> Reader:
        return self.store.reader(self.survivor)

    async def merge(self, book: str = "book-1") -> Answer:
        return await self.store.internal(self.loser, self.survivor, book).post(MERGE, b"")

    async def merged(self) -> dict[str, object]:
        answer = await self.merge()
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture
def two(store: Running) -> Two:
    return Two.of(store)


async def save(reader: Reader, item: str, body: str, kind: str = "program", **headers: str) -> Answer:
    answer = await reader.put(f"/v1/items/{item}{LWW}{kind}", body.encode(), **headers)
    assert answer.status in {201, 204}, answer.body
    await asyncio.sleep(0.002)  # the server's clock tells milliseconds apart
    return answer


async def versions(reader: Reader, item: str) -> list[tuple[str, str]]:
    """Role and body of every version, newest first."""
    listed = (await reader.get(f"/v1/items/{item}/versions")).json["versions"]
    assert isinstance(listed, list)
    bodies = [await reader.get(f"/v1/items/{item}/versions/{one['revision']}") for one in listed]
    return [(one["role"], body.body.decode()) for one, body in zip(listed, bodies, strict=True)]


async def body(reader: Reader, item: str) -> str:
    return (await reader.get(f"/v1/items/{item}")).body.decode()


async def used(reader: Reader) -> tuple[object, object, object]:
    usage = (await reader.get("/v1/me/usage")).json
    return usage["bytes"], usage["items"], usage["versions"]


async def test_what_only_the_guest_had_comes_whole(two: Two) -> None:
    await save(two.guest, "p", "one")
    kept = await save(two.guest, "p", "two")
    await save(two.guest, "a", "x", "answer")
    before, was = await used(two.guest), await versions(two.guest, "p")
    assert await two.merged() == {"items": 2, "both": 0}
    assert await body(two.ada, "p") == "two"
    assert await versions(two.ada, "p") == was == [("main", "two"), ("main", "one")]
    assert await versions(two.ada, "a") == [("attempt", "x")]
    assert await used(two.ada) == before
    assert (await two.ada.get("/v1/items/p")).etag == kept.etag


async def test_nothing_to_merge(two: Two) -> None:
    await save(two.ada, "p", "mine")
    assert await two.merged() == {"items": 0, "both": 0}
    assert await body(two.ada, "p") == "mine"


@pytest.mark.parametrize("guest_first", [True, False])
async def test_of_answers_the_later_one_stands_and_every_attempt_is_kept(
    two: Two, *, guest_first: bool
) -> None:
    first, second = (two.guest, two.ada) if guest_first else (two.ada, two.guest)
    await save(first, "q", "1", "answer")
    await save(first, "q", "2", "answer")
    await save(second, "q", "3", "answer")
    assert await two.merged() == {"items": 1, "both": 1}
    assert await body(two.ada, "q") == "3"
    assert sorted(await versions(two.ada, "q")) == [("attempt", "1"), ("attempt", "2"), ("attempt", "3")]


@pytest.mark.parametrize("kind", ["program", "notebook"])
@pytest.mark.parametrize("guest_first", [True, False])
async def test_of_programs_both_are_kept_the_loser_as_a_branch(
    two: Two, kind: str, *, guest_first: bool
) -> None:
    first, second = (two.guest, two.ada) if guest_first else (two.ada, two.guest)
    await save(first, "p", "old", kind)
    await save(first, "p", "loses", kind)
    await save(second, "p", "wins", kind)
    assert await two.merged() == {"items": 1, "both": 1}
    assert await body(two.ada, "p") == "wins"
    assert sorted(await versions(two.ada, "p")) == [("branch", "loses"), ("main", "old"), ("main", "wins")]


async def test_the_same_in_both_is_no_conflict(two: Two) -> None:
    await save(two.ada, "p", "same")
    tag = (await save(two.guest, "p", "same")).etag
    await two.merged()
    assert (await two.ada.get("/v1/items/p")).etag == tag
    assert await versions(two.ada, "p") == [("main", "same"), ("main", "same")]


async def test_items_of_two_kinds_keep_the_persons_own(two: Two) -> None:
    await save(two.ada, "p", "mine", "answer")
    await save(two.guest, "p", "theirs", "program")
    await two.merged()
    assert await body(two.ada, "p") == "mine"
    assert await versions(two.ada, "p") == [("branch", "theirs"), ("attempt", "mine")]


async def test_progress_is_as_far_as_either_came(two: Two) -> None:
    await save(two.ada, "g", '{"page": 7, "done": ["a", "b"], "read": true}', "progress")
    await save(two.guest, "g", '{"page": 3, "done": ["c", "a"], "read": false, "at": "x"}', "progress")
    await two.merged()
    found = json.loads(await body(two.ada, "g"))
    assert found == {"page": 7, "done": ["a", "b", "c"], "read": True, "at": "x"}
    assert len(await versions(two.ada, "g")) == 3
    assert (await two.ada.get("/v1/items/g")).headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("earlier", "later", "united"),
    [
        pytest.param("1", "2", "2", id="numbers"),
        pytest.param("2", "1.5", "2", id="the larger"),
        pytest.param("true", "false", "true", id="a yes"),
        pytest.param("true", "1", "1", id="a yes is no number"),
        pytest.param("1", "true", "true", id="nor the other way round"),
        pytest.param('"b"', '"a"', '"a"', id="the later text"),
        pytest.param("[1,2]", "[2,3]", "[1,2,3]", id="lists"),
        pytest.param('{"a":{"n":2},"b":1}', '{"a":{"n":1,"m":0}}', '{"a":{"n":2,"m":0},"b":1}', id="deep"),
        pytest.param("{}", "no JSON", "no JSON", id="later is no JSON"),
        pytest.param("no JSON", "{}", "{}", id="earlier is no JSON"),
        pytest.param("{}", "\udcff", "\udcff", id="no text"),
        pytest.param("null", "7", "7", id="nothing"),
    ],
)
def test_union(earlier: str, later: str, united: str) -> None:
    given = [text.encode("utf-8", "surrogateescape") for text in (earlier, later, united)]
    assert union(given[0], given[1]) == given[2]


async def test_what_the_person_deleted_comes_back_as_the_guests(two: Two) -> None:
    await save(two.ada, "p", "mine")
    await two.ada.delete("/v1/items/p?mode=lww")
    await save(two.guest, "p", "theirs")
    await two.merged()
    assert await body(two.ada, "p") == "theirs"
    assert [text for _, text in await versions(two.ada, "p")] == ["theirs", "mine"]


async def test_what_the_guest_deleted_deletes_nothing(two: Two) -> None:
    await save(two.ada, "p", "mine")
    await save(two.guest, "p", "theirs")
    await save(two.guest, "gone", "was")
    for item in ("p", "gone"):
        await two.guest.delete(f"/v1/items/{item}?mode=lww")
    await two.merged()
    assert await body(two.ada, "p") == "mine"
    assert (await two.ada.get("/v1/items/gone")).status == 410
    assert await versions(two.ada, "gone") == [("main", "was")]


async def test_a_conflict_of_the_guests_stays_one(two: Two) -> None:
    await save(two.guest, "p", "1")
    assert (await two.guest.put("/v1/items/p", b"lost", if_match='"9-x"')).status == 412
    await two.merged()
    assert await versions(two.ada, "p") == [("branch", "lost"), ("main", "1")]


async def test_saving_goes_on_with_numbers_of_its_own(two: Two) -> None:
    for reader in (two.ada, two.guest):
        await save(reader, "p", f"of {reader is two.ada}")
        await save(reader, "p", f"{uuid.uuid4()}")
    await two.merged()
    etag = (await two.ada.get("/v1/items/p")).etag
    saved = await two.ada.put("/v1/items/p", b"next", if_match=etag)
    assert saved.status == 204
    assert len(await versions(two.ada, "p")) == 5


async def test_telling_twice_answers_and_changes_nothing_more(two: Two) -> None:
    await save(two.ada, "p", "mine")
    await save(two.guest, "p", "theirs")
    first = await two.merged()
    was, room = await versions(two.ada, "p"), await used(two.ada)
    assert await two.merged() == first
    assert (await versions(two.ada, "p"), await used(two.ada)) == (was, room)


async def test_a_second_survivor_gets_nothing(two: Two) -> None:
    await save(two.guest, "p", "1")
    await two.merged()
    other = Two(two.store, two.loser, f"bob-{uuid.uuid4()}")
    assert (await other.merge()).code == "merged_elsewhere"
    assert (await other.ada.get("/v1/items/p")).status == 404


async def test_each_book_is_merged_by_itself(two: Two) -> None:
    await save(two.store.reader(two.loser, "book-2", auth_level="guest"), "p", "elsewhere")
    await two.merged()
    elsewhere = two.store.reader(two.survivor, "book-2")
    assert (await elsewhere.get("/v1/items/p")).status == 404
    assert (await two.merge("book-2")).json == {"items": 1, "both": 0}
    assert await body(elsewhere, "p") == "elsewhere"


async def test_a_guest_who_became_a_guest_who_became_a_person(two: Two) -> None:
    first = Two(two.store, f"guest-{uuid.uuid4()}", two.loser)
    await save(first.guest, "p", "1")
    assert await two.merged() == {"items": 0, "both": 0}
    # told out of order: what comes later goes to where the work is by now
    assert await first.merged() == {"items": 1, "both": 0}
    assert await body(two.ada, "p") == "1"
    assert await first.merged() == {"items": 1, "both": 0}


async def test_nobody_becomes_themselves(two: Two) -> None:
    await two.merged()
    back = Two(two.store, two.survivor, two.loser)
    assert (await back.merge()).status == 400


class TestWhatIsStillUnderWay:
    """An assertion is good for a minute: what a guest sent before the merge may come after it."""

    async def test_a_late_save_is_the_persons(self, two: Two) -> None:
        etag = (await save(two.guest, "p", "1")).etag
        await two.merged()
        late = await two.guest.put("/v1/items/p", b"2", if_match=etag)
        assert late.status == 204
        assert await body(two.ada, "p") == "2"
        await save(two.guest, "new", "3")
        assert await body(two.ada, "new") == "3"

    async def test_a_late_save_over_other_work_is_a_branch(self, two: Two) -> None:
        etag = (await save(two.guest, "p", "1")).etag
        await save(two.ada, "p", "mine")
        await two.merged()
        assert (await two.guest.put("/v1/items/p", b"2", if_match=etag)).status == 412
        assert await body(two.ada, "p") == "mine"
        assert ("branch", "2") in await versions(two.ada, "p")

    async def test_a_late_save_of_a_runestone_page_too(self, two: Two) -> None:
        await two.merged()
        run = b'{"div_id": "act", "code": "print(1)", "course": "c", "to_save": "True"}'
        assert (await two.guest.post("/ns/logger/runlog", run)).status == 201
        found = (await two.ada.post("/ns/assessment/gethist", b'{"acid": "act", "course": "c"}')).json
        assert "print(1)" in json.dumps(found)

    async def test_a_late_blind_deletion_deletes_nothing(self, two: Two) -> None:
        await save(two.ada, "p", "mine")
        await two.merged()
        assert (await two.guest.delete("/v1/items/p?mode=lww")).status == 428
        assert await body(two.ada, "p") == "mine"

    async def test_a_late_read_shows_nothing_of_the_persons(self, two: Two) -> None:
        await save(two.guest, "p", "guest's")
        await save(two.ada, "p", "mine")
        await save(two.ada, "q", "mine")
        await two.merged()
        assert await body(two.guest, "p") == "guest's"
        assert (await two.guest.get("/v1/items/q")).status == 404

    async def test_what_is_sent_again_as_the_person_is_one_write(self, two: Two) -> None:
        headers = {"idempotency_key": "k-1"}
        first = await save(two.guest, "q", "1", "answer", **headers)
        await two.merged()
        again = await save(two.ada, "q", "1", "answer", **headers)
        assert again.etag == first.etag
        assert await versions(two.ada, "q") == [("attempt", "1")]

    async def test_a_late_save_of_somebody_who_was_signed_in_too(self, two: Two) -> None:
        """Two accounts that became one: what the one had under way is the other's."""
        late = two.store.reader(two.loser)
        await save(late, "p", "1", "program")
        await two.merged()
        await save(late, "p", "2", "program")
        assert await body(two.ada, "p") == "2"
        assert await versions(two.ada, "p") == [("main", "2"), ("main", "1")]


async def test_a_full_shelf_takes_a_guests_work_all_the_same(two: Two) -> None:
    big = b"x" * (5 << 20)
    for number in range(9):
        await two.ada.put(f"/v1/items/n{number}{LWW}notebook", big)
        await two.guest.put(f"/v1/items/m{number}{LWW}notebook", big)
    assert await two.merged() == {"items": 9, "both": 0}
    taken, items, _ = await used(two.ada)
    assert (items, isinstance(taken, int) and taken > 90 << 20) == (18, True)
    refused = await two.ada.put(f"/v1/items/more{LWW}program", b"1")
    assert refused.code == "quota_exceeded"


async def test_what_was_copied_goes_after_a_month(own_store: Running) -> None:
    two = Two.of(own_store)
    await save(two.guest, "p", "1")
    await two.merged()
    own_store.clock.ahead += 29 * 86400
    await own_store.sweep()
    assert await body(two.guest, "p") == "1"
    own_store.clock.ahead += 2 * 86400
    await own_store.sweep()
    assert (await two.guest.get("/v1/items/p")).status == 404
    assert await body(two.ada, "p") == "1"
    assert await two.merged() == {"items": 1, "both": 0}


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        ("claims", "code"),
        [
            pytest.param({"purpose": "delete"}, "assertion_purpose", id="another purpose"),
            pytest.param({"purpose": None}, "assertion_claims", id="no purpose"),
            pytest.param({"from": ""}, "assertion_claims", id="nobody"),
            pytest.param({"from": None}, "assertion_claims", id="from nobody"),
            pytest.param({"from": "ada", "sub": "ada"}, "assertion_claims", id="oneself"),
            pytest.param({"aud": "analytics"}, "assertion_audience", id="another service"),
            pytest.param({"iss": "https://evil.example"}, "assertion_issuer", id="another issuer"),
            pytest.param({"exp": 1}, "assertion_expired", id="old"),
        ],
    )
    async def test_an_internal_assertion_that_is_refused(
        self, two: Two, claims: dict[str, object], code: str
    ) -> None:
        answer = await two.store.internal(two.loser, two.survivor, "book-1", **claims).post(MERGE, b"")
        assert (answer.status, answer.code) == (401, code)

    async def test_a_persons_assertion_merges_nobody(self, two: Two) -> None:
        claims: dict[str, object] = {"purpose": "merge", "from": two.loser}
        for reader in (two.ada, two.guest, two.store.reader(two.survivor, "book-1", **claims)):
            for path in (MERGE, "/v1/%69nternal/merge", "/v1/internal/x"):
                answer = await reader.post(path, b"")
                assert (answer.status, answer.code) == (401, "assertion_type")

    async def test_an_internal_assertion_reads_nobodys_work(self, two: Two) -> None:
        await save(two.ada, "p", "mine")
        internal = two.store.internal(two.loser, two.survivor)
        for path in ("/v1/items/p", "/v1/items", "/v1/me/usage", "/v1/internalx", "/v1/Internal/merge"):
            answer = await internal.get(path)
            assert (answer.status, answer.code) == (401, "assertion_type")
        assert (await internal.put("/v1/items/p?mode=lww", b"1")).status == 401

    @pytest.mark.parametrize("purpose", ["delete", "export"])
    async def test_what_is_about_one_person_names_one(self, two: Two, purpose: str) -> None:
        internal = two.store.internal(two.loser, two.survivor, purpose=purpose)
        assert (await internal.post(f"/v1/internal/{purpose}", b"")).code == "assertion_claims"
        assert (await two.store.asked("merge", two.survivor).post(MERGE, b"")).code == "assertion_claims"

    async def test_there_is_no_other_internal_call(self, two: Two) -> None:
        assert (await two.store.asked("move", two.survivor).post("/v1/internal/move", b"")).status == 404

    async def test_nobody(self, two: Two) -> None:
        assert (await two.store.nobody().post(MERGE, b"")).code == "assertion_missing"

    async def test_analytics_takes_no_persons_word_either(self, events: Running) -> None:
        for purpose in ("merge", "unmerge", "delete", "export"):
            answer = await events.reader().post(f"/v1/internal/{purpose}", b"")
            assert answer.code == "assertion_type"
