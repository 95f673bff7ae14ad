"""Devices that were offline: every change gets a result, nothing is lost, and pages end."""

import base64
import json
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from backends.storage.items import DAY
from backends.storage.reading import INSIDE, TOGETHER
from tests.backends.services import Answer, Reader, Running

Said = dict[str, Any]


def change(item: str, body: str | None = None, **more: object) -> Said:
    said: Said = {"mutation_id": str(uuid.uuid4()), "id": item, "content_type": "text/plain"} | more
    return said if body is None else said | {"body": body}


async def ask(reader: Reader, **said: object) -> Answer:
    return await reader.post("/v1/sync", json.dumps(said).encode())


async def sync(reader: Reader, *changes: Said, cursor: object = None, limit: int = 200) -> Said:
    answer = await ask(reader, changes=changes, cursor=cursor, limit=limit)
    assert answer.status == 200, answer.body
    return answer.json


async def one(reader: Reader, said: Said) -> Said:
    result: Said = (await sync(reader, said))["results"][0]
    return result


def told(found: Said) -> list[tuple[str, str | None]]:
    """Id and body of what changed."""
    return [(item["id"], item.get("body")) for item in found["changes"]]


class TestChanges:
    async def test_a_change_is_made_once_and_only_others_are_told_of_it(self, ada: Reader) -> None:
        first = change("x", "1")
        found = await sync(ada, first)
        second = await sync(ada, change("y", "1"), cursor=found["cursor"])
        assert (second["changes"], second["anew"]) == ([], False)
        assert found["results"] == [
            {
                "mutation_id": first["mutation_id"],
                "status": "applied",
                "revision": 1,
                "etag": found["results"][0]["etag"],
            }
        ]
        assert (told(found), found["more"], found["anew"]) == ([("x", "1")], False, True)
        assert (await sync(ada, first))["results"] == found["results"]
        assert told(await sync(ada, cursor=found["cursor"])) == [("y", "1")]
        assert told(await sync(ada, cursor=second["cursor"])) == []
        assert (await ada.get("/v1/items/x")).etag == found["results"][0]["etag"]

    async def test_a_mutation_is_one_write_with_an_idempotency_key(self, ada: Reader) -> None:
        made = await ada.put("/v1/items/x?kind=program", b"1", if_none_match="*", idempotency_key="key-1")
        result = await one(ada, change("x", "1", mutation_id="key-1", kind="program"))
        assert (result["status"], result["etag"]) == ("applied", made.etag)
        assert (await ada.get("/v1/me/usage")).json["versions"] == 1
        assert (await one(ada, change("y", "1", mutation_id="key-1")))["code"] == "idempotency_key_reused"
        gone = await one(ada, change("x", op="delete", base_rev=1, mutation_id="key-2"))
        assert gone["status"] == "applied"
        assert (await ada.delete("/v1/items/x", if_match=made.etag, idempotency_key="key-2")).status == 204

    @pytest.mark.parametrize("kind", ["program", "notebook", None])
    async def test_of_programs_both_are_kept(self, ada: Reader, kind: str | None) -> None:
        kinds = {} if kind is None else {"kind": kind}
        for base, body in ((0, "1"), (1, "2")):
            assert (await one(ada, change("x", body, base_rev=base, **kinds)))["status"] == "applied"
        found = await sync(ada, change("x", "mine", base_rev=1, **kinds))
        result = found["results"][0]
        assert (result["status"], result["revision"], result["branch"]) == ("conflict", 2, 3)
        assert told(found) == [("x", "2")]
        assert (await ada.get("/v1/items/x/versions/3")).body == b"mine"
        again = await one(ada, change("x", "2", base_rev=1, **kinds))
        assert (again["status"], again["revision"]) == ("applied", 2)

    async def test_of_answers_the_last_stands_and_all_are_kept(self, ada: Reader) -> None:
        results = [await one(ada, change("q", body, kind="answer")) for body in ("1", "2", "3")]
        assert [result["status"] for result in results] == ["applied"] * 3
        assert told(await sync(ada)) == [("q", "3")]
        assert (await ada.get("/v1/me/usage")).json["versions"] == 3

    async def test_progress_is_united_and_its_device_is_told(self, ada: Reader) -> None:
        said = {"kind": "progress", "content_type": "application/json"}
        cursor = (await sync(ada, change("p", '{"done":["a"],"n":3}', **said)))["cursor"]
        found = await sync(ada, change("p", '{"done":["b"],"n":2}', **said), cursor=cursor)
        assert found["results"][0]["status"] == "united"
        assert [json.loads(body or "") for _, body in told(found)] == [{"done": ["a", "b"], "n": 3}]
        again = await one(ada, change("p", '{"n":1}', **said))
        assert (again["status"], again["revision"]) == ("united", 2)

    async def test_progress_that_is_too_much_together_is_kept_apart(self, ada: Reader) -> None:
        said = {"kind": "progress", "content_type": "application/json"}
        for field in ("a", "b"):
            result = await one(ada, change("p", json.dumps({field: "x" * 40_000}), **said))
        assert (result["status"], result["branch"]) == ("conflict", 2)

    async def test_a_deletion_needs_to_know_what_goes(self, ada: Reader) -> None:
        for base, body in ((0, "1"), (1, "2")):
            await one(ada, change("x", body, base_rev=base))
        stale = await one(ada, change("x", op="delete", base_rev=1))
        assert (stale["status"], stale["revision"], stale["branch"]) == ("conflict", 2, None)
        found = await sync(ada, change("x", op="delete", base_rev=2))
        assert found["results"][0]["status"] == "applied"
        assert [(item["id"], "deleted" in item) for item in found["changes"]] == [("x", True)]
        assert (await one(ada, change("x", op="delete", base_rev=2)))["status"] == "applied"
        assert (await one(ada, change("never", op="delete")))["status"] == "applied"
        late = await one(ada, change("x", "offline", base_rev=2))
        assert (late["status"], late["revision"], late["etag"], late["branch"]) == ("conflict", 0, None, 4)
        assert (await one(ada, change("x", "anew")))["status"] == "applied"

    @pytest.mark.parametrize(
        ("kind", "lost"),
        [
            ("program", {"body": '{"n":0}'}),
            ("program", {"op": "delete"}),
            ("progress", {"body": '{"n":1}'}),
        ],
    )
    async def test_who_lost_is_told_what_stands_however_far_they_have_read(
        self, ada: Reader, kind: str, lost: Said
    ) -> None:
        for base in (0, 1):
            await one(ada, change("x", f'{{"n":{base + 1}}}', base_rev=base, kind=kind))
        cursor = (await sync(ada))["cursor"]
        for _ in range(2):  # the second time there is nothing more to keep
            found = await sync(ada, change("x", base_rev=1, **lost), cursor=cursor)
            cursor = found["cursor"]
            assert (found["results"][0]["status"] != "applied", told(found)) == (True, [("x", '{"n":2}')])

    async def test_bytes_that_are_no_text(self, ada: Reader) -> None:
        said = change("x", body_base64=base64.b64encode(b"\xff\x00").decode())
        assert (await one(ada, said))["status"] == "applied"
        assert (await sync(ada))["changes"][0]["body_base64"] == "/wA="

    async def test_courses_are_apart_and_the_devices_time_is_kept(self, ada: Reader) -> None:
        made = "2026-01-02T03:04:05.000Z"
        await sync(ada, change("x", "1"), change("x", "2", course="cs1", client_ts=made))
        assert (await ada.get("/v1/items/x?course=cs1")).body == b"2"
        listed: Any = (await ada.get("/v1/items/x/versions?course=cs1")).json["versions"]
        assert listed[0]["client_ts"] == made

    async def test_books_and_people_are_apart(self, store: Running) -> None:
        sub = str(uuid.uuid4())
        await sync(store.reader(sub), change("x", "1"))
        for other in (store.reader(sub, "book-2"), store.reader(str(uuid.uuid4()))):
            found = await sync(other)
            assert (found["changes"], found["cursor"]) == ([], None)


