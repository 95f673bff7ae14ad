"""Items over HTTP: what a book does with them when nothing goes wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.backends.services import Reader, Running

DAY = 86400


async def test_an_item_is_made_read_replaced_and_deleted(ada: Reader) -> None:
    made = await ada.put("/v1/items/loop", b'{"a": 1}', content_type="application/json", if_none_match="*")
    assert (made.status, made.body) == (201, b"")
    read = await ada.get("/v1/items/loop")
    assert (read.status, read.body, read.etag) == (200, b'{"a": 1}', made.etag)
    assert read.headers["Content-Type"] == "application/json"
    replaced = await ada.put("/v1/items/loop", b"print(2)", if_match=made.etag)
    assert replaced.status == 204
    assert replaced.etag != made.etag
    read = await ada.get("/v1/items/loop")
    assert (read.body, read.headers["Content-Type"]) == (b"print(2)", "text/plain")
    assert (await ada.delete("/v1/items/loop", if_match=replaced.etag)).status == 204
    gone = await ada.get("/v1/items/loop")
    assert (gone.status, gone.code) == (410, "deleted")


async def test_answers_are_private_and_inert(ada: Reader) -> None:
    await ada.put("/v1/items/page", b"<script>alert(1)</script>", content_type="text/html", if_none_match="*")
    headers = (await ada.get("/v1/items/page")).headers
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Server"] == "bookgate"


async def test_unchanged_content_is_304(ada: Reader) -> None:
    made = await ada.put("/v1/items/x", b"1", if_none_match="*")
    for tags in (made.etag, f'"other", {made.etag}', f"W/{made.etag}", "*"):
        answer = await ada.get("/v1/items/x", if_none_match=tags)
        assert (answer.status, answer.etag, answer.body) == (304, made.etag, b"")
    assert (await ada.get("/v1/items/x", if_none_match='"1-AAAAAAAAAAAAAAAA"')).status == 200
    version = await ada.get("/v1/items/x/versions/1", if_none_match=made.etag)
    assert version.status == 304


async def test_head_is_get_without_a_body(ada: Reader) -> None:
    made = await ada.put("/v1/items/x", b"123", if_none_match="*")
    answer = await ada.ask("HEAD", "/v1/items/x")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "3")
    assert answer.etag == made.etag


async def test_the_same_content_again_is_another_revision(ada: Reader) -> None:
    first = await ada.put("/v1/items/x", b"1", if_none_match="*")
    second = await ada.put("/v1/items/x", b"1", if_match=first.etag)
    assert second.etag != first.etag


async def test_last_writer_wins_when_asked_for(ada: Reader) -> None:
    assert (await ada.put("/v1/items/x?mode=lww", b"1")).status == 201
    assert (await ada.put("/v1/items/x?mode=lww", b"2")).status == 204
    assert (await ada.get("/v1/items/x")).body == b"2"
    assert (await ada.delete("/v1/items/x?mode=lww")).status == 204
    assert (await ada.put("/v1/items/x?mode=lww", b"3")).status == 201


async def test_versions_newest_first_and_each_readable(ada: Reader) -> None:
    for number in range(5):
        await ada.put("/v1/items/x?mode=lww", b"%d" % number)
    listed = (await ada.get("/v1/items/x/versions")).json
    versions = listed["versions"]
    assert isinstance(versions, list)
    assert [one["revision"] for one in versions] == [5, 4, 3, 2, 1]
    assert [one["base"] for one in versions] == [4, 3, 2, 1, None]
    assert {one["role"] for one in versions} == {"main"}
    old = await ada.get("/v1/items/x/versions/2")
    assert (old.body, old.etag) == (b"1", versions[3]["etag"])
    assert listed["cursor"] is None
    page = (await ada.get("/v1/items/x/versions?limit=2")).json
    assert page["cursor"] == "4"
    page = (await ada.get("/v1/items/x/versions?limit=2&cursor=4")).json
    assert isinstance(page["versions"], list)
    assert [one["revision"] for one in page["versions"]] == [3, 2]


async def test_a_version_keeps_the_time_of_the_device_beside_ours(own_store: Running) -> None:
    ada = own_store.reader()
    await ada.put("/v1/items/x?mode=lww", b"1", x_bookgate_time="2026-03-01T10:00:00.250+01:00")
    await ada.put("/v1/items/x?mode=lww", b"2", x_bookgate_time="2070-01-01T00:00:00Z")  # a wrong clock
    await ada.put("/v1/items/x?mode=lww", b"3")
    versions = (await ada.get("/v1/items/x/versions")).json["versions"]
    assert isinstance(versions, list)
    times = [None, "2070-01-01T00:00:00.000Z", "2026-03-01T09:00:00.250Z"]
    assert [one["client_ts"] for one in versions] == times
    assert [one["revision"] for one in versions] == [3, 2, 1]
    assert versions == sorted(versions, key=lambda one: str(one["saved"]), reverse=True)


@pytest.mark.parametrize("query", ["kind=answer&mode=lww", "kind=program&mode=append"])
async def test_attempts_are_kept_as_such(ada: Reader, query: str) -> None:
    for number in range(3):
        await ada.put(f"/v1/items/q1?{query}", b"%d" % number)
    versions = (await ada.get("/v1/items/q1/versions")).json["versions"]
    assert isinstance(versions, list)
    assert [one["role"] for one in versions] == ["attempt"] * 3


async def test_a_deleted_item_keeps_its_versions_and_can_come_back(ada: Reader) -> None:
    made = await ada.put("/v1/items/x?kind=program", b"1", if_none_match="*")
    await ada.delete("/v1/items/x", if_match=made.etag)
    assert (await ada.get("/v1/items/x/versions/1")).body == b"1"
    assert (await ada.delete("/v1/items/x", if_match=made.etag)).status == 410
    again = await ada.put("/v1/items/x?kind=notebook", b"2", if_none_match="*")
    assert again.status == 201
    assert again.etag.startswith('"3-')


async def test_courses_are_apart(ada: Reader) -> None:
    await ada.put("/v1/items/x?mode=lww", b"none")
    await ada.put("/v1/items/x?mode=lww&course=cs1", b"cs1")
    assert (await ada.get("/v1/items/x")).body == b"none"
    assert (await ada.get("/v1/items/x?course=")).body == b"none"
    assert (await ada.get("/v1/items/x?course=cs1")).body == b"cs1"
    assert (await ada.get("/v1/items/x?course=cs2")).status == 404
    assert await ids(ada, "?course=cs1") == ["x"]


async def ids(reader: Reader, query: str = "") -> list[str]:
    items = (await reader.get(f"/v1/items{query}")).json["items"]
    assert isinstance(items, list)
    return [item["id"] for item in items]


async def test_listing_by_prefix_kind_and_page(ada: Reader) -> None:
    names = ["ch10:a", "ch1:a", "ch1:b", "ch2:a", "ch2:z"]  # by code point
    for name in names:
        await ada.put(f"/v1/items/{name}?mode=lww&kind={'answer' if 'a' in name else 'program'}", b"1")
    assert await ids(ada) == names
    assert await ids(ada, "?prefix=ch1:") == ["ch1:a", "ch1:b"]
    assert await ids(ada, "?prefix=ch1") == ["ch10:a", "ch1:a", "ch1:b"]
    assert await ids(ada, "?kind=program") == ["ch1:b", "ch2:z"]
    assert await ids(ada, "?kind=progress") == []
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = (await ada.get(f"/v1/items?limit=2{cursor}")).json
        assert isinstance(page["items"], list)
        seen += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['cursor']}"
    assert seen == names
    assert page["cursor"] is None


async def test_a_listed_item_says_what_it_is(ada: Reader) -> None:
    made = await ada.put("/v1/items/x?mode=lww&kind=progress", b"[1]", content_type="application/json")
    items = (await ada.get("/v1/items")).json["items"]
    assert isinstance(items, list)
    updated = items[0].pop("updated")
    assert abs(datetime.fromisoformat(updated) - datetime.now(UTC)) < timedelta(seconds=30)
    assert items == [
        {
            "id": "x",
            "course": "",
            "kind": "progress",
            "revision": 1,
            "etag": made.etag,
            "size": 3,
            "content_type": "application/json",
        }
    ]


async def test_changes_since_a_time_include_deletions(own_store: Running) -> None:
    store, ada = own_store, own_store.reader()
    await ada.put("/v1/items/kept?mode=lww", b"1")
    await ada.put("/v1/items/dropped?mode=lww", b"1")
    store.clock.ahead += 100
    since = datetime.fromtimestamp(store.clock() - 50, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    await ada.delete("/v1/items/dropped?mode=lww")
    await ada.put("/v1/items/new?mode=lww", b"1")
    assert await ids(ada) == ["kept", "new"]
    changed = (await ada.get(f"/v1/items?updated_since={since}")).json["items"]
    assert isinstance(changed, list)
    assert [(item["id"], item["etag"] is None, "deleted" in item) for item in changed] == [
        ("dropped", True, True),
        ("new", False, False),
    ]


async def test_usage_counts_every_version(ada: Reader) -> None:
    empty = (await ada.get("/v1/me/usage")).json
    assert (empty["bytes"], empty["items"], empty["versions"]) == (0, 0, 0)
    for body in (b"1" * 100, b"2" * 200):
        await ada.put("/v1/items/x?mode=lww", body)
    await ada.put("/v1/items/y?mode=lww", b"3" * 300)
    assert (await ada.get("/v1/me/usage")).json == {
        "bytes": 600 + 3 * 256,
        "limit": 50 * 1024 * 1024,
        "items": 2,
        "versions": 3,
        "version_overhead": 256,
    }


async def test_tombstones_end_after_90_days(own_store: Running) -> None:
    store, ada = own_store, own_store.reader()
    await ada.put("/v1/items/x?mode=lww", b"1")
    await ada.put("/v1/items/kept?mode=lww", b"22")
    await ada.delete("/v1/items/x?mode=lww")
    store.clock.ahead += 89 * DAY
    await store.sweep()
    assert (await ada.get("/v1/items/x")).status == 410
    store.clock.ahead += 2 * DAY
    await store.sweep()
    assert (await ada.get("/v1/items/x")).status == 404
    assert (await ada.get("/v1/items/x/versions")).status == 404
    assert (await ada.get("/v1/me/usage")).json["bytes"] == 2 + 256
    assert await ids(ada) == ["kept"]


async def test_two_people_and_two_books_never_meet(store: Running, ada: Reader) -> None:
    sub = f"shared-{id(ada)}"
    readers = {
        (person, book): store.reader(sub=person, book=book)
        for person in (f"{sub}-1", f"{sub}-2")
        for book in ("book-1", "book-2")
    }
    for (person, book), reader in readers.items():
        await reader.put("/v1/items/x?mode=lww", f"{person} {book}".encode())
    for (person, book), reader in readers.items():
        own = f"{person} {book}".encode()
        assert (await reader.get("/v1/items/x")).body == own
        assert (await reader.get("/v1/items/x/versions/1")).body == own
        assert (await reader.get("/v1/items/x/versions/2")).status == 404
        assert await ids(reader) == ["x"]
        assert (await reader.get("/v1/me/usage")).json["versions"] == 1
    first, *others = readers.values()
    assert (await first.delete("/v1/items/x?mode=lww")).status == 204
    for other in others:
        assert (await other.get("/v1/items/x")).status == 200


async def test_many_are_read_together_as_they_were_saved(own_store: Running) -> None:
    ada, ben = own_store.reader(sub="ada"), own_store.reader(sub="ben")
    for name in ("a", "b", "gone"):
        await ada.put(f"/v1/items/{name}?mode=lww", b'{"of": "\xc3\x84da"}', content_type="application/json")
    await ada.put("/v1/items/text?mode=lww", b"1", content_type="text/plain")
    await ada.put("/v1/items/a?mode=lww&course=cs1", b"2", content_type="application/json")
    await ada.delete("/v1/items/gone?mode=lww")
    tag = (await ada.get("/v1/items/b")).etag
    answer = await ada.get("/v1/contents?ids=b,never,gone,text,b")
    assert answer.json == {
        "contents": [{"id": "b", "etag": tag, "body": '{"of": "Äda"}'}],
        "apart": ["text"],
    }
    contents = (await ada.get("/v1/contents?ids=a&course=cs1")).json["contents"]
    assert isinstance(contents, list)
    assert [one["body"] for one in contents] == ["2"]
    assert (await ben.get("/v1/contents?ids=a,b")).json == {"contents": [], "apart": []}


async def test_what_is_too_much_for_one_answer_is_read_apart(ada: Reader) -> None:
    half = b'"' + b"x" * (600 * 1024) + b'"'
    for name in ("x", "y", "z"):
        body = b"1" if name == "z" else half
        await ada.put(f"/v1/items/{name}?mode=lww&kind=notebook", body, content_type="application/json")
    answer = (await ada.get("/v1/contents?ids=x,y,z")).json
    contents = answer["contents"]
    assert isinstance(contents, list)
    assert [one["id"] for one in contents] == ["x", "z"]
    assert answer["apart"] == ["y"]
