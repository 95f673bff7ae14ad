"""What storage refuses: always problem+json with a stable code, and never half-done."""

import asyncio

import pytest

from backends.allowance import Rate
from backends.storage.items import KIB, LARGEST, Kind
from tests.backends.issuer import Issuer
from tests.backends.services import Reader, Running, storage

NO_IDS = [
    pytest.param("..", id="dot segment"),
    pytest.param("%2e%2e", id="encoded dot segment"),
    pytest.param(".hidden", id="leading dot"),
    pytest.param("-rf", id="leading hyphen"),
    pytest.param("a%2Fb", id="encoded slash"),
    pytest.param("a%5Cb", id="backslash"),
    pytest.param("a%00b", id="NUL"),
    pytest.param("a%0Ab", id="newline"),
    pytest.param("a%0A", id="newline at the end"),
    pytest.param("%20", id="blank"),
    pytest.param("a'%20OR%201=1--", id="quote"),
    pytest.param("a%25", id="percent"),
    pytest.param("a;b", id="semicolon"),
    pytest.param("%C3%A9", id="not ASCII"),
    pytest.param("%FF", id="not UTF-8"),
    pytest.param("%EF%BC%8E%EF%BC%8E", id="fullwidth dots"),
    pytest.param("internal", id="internal"),
    pytest.param("a" * 201, id="too long"),
]


@pytest.mark.parametrize("name", NO_IDS)
async def test_hostile_ids(ada: Reader, name: str) -> None:
    for method, path in (("GET", ""), ("PUT", "?mode=lww"), ("DELETE", "?mode=lww"), ("GET", "/versions")):
        suffix, _, query = path.partition("?")
        target = f"/v1/items/{name}{suffix}" + (f"?{query}" if query else "")
        answer = await ada.ask(method, target, b"1" if method == "PUT" else None, content_type="text/plain")
        # The dot segments never reach a route: the address is made canonical on the way.
        expected = (404, "not_found") if name in {"..", "%2e%2e"} else (400, "invalid_item_id")
        assert (answer.status, answer.code) in {expected, (400, "invalid_item_id")}
    assert (await ada.get("/v1/me/usage")).json["versions"] == 0


@pytest.mark.parametrize(
    "name", ["a", "A.b_c~d:e@f-g", "_", "0", "versions", "internal2", "a" * 200, "%61bc"]
)
async def test_ids_of_the_grammar(ada: Reader, name: str) -> None:
    assert (await ada.put(f"/v1/items/{name}?mode=lww", b"1")).status == 201
    assert (await ada.get(f"/v1/items/{name}")).status == 200


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("?coures=cs1", id="misspelt name"),
        pytest.param("?course=a&course=b", id="twice"),
        pytest.param("?course=a%2Fb", id="course outside the grammar"),
        pytest.param("?prefix=%25", id="prefix outside the grammar"),
        pytest.param("?kind=secret", id="unknown kind"),
        pytest.param("?limit=0", id="limit of zero"),
        pytest.param("?limit=501", id="limit too large"),
        pytest.param("?limit=-1", id="negative limit"),
        pytest.param("?limit=%D9%A1", id="digits of another script"),
        pytest.param("?limit=1e2", id="limit as a float"),
        pytest.param("?limit=" + "9" * 5000, id="limit as a very long number"),
        pytest.param("?cursor=%21%21", id="made-up cursor"),
        pytest.param("?cursor=Li4", id="cursor with another id"),
        pytest.param("?cursor=%C3%A9", id="cursor not ASCII"),
        pytest.param("?updated_since=yesterday", id="no time"),
        pytest.param("?updated_since=2026-01-01T00:00:00", id="time without a zone"),
        pytest.param("?updated_since=0001-01-01T00:00:00%2B14:00", id="time before time"),
    ],
)
async def test_bad_parameters(ada: Reader, query: str) -> None:
    answer = await ada.get("/v1/items" + query)
    assert (answer.status, answer.code) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param("", "invalid_item_id", id="none"),
        pytest.param("?ids=", "invalid_item_id", id="an empty one"),
        pytest.param("?ids=a,,b", "invalid_item_id", id="an empty one among others"),
        pytest.param("?ids=a,..", "invalid_item_id", id="outside the grammar"),
        pytest.param("?ids=" + ",".join(map(str, range(101))), "invalid_parameter", id="too many"),
        pytest.param("?ids=a&ids=b", "invalid_parameter", id="twice"),
        pytest.param("?ids=a&prefix=b", "invalid_parameter", id="unknown"),
    ],
)
async def test_bad_lists_of_ids(ada: Reader, asked: str, code: str) -> None:
    answer = await ada.get("/v1/contents" + asked)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/items/x?mode=checked",
        "/v1/items/x?mode=LWW",
        "/v1/items/x?mode=lww&kind=",
        "/v1/items/x?limit=1",
    ],
)
async def test_bad_parameters_of_a_write(ada: Reader, path: str) -> None:
    answer = await ada.put(path, b"1", if_none_match="*")
    assert (answer.status, answer.code) == (400, "invalid_parameter")


@pytest.mark.parametrize("revision", ["0", "-1", "x", "1.0", "99999999999999999999", "%31%00"])
async def test_bad_revisions(ada: Reader, revision: str) -> None:
    answer = await ada.get(f"/v1/items/x/versions/{revision}")
    assert (answer.status, answer.code) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    "tag", ["abc", '"abc', 'abc"', "'abc'", '"a" "b"', 'w/"a"', ", ,", '*, "a"', '"a\tb"', ""]
)
@pytest.mark.parametrize("name", ["if_match", "if_none_match"])
async def test_bad_entity_tags(ada: Reader, tag: str, name: str) -> None:
    headers = {name: tag}
    for answer in (
        await ada.put("/v1/items/x", b"1", **headers),
        await ada.delete("/v1/items/x", **headers),
        await ada.get("/v1/items/x", **headers),
    ):
        assert (answer.status, answer.code) == (400, "invalid_etag")