class TestRefusals:
    @pytest.mark.parametrize(
        ("said", "code"),
        [
            (change("x/y", "1"), "invalid_item_id"),
            (change("internal", "1"), "invalid_item_id"),
            (change("x", "1", course="a b"), "invalid_parameter"),
            (change("x"), "invalid_change"),
            (change("x", "1", body_base64="MQ=="), "invalid_change"),
            (change("x", body_base64="?"), "invalid_change"),
            (change("x", "1", op="delete"), "invalid_change"),
            (change("x", "1", op="erase"), "invalid_change"),
            (change("x", "1", base_rev=-1), "invalid_change"),
            (change("x", "1", kind="secret"), "invalid_change"),
            (change("x", "1", sub="mary"), "invalid_change"),
            (change("x", "1", mutation_id="a b"), "invalid_change"),
            (change("x", "1", client_ts="yesterday"), "invalid_change"),
            (change("x", "{", content_type="application/json"), "invalid_json"),
            (change("x", "1", content_type="image/png"), "unsupported_type"),
            (change("x", "1" * 70_000, kind="answer"), "too_large"),
            (change("there", "1", kind="answer"), "kind_differs"),
        ],
    )
    async def test_a_wrong_change_keeps_no_other_back(self, ada: Reader, said: Said, code: str) -> None:
        await sync(ada, change("there", "1", kind="program"))
        found = await sync(ada, change("before", "1"), said, change("after", "1"))
        statuses = [result["status"] for result in found["results"]]
        assert statuses == ["applied", "refused", "applied"]
        assert found["results"][1]["code"] == code
        assert (await ada.get("/v1/me/usage")).json["items"] == 3

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"[]", 400, "invalid_json"),
            (b"{", 400, "invalid_json"),
            (b'{"changes": {}}', 400, "invalid_json"),
            (b'{"person": "mary"}', 400, "invalid_json"),
            (b'{"cursor": "x"}', 400, "invalid_parameter"),
            (b'{"cursor": "..%s"}' % (b"9" * 20), 400, "invalid_parameter"),
            (b'{"limit": 0}', 400, "invalid_parameter"),
            (b'{"limit": 501}', 400, "invalid_parameter"),
            (json.dumps({"changes": [change("x", "1")] * 101}).encode(), 413, "too_large"),
            (b" " * (8 * 1024 * 1024 + 1), 413, "too_large"),
        ],
        ids=range(10),
    )
    async def test_a_wrong_request_changes_nothing(
        self, ada: Reader, body: bytes, status: int, code: str
    ) -> None:
        answer = await ada.post("/v1/sync", body)
        assert (answer.status, answer.code) == (status, code)

    async def test_it_is_json_and_takes_no_parameters(self, ada: Reader) -> None:
        assert (await ada.post("/v1/sync", b"{}", content_type="text/plain")).status == 415
        assert (await ada.post("/v1/sync?cursor=1", b"{}")).status == 400

    async def test_a_change_is_no_other_under_its_id(self, ada: Reader) -> None:
        results = (await sync(ada, change("x", "1", mutation_id="m"), change("x", "2", mutation_id="m")))[
            "results"
        ]
        assert [result.get("code") for result in results] == [None, "idempotency_key_reused"]


