"""Writes that meet other writes: nothing that anybody sent is lost."""

import asyncio

import pytest

from tests.backends.services import Answer, Reader, Running

DAY = 86400


def members(answer: Answer) -> tuple[object, object]:
    assert (answer.status, answer.code) == (412, "precondition_failed")
    return answer.json["etag"], answer.json["branch"]


async def test_a_stale_write_is_412_and_kept_as_a_branch(ada: Reader) -> None:
    first = await ada.put("/v1/items/x", b"1", if_none_match="*")
    second = await ada.put("/v1/items/x", b"2", if_match=first.etag)
    lost = await ada.put("/v1/items/x", b"lost", if_match=first.etag)
    assert members(lost) == (second.etag, 3)
    assert (await ada.get("/v1/items/x")).body == b"2"
    assert (await ada.get("/v1/items/x/versions/3")).body == b"lost"
    versions = (await ada.get("/v1/items/x/versions")).json["versions"]
    assert isinstance(versions, list)
    assert [(one["revision"], one["role"], one["base"]) for one in versions] == [
        (3, "branch", 1),
        (2, "main", 1),
        (1, "main", None),
    ]
    merged = await ada.put("/v1/items/x", b"merged", if_match=second.etag)
    assert (merged.status, merged.etag[:3]) == (204, '"4-')


async def test_two_devices_make_the_same_item(ada: Reader) -> None:
    answers = await asyncio.gather(
        *(ada.put("/v1/items/x", b"%d" % number, if_none_match="*") for number in range(5))
    )
    assert sorted(answer.status for answer in answers) == [201, 412, 412, 412, 412]
    bodies = {(await ada.get(f"/v1/items/x/versions/{revision}")).body for revision in range(1, 6)}
    assert bodies == {b"0", b"1", b"2", b"3", b"4"}


async def test_the_same_loser_again_makes_no_second_branch(ada: Reader) -> None:
    await ada.put("/v1/items/x", b"1", if_none_match="*")
    for _ in range(3):
        lost = await ada.put("/v1/items/x", b"lost", if_none_match="*")
        assert members(lost)[1] == 2
    same = await ada.put("/v1/items/x", b"1", if_none_match="*")
    assert members(same)[1] is None
    assert (await ada.get("/v1/me/usage")).json["versions"] == 2


async def test_a_write_that_was_done_already_succeeds_again(ada: Reader) -> None:
    first = await ada.put("/v1/items/x", b"1", if_none_match="*")
    second = await ada.put("/v1/items/x", b"2", if_match=first.etag)
    again = await ada.put("/v1/items/x", b"2", if_match=first.etag)
    assert (again.status, again.etag) == (204, second.etag)


async def test_a_write_to_what_was_deleted_or_never_was_is_kept_too(ada: Reader) -> None:
    made = await ada.put("/v1/items/x", b"1", if_none_match="*")
    await ada.delete("/v1/items/x", if_match=made.etag)
    lost = await ada.put("/v1/items/x", b"after", if_match=made.etag)
    assert members(lost) == (None, 3)
    assert (await ada.get("/v1/items/x/versions/3")).body == b"after"
    lost = await ada.put("/v1/items/never", b"what", if_match=made.etag)
    assert members(lost) == (None, 1)
    assert (await ada.get("/v1/items/never")).status == 404
    assert (await ada.get("/v1/items/never/versions/1")).body == b"what"
    assert (await ada.delete("/v1/items/never", if_match="*")).status == 404
    made = await ada.put("/v1/items/never", b"now", if_none_match="*")
    assert (made.status, made.etag[:3]) == (201, '"2-')


async def test_a_weak_tag_never_lets_a_write_happen(ada: Reader) -> None:
    made = await ada.put("/v1/items/x", b"1", if_none_match="*")
    assert (await ada.put("/v1/items/x", b"2", if_match=f"W/{made.etag}")).status == 412