@pytest.mark.parametrize("time", ["", "now", "1767225600", "2026-03-01T10:00:00", "1969-12-31T23:59:59Z"])
async def test_bad_device_times(ada: Reader, time: str) -> None:
    answer = await ada.put("/v1/items/x?mode=lww", b"1", x_bookgate_time=time)
    assert (answer.status, answer.code) == (400, "invalid_header")


@pytest.mark.parametrize("key", ["", '""', "a b", "é", "k" * 201, "a,b"])
async def test_bad_idempotency_keys(ada: Reader, key: str) -> None:
    answer = await ada.put("/v1/items/x?mode=lww", b"1", idempotency_key=key)
    assert (answer.status, answer.code) == (400, "invalid_header")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param(b"1 2", id="two values"),
        pytest.param(b"[" * 50_000, id="very deep"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-ipynb+json; charset=utf-8"])
async def test_bad_json(ada: Reader, body: bytes, content_type: str) -> None:
    answer = await ada.put("/v1/items/x?mode=lww", body, content_type=content_type)
    assert (answer.status, answer.code) == (400, "invalid_json")
    assert (await ada.get("/v1/items/x")).status == 404


@pytest.mark.parametrize(
    "content_type",
    [
        "image/png",
        "application/octet-stream",
        "",
        "json",
        "text/",
        "text/plain" + ";a" * 200,
        "multipart/form-data",
    ],
)
async def test_types_that_are_not_kept(ada: Reader, content_type: str) -> None:
    answer = await ada.put("/v1/items/x?mode=lww", b"1", content_type=content_type)
    assert (answer.status, answer.code) == (415, "unsupported_type")


async def test_content_codings_are_not_taken(ada: Reader) -> None:
    answer = await ada.put("/v1/items/x?mode=lww", b"1", content_encoding="gzip")
    assert (answer.status, answer.code) == (415, "unsupported_type")


@pytest.mark.parametrize("kind", [Kind.ANSWER, Kind.PROGRAM, Kind.NOTEBOOK, Kind.PROGRESS])
async def test_each_kind_has_its_largest_size(ada: Reader, kind: Kind) -> None:
    limit = LARGEST[kind]
    assert (await ada.put(f"/v1/items/fits?mode=lww&kind={kind}", b"x" * limit)).status == 201
    assert (await ada.get("/v1/items/fits")).body == b"x" * limit
    answer = await ada.put(f"/v1/items/larger?mode=lww&kind={kind}", b"x" * (limit + 1))
    assert (answer.status, answer.code, answer.json["limit"]) == (413, "too_large", limit)
    answer = await ada.put("/v1/items/fits?mode=lww", b"x" * (limit + 1))
    assert (answer.status, answer.json["limit"]) == (413, limit)
    assert (await ada.get("/v1/items/larger")).status == 404


async def test_a_chunked_body_is_counted_too(store: Running, ada: Reader) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(store.url.rpartition(":")[2]))
    writer.write(
        b"PUT /v1/items/x?mode=lww&kind=answer HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        b"Transfer-Encoding: chunked\r\nX-Bookgate-Assertion: " + str(ada.assertion).encode() + b"\r\n\r\n"
    )
    for _ in range(65):
        writer.write(b"400\r\n" + b"x" * KIB + b"\r\n")
    assert b"413" in await reader.readline()
    writer.close()
    assert (await ada.get("/v1/items/x")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/items", "GET"),
        ("POST", "/v1/items/x", "DELETE, GET, HEAD, PUT"),
        ("PATCH", "/v1/items/x", "DELETE, GET, HEAD, PUT"),
        ("OPTIONS", "/v1/items/x", "DELETE, GET, HEAD, PUT"),
        ("PUT", "/v1/items/x/versions", "GET"),
        ("DELETE", "/v1/me/usage", "GET"),
    ],
)
async def test_wrong_methods(ada: Reader, method: str, path: str, allowed: str) -> None:
    answer = await ada.ask(method, path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert allowed in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/items/", "/v1/items//x", "/v2/items", "/v1/items/a/b", "/V1/items", "/%00"]
)
async def test_unknown_paths(ada: Reader, path: str) -> None:
    answer = await ada.get(path)
    assert (answer.status, answer.code) == (404, "not_found")


async def test_one_person_cannot_write_without_end(
    issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rate") / "storage.db"
    async with storage(path, issuer, Rate(burst=3, per_second=0.5)) as store:
        ada, bob = store.reader(sub="ada"), store.reader(sub="bob")
        statuses = [(await ada.put("/v1/items/x?mode=lww", b"1")).status for _ in range(4)]
        assert statuses == [201, 204, 204, 429]
        answer = await ada.put("/v1/items/x?mode=lww", b"1")
        assert answer.code == "too_many_requests"
        assert 1 <= int(answer.headers["Retry-After"]) <= 2
        assert (await bob.put("/v1/items/x?mode=lww", b"1")).status == 201
        assert (await ada.get("/v1/items/x")).status == 200


async def test_a_request_id_is_taken_over_when_it_is_one(ada: Reader) -> None:
    assert (await ada.get("/v1/items", x_request_id="abc-123")).headers["X-Request-Id"] == "abc-123"
    assert len((await ada.get("/v1/items", x_request_id='a"b')).headers["X-Request-Id"]) == 16
