"""Quota and thinning: what goes when there is too much, and what never goes."""

import uuid
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.storage.items import KIB, QUOTA
from backends.storage.thinning import KEPT, victim
from tests.backends.services import Reader, Running

MIB = KIB * KIB
BIG = b"x" * (5 * MIB)


async def roles(reader: Reader, item: str) -> list[str]:
    versions = (await reader.get(f"/v1/items/{item}/versions?limit=500")).json["versions"]
    assert isinstance(versions, list)
    return [one["role"] for one in versions]


async def test_a_full_shelf_is_507_and_nothing_is_replaced(ada: Reader) -> None:
    for number in range(9):
        assert (await ada.put(f"/v1/items/n{number}?mode=lww&kind=notebook", BIG)).status == 201
    usage = (await ada.get("/v1/me/usage")).json["bytes"]
    assert isinstance(usage, int)
    assert (
        await ada.put("/v1/items/last?mode=lww&kind=notebook", b"x" * (QUOTA - usage - 256))
    ).status == 201
    for path in ("/v1/items/n9?mode=lww&kind=notebook", "/v1/items/n0?mode=lww"):
        answer = await ada.put(path, b"more")
        assert (answer.status, answer.code, answer.json["limit"]) == (507, "quota_exceeded", QUOTA)
        assert answer.json["used"] == QUOTA
    assert (await ada.put("/v1/items/n0", b"loser", if_none_match="*")).status == 507
    assert (await ada.get("/v1/items/n0")).body == BIG
    assert (await ada.get("/v1/items/n9")).status == 404
    assert (await ada.get("/v1/me/usage")).json["bytes"] == QUOTA
    await ada.delete("/v1/items/n1?mode=lww")
    assert (await ada.put("/v1/items/n0?mode=lww", b"fits now")).status == 204
    assert (await ada.get("/v1/items/n1/versions/1")).status == 404


async def test_replaced_contents_make_way_and_branches_do_not(ada: Reader) -> None:
    await ada.put("/v1/items/old?mode=lww", b"old")
    await ada.put("/v1/items/old", b"branch", if_none_match="*")
    for _ in range(12):
        answer = await ada.put("/v1/items/n?mode=lww&kind=notebook", BIG)
        assert answer.status in {201, 204}
    assert await roles(ada, "old") == ["branch", "main"]
    assert len(await roles(ada, "n")) == 9
    assert (await ada.get("/v1/items/n")).body == BIG
    usage = (await ada.get("/v1/me/usage")).json
    assert usage["bytes"] == 9 * len(BIG) + len(b"old") + len(b"branch") + 11 * 256


async def test_history_is_thinned_and_the_first_and_last_stay(own_store: Running) -> None:
    reader = own_store.reader(sub=str(uuid.uuid4()))
    await reader.put("/v1/items/x?mode=lww", b"0")
    await reader.put("/v1/items/x", b"branch", if_none_match="*")
    for number in range(KEPT + 10):
        own_store.clock.ahead += 60
        await reader.put("/v1/items/x?mode=lww", b"%d" % number)
    kept = await roles(reader, "x")
    assert (len(kept), kept.count("branch")) == (KEPT + 1, 1)
    assert (await reader.get("/v1/items/x/versions/1")).body == b"0"
    assert (await reader.get("/v1/me/usage")).json["versions"] == KEPT + 1


async def test_attempts_are_never_thinned(ada: Reader) -> None:
    for number in range(KEPT + 5):
        await ada.put("/v1/items/q?mode=lww&kind=answer", b"%d" % number)
    assert len(await roles(ada, "q")) == KEPT + 5


@pytest.mark.parametrize(
    ("saved", "now", "index"),
    [
        pytest.param([0, 50, 100], 100, 1, id="the only one that may go"),
        pytest.param([0, 10, 11, 12, 100], 100, 2, id="the middle of a burst"),
        pytest.param([100, 90, 80], 50, 1, id="a clock that went backwards"),
    ],
)
def test_victim(saved: Sequence[int], now: int, index: int) -> None:
    assert victim(saved, now) == index


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10**12), min_size=3, max_size=250), st.integers(0, 10**12))
def test_the_first_and_the_newest_are_never_victims(saved: list[int], now: int) -> None:
    assert 0 < victim(sorted(saved), now) < len(saved) - 1


def test_thinning_keeps_more_of_what_is_recent() -> None:
    saved: list[int] = []
    now = 0
    for _ in range(2000):
        now += 60_000
        saved.append(now)
        if len(saved) > KEPT:
            del saved[victim(saved, now)]
    middle = saved[0] + (now - saved[0]) // 2
    assert sum(moment > middle for moment in saved) > sum(moment <= middle for moment in saved)