async def test_a_precondition_counts_in_every_mode(ada: Reader) -> None:
    await ada.put("/v1/items/x?mode=lww", b"1")
    assert (await ada.put("/v1/items/x?mode=lww", b"2", if_none_match="*")).status == 412
    assert (await ada.delete("/v1/items/x?mode=lww", if_match='"0-AAAAAAAAAAAAAAAA"')).status == 412
    assert (await ada.get("/v1/items/x", if_match='"no"')).status == 412
    assert (await ada.get("/v1/items/x", if_match="*")).status == 200


async def test_saying_nothing_is_428(ada: Reader) -> None:
    answer = await ada.put("/v1/items/x", b"1")
    assert (answer.status, answer.code) == (428, "precondition_required")
    await ada.put("/v1/items/x", b"1", if_none_match="*")
    assert (await ada.put("/v1/items/x", b"2")).status == 428
    assert (await ada.delete("/v1/items/x")).status == 428
    assert (await ada.get("/v1/items/x")).body == b"1"


async def test_the_kind_of_what_is_there_stays(ada: Reader) -> None:
    made = await ada.put("/v1/items/x?kind=program", b"1", if_none_match="*")
    answer = await ada.put("/v1/items/x?kind=answer", b"2", if_match=made.etag)
    assert (answer.status, answer.code) == (409, "kind_differs")
    assert (await ada.put("/v1/items/x", b"2", if_match=made.etag)).status == 204


async def test_a_replay_gets_the_first_result(ada: Reader) -> None:
    first = await ada.put("/v1/items/x", b"1", if_none_match="*", idempotency_key="key-1")
    again = await ada.put("/v1/items/x", b"1", if_none_match="*", idempotency_key="key-1")
    assert (first.status, again.status, again.etag) == (201, 201, first.etag)
    assert (await ada.get("/v1/me/usage")).json["versions"] == 1
    # A device that tries again may have read the item in the meantime.
    again = await ada.put("/v1/items/x", b"1", if_match=first.etag, idempotency_key='"key-1"')
    assert (again.status, again.etag) == (201, first.etag)


async def test_a_replay_of_a_lost_write_is_lost_again(ada: Reader) -> None:
    await ada.put("/v1/items/x", b"1", if_none_match="*")
    first = await ada.put("/v1/items/x", b"2", if_none_match="*", idempotency_key="key-1")
    await ada.delete("/v1/items/x?mode=lww")
    again = await ada.put("/v1/items/x", b"2", if_none_match="*", idempotency_key="key-1")
    assert members(again) == members(first)


async def test_a_replayed_deletion(ada: Reader) -> None:
    made = await ada.put("/v1/items/x", b"1", if_none_match="*")
    for _ in range(2):
        answer = await ada.delete("/v1/items/x", if_match=made.etag, idempotency_key="key-1")
        assert answer.status == 204


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/v1/items/x?mode=lww", b"2", id="another body"),
        pytest.param("/v1/items/y?mode=lww", b"1", id="another item"),
        pytest.param("/v1/items/x?mode=lww&course=cs1", b"1", id="another course"),
    ],
)
async def test_a_key_is_for_one_request(ada: Reader, path: str, body: bytes) -> None:
    await ada.put("/v1/items/x?mode=lww", b"1", idempotency_key="key-1")
    answer = await ada.put(path, body, idempotency_key="key-1")
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")


async def test_a_refused_request_may_try_again_under_its_key(ada: Reader) -> None:
    assert (await ada.put("/v1/items/x", b"1", idempotency_key="key-1")).status == 428
    assert (await ada.put("/v1/items/x", b"1", if_none_match="*", idempotency_key="key-1")).status == 201


async def test_keys_are_each_persons_own_and_last_30_days(own_store: Running) -> None:
    ada, bob = own_store.reader(sub="ada"), own_store.reader(sub="bob")
    assert (await ada.put("/v1/items/x?mode=lww", b"1", idempotency_key="key-1")).status == 201
    assert (await bob.put("/v1/items/x?mode=lww", b"2", idempotency_key="key-1")).status == 201
    own_store.clock.ahead += 31 * DAY
    assert (await ada.put("/v1/items/x?mode=lww", b"3", idempotency_key="key-1")).status == 204