class TestPages:
    async def all_pages(self, reader: Reader, limit: int) -> Sequence[Said]:
        pages = [await sync(reader, limit=limit)]
        while pages[-1]["more"]:
            pages.append(await sync(reader, cursor=pages[-1]["cursor"], limit=limit))
        return pages

    async def test_every_page_ends_and_nothing_is_left_out(self, ada: Reader) -> None:
        for begin in range(0, 30, 10):
            await sync(ada, *(change(f"x{number}", "1") for number in range(begin, begin + 10)))
        pages = await self.all_pages(ada, 7)
        assert [len(page["changes"]) for page in pages] == [7, 7, 7, 7, 2]
        assert [page["anew"] for page in pages] == [True, False, False, False, False]
        assert len({item["id"] for page in pages for item in page["changes"]}) == 30

    async def test_bodies_have_room_and_large_ones_are_read_by_themselves(self, ada: Reader) -> None:
        for number in range(TOGETHER // INSIDE + 2):
            await ada.put(f"/v1/items/x{number}?mode=lww", b"x" * INSIDE)
        await ada.put("/v1/items/large?mode=lww", b"x" * (INSIDE + 1))
        pages = await self.all_pages(ada, 100)
        assert [len(page["changes"]) for page in pages] == [TOGETHER // INSIDE, 3]
        assert told(pages[1])[-1] == ("large", None)

    async def test_a_device_that_knows_what_is_gone_begins_anew(self, own_store: Running) -> None:
        ada = own_store.reader(str(uuid.uuid4()))
        await sync(ada, change("x", "1"), change("y", "1"))
        old = (await sync(ada))["cursor"]
        gone = (await sync(ada, change("x", op="delete", base_rev=1)))["cursor"]
        own_store.clock.ahead += 91 * DAY
        await own_store.sweep()
        assert [(page["anew"], told(page)) for page in [await sync(ada, cursor=old)]] == [
            (True, [("y", "1")])
        ]
        kept = await sync(ada, cursor=gone)
        assert (kept["anew"], told(kept)) == (False, [])

    async def test_a_walk_that_began_after_it_goes_on(self, own_store: Running) -> None:
        ada = own_store.reader(str(uuid.uuid4()))
        await sync(ada, *(change(f"x{number}", "1") for number in range(3)))
        await sync(ada, change("x1", op="delete", base_rev=1))
        own_store.clock.ahead += 91 * DAY
        await own_store.sweep()
        pages = await self.all_pages(ada, 1)
        assert [told(page) for page in pages] == [[("x0", "1")], [("x2", "1")]]
        assert [page["anew"] for page in pages] == [True, False]

    async def test_what_a_merge_brought_and_its_end_took_away(self, store: Running) -> None:
        guest, sub = f"guest-{uuid.uuid4()}", str(uuid.uuid4())
        ada = store.reader(sub)
        cursor = (await sync(ada, change("mine", "1")))["cursor"]
        await sync(store.reader(guest, auth_level="guest"), change("theirs", "2"))
        assert (await store.internal(guest, sub).post("/v1/internal/merge", b"")).status == 200
        found = await sync(ada, cursor=cursor)
        assert (found["anew"], told(found)) == (False, [("theirs", "2")])
        unmerging = store.internal(guest, sub, purpose="unmerge")
        assert (await unmerging.post("/v1/internal/unmerge", b"")).json == {"items": 1}
        found = await sync(ada, cursor=found["cursor"])
        assert (found["anew"], told(found)) == (True, [("mine", "1")])

    async def test_another_shelf_and_a_restored_one_are_read_anew(self, ada: Reader, store: Running) -> None:
        await sync(ada, change("x", "1"))
        other = await sync(store.reader(str(uuid.uuid4())), change("y", "1"), change("z", "1"))
        assert (await sync(ada, cursor=other["cursor"]))["anew"]
        epoch, sequence, known = str((await sync(ada))["cursor"]).split(".")
        assert (await sync(ada, cursor=f"{epoch}.{int(sequence) + 5}.{known}"))["anew"]
