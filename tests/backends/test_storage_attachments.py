"""Files beside people's work: kept as they are, and a browser runs nothing of them; and every attempt."""

import uuid
from typing import Any

import pytest

from backends import moment
from backends.storage.items import KIB, Kind
from backends.storage.media import HARMLESS, headers
from backends.storage.reading import INSIDE, TOGETHER
from tests.backends.services import Answer, Reader, Running

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
KEPT = "?kind=attachment&mode=lww"


async def put(reader: Reader, content_type: str, body: bytes = PNG, query: str = KEPT) -> Answer:
    return await reader.put(f"/v1/items/x{query}", body, content_type=content_type)


class TestAttachments:
    @pytest.mark.parametrize("content_type", ["image/png", "application/pdf", "text/html", "font/woff2"])
    async def test_bytes_and_type_are_kept(self, ada: Reader, content_type: str) -> None:
        assert (await put(ada, content_type)).status == 201
        assert (await ada.get("/v1/items/x")).body == PNG
        listed: Any = (await ada.get("/v1/items?kind=attachment")).json["items"]
        assert [(item["kind"], item["content_type"]) for item in listed] == [("attachment", content_type)]

    @pytest.mark.parametrize("content_type", ["image/png", "image/png; x=y", "video/mp4", "text/plain"])
    async def test_what_is_harmless_has_its_type(self, ada: Reader, content_type: str) -> None:
        await put(ada, content_type)
        answer = await ada.get("/v1/items/x")
        assert answer.headers["Content-Type"] == content_type
        assert "Content-Disposition" not in answer.headers

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/html", "text/javascript", "application/javascript", "text/css", "image/svg+xml", "text/xml",
            "application/xhtml+xml", "application/pdf", "application/wasm", "multipart/related", "TEXT/HTML",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("path", ["/v1/items/x", "/v1/items/x/versions/1"])
    async def test_nothing_that_a_browser_runs_has_its_type(
        self, ada: Reader, content_type: str, path: str
    ) -> None:
        await put(ada, content_type, b"alert(1)")
        answer = await ada.get(path)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]

    async def test_an_old_version_stays_harmless_when_the_item_is_text_now(self, ada: Reader) -> None:
        await put(ada, "image/svg+xml")
        await ada.delete("/v1/items/x?mode=lww")
        assert (await put(ada, "text/plain", b"1", "?kind=program&mode=lww")).status == 201
        answer = await ada.get("/v1/items/x/versions/1")
        assert answer.headers["Content-Type"] == "application/octet-stream"

    @pytest.mark.parametrize(
        "content_type", ["", "png", "image/", "/png", "image/png/x", "image /png", "*/*", "image/pngé"]
    )
    async def test_a_type_that_is_none(self, ada: Reader, content_type: str) -> None:
        answer = await put(ada, content_type)
        assert (answer.status, answer.code) == (415, "unsupported_type")

    async def test_limits_and_kinds(self, ada: Reader) -> None:
        assert (await put(ada, "image/png", b"x" * (5 * KIB * KIB))).status == 201
        assert (await put(ada, "image/png", b"x" * (5 * KIB * KIB + 1))).status == 413
        assert (await put(ada, "image/png", PNG, "?mode=lww")).status == 415
        assert (await put(ada, "text/plain", b"1", "?kind=program&mode=lww")).status == 409

    async def test_json_is_json_and_bytes_stand_apart(self, ada: Reader) -> None:
        assert (await put(ada, "application/json", b"{")).status == 400
        await put(ada, "image/png")
        assert (await ada.get("/v1/contents?ids=x")).json == {"contents": [], "apart": ["x"]}

    async def test_both_copies_are_kept_in_a_conflict(self, ada: Reader) -> None:
        await put(ada, "image/png")
        lost = await ada.put(
            "/v1/items/x?kind=attachment", b"other", content_type="image/png", if_none_match="*"
        )
        assert (lost.status, lost.json["branch"]) == (412, 2)
        assert (await ada.get("/v1/items/x/versions/2")).body == b"other"

    def test_what_is_harmless_is_a_type(self) -> None:
        assert all(headers(name, Kind.ATTACHMENT) == {"Content-Type": name} for name in HARMLESS)


async def attempts(reader: Reader, query: str = "") -> dict[str, Any]:
    answer = await reader.get(f"/v1/attempts{query}")
    assert answer.status == 200, answer.body
    return answer.json


class TestAttempts:
    async def test_every_one_by_item_and_the_oldest_first(self, ada: Reader) -> None:
        for item, body in (("q2", "1"), ("q1", "1"), ("q2", "2")):
            await ada.put(f"/v1/items/{item}?mode=lww&kind=answer", body.encode())
        await ada.put("/v1/items/p?mode=append", b"run")
        await ada.put("/v1/items/p?mode=lww", b"no attempt")
        await ada.put("/v1/items/q1?mode=lww&kind=answer&course=cs1", b"elsewhere")
        found = await attempts(ada)
        shown = [(one["item"], one["revision"], one["body"]) for one in found["attempts"]]
        assert shown == [("p", 1, "run"), ("q1", 1, "1"), ("q2", 1, "1"), ("q2", 2, "2")]
        assert found["cursor"] is None
        assert [one["body"] for one in (await attempts(ada, "?item=q2"))["attempts"]] == ["1", "2"]
        assert [one["body"] for one in (await attempts(ada, "?course=cs1"))["attempts"]] == ["elsewhere"]

    async def test_since_and_pages(self, own_store: Running) -> None:
        ada = own_store.reader(str(uuid.uuid4()))
        for item in ("a", "b", "b", "c"):
            await ada.put(f"/v1/items/{item}?mode=lww&kind=answer", b"1")
        pages = [await attempts(ada, "?limit=3")]
        pages.append(await attempts(ada, f"?limit=3&cursor={pages[0]['cursor']}"))
        assert [[one["item"] for one in page["attempts"]] for page in pages] == [["a", "b", "b"], ["c"]]
        assert pages[1]["cursor"] is None
        own_store.clock.ahead += 60
        since = moment.spell(int((own_store.clock() - 30) * 1000))
        await ada.put("/v1/items/b?mode=lww&kind=answer", b"later")
        later = (await attempts(ada, f"?since={since}"))["attempts"]
        assert [one["body"] for one in later] == ["later"]
        assert (await attempts(ada, "?since=2100-01-01T00:00:00Z"))["attempts"] == []

    async def test_a_page_has_room_for_bodies(self, ada: Reader) -> None:
        await ada.put("/v1/items/a?mode=append", b"x" * (INSIDE + 1))
        for number in range(TOGETHER // INSIDE + 1):
            await ada.put("/v1/items/b?mode=append", b"%d" % number + b"x" * (INSIDE - 1))
        first = await attempts(ada)
        assert [len(one.get("body", "")) for one in first["attempts"]] == [0] + [INSIDE] * (
            TOGETHER // INSIDE
        )
        rest = await attempts(ada, f"?cursor={first['cursor']}")
        assert (len(rest["attempts"]), rest["cursor"]) == (1, None)

    @pytest.mark.parametrize(
        "query",
        ["?cursor=", "?cursor=x", "?cursor=1.", "?cursor=0.x", "?cursor=x.1", "?since=now", "?limit=501"],
    )
    async def test_what_it_does_not_take(self, ada: Reader, query: str) -> None:
        assert (await ada.get(f"/v1/attempts?{query}")).code == "invalid_parameter"

    async def test_of_nobody_else(self, ada: Reader, store: Running) -> None:
        await ada.put("/v1/items/q?mode=lww&kind=answer", b"1")
        assert (await attempts(store.reader(str(uuid.uuid4()))))["attempts"] == []
