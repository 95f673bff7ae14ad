"""What a store means, on every Redis that `redis.url` can name."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from gateway.session_limits import Life
from gateway.store import Place, Spent, Store, Taken
from tests.redis_kinds import KINDS, RedisKinds


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, redis_kinds: RedisKinds) -> str:
    return redis_kinds.url(request.param)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = Store.open(url, f"bookgate:{uuid4()}:", 5.0)
    yield opened
    await opened.close()


async def test_values_are_taken_once(store: Store) -> None:
    await store.put("k", b"\x00value", 60)
    assert await store.get("k") == b"\x00value"
    assert sorted([await store.take("k") or b"", await store.take("k") or b""]) == [b"", b"\x00value"]
    assert await store.get("k") is None


async def test_of_many_takers_one_gets_it(store: Store) -> None:
    await store.put("k", b"value", 60)
    taken = await asyncio.gather(*(store.take("k") for _ in range(50)))
    assert [value for value in taken if value is not None] == [b"value"]
    await store.create("h", {"v": b"value"}, 60)
    spent = await asyncio.gather(*(store.spend("h", f"mark {n}", 60) for n in range(50)))
    assert len([one for one in spent if isinstance(one, Taken)]) == 1
    marks = {one.mark for one in spent if isinstance(one, Spent)}
    assert len(marks) == 1
    assert await store.spend("nothing", "mark", 60) is None


async def test_marks_and_counts(store: Store) -> None:
    assert [await store.put_new("m", 60), await store.put_new("m", 60)] == [True, False]
    assert [await store.count("n", 60) for _ in range(3)] == [1, 2, 3]
    for value in (5, 3):
        await store.mark("p", "n", value, 60)
    assert await store.marks("p", 60) == {"n": 5}, "only ever higher"
    assert await store.marks("q", 60) == {}


# One slot: as in a cluster all of one person's keys are on one node.
INDEX, MARKS = "{1}i", "{1}p"
LIFE = Life(60, 60)


def place(name: str) -> Place:
    return Place(f"{{1}}{name}", INDEX, f"m:{name}", f"{{1}}beside {name}")


ONE, OTHER = place("one"), place("other")


async def values(store: Store, *records: str) -> list[bytes | None]:
    found, _ = await store.look(records, MARKS)
    return [one.value for one in found]


async def test_records(store: Store) -> None:
    assert await store.begin(ONE, b"one", 60, 10) == []
    assert await store.begin(ONE, b"two", 60, 10) is None
    assert await store.touch(ONE, LIFE, b"one", {"v": b"two"})
    assert not await store.touch(ONE, LIFE, b"one", {"v": b"three"})
    assert await store.add_field(ONE.record, "x")
    (found,), marks = await store.look([ONE.record], MARKS, "x")
    assert (found.value, found.field, marks) == (b"two", b"1", {})
    assert found.age in {0, 1}
    assert [await store.has_field(ONE.record, ["w", "x"]), await store.has_field(ONE.record, ["y"])] == [
        True,
        False,
    ]
    assert await store.members(INDEX) == ["m:one"]
    assert [await store.delete(ONE.record), await store.delete(ONE.record)] == [True, False]


async def test_nothing_is_written_to_what_is_gone(store: Store) -> None:
    assert not await store.touch(ONE, LIFE, b"one", {})
    assert not await store.add_tokens(ONE.record, {"a:x": 1}, 0)
    await store.begin(ONE, b"one", 60, 10)
    assert await store.bury(ONE, 60)
    assert not await store.bury(ONE, 60)
    assert await store.begin(ONE, b"again", 60, 10) is None
    assert not await store.touch(ONE, LIFE, b"one", {})
    assert not await store.add_field(ONE.record, "x")
    assert not await store.add_tokens(ONE.record, {"a:x": 1}, 0)
    assert not await store.move((ONE, OTHER), "other", 60, LIFE, (b"one", b"one"))
    assert await values(store, ONE.record, OTHER.record) == [None, None]
    assert await store.members(INDEX) == []


async def test_a_record_moves_once(store: Store) -> None:
    third = place("third")
    await store.begin(ONE, b"one", 60, 10)
    assert not await store.move((ONE, OTHER), "other", 60, LIFE, (b"other", b"two"))
    assert await store.move((ONE, OTHER), "other", 60, LIFE, (b"one", b"two"))
    assert not await store.move((ONE, third), "third", 60, LIFE, (b"one", b"two"))
    assert await values(store, ONE.record, OTHER.record, third.record) == [None, b"two", None]
    assert await store.moved(ONE.record) == "other"
    assert await store.members(INDEX) == ["m:other"]


async def test_what_lies_beside_lives_and_ends_with_it(store: Store) -> None:
    await store.begin(ONE, b"one", 60, 10)
    await store.put(ONE.beside, b"tokens", 1)
    assert await store.touch(ONE, LIFE, b"one", {"v": b"two"})
    await asyncio.sleep(1.2)
    assert await store.get(ONE.beside) == b"tokens"
    assert await store.bury(ONE, 60)
    assert await store.get(ONE.beside) is None


async def test_too_many_members_are_named_oldest_first(store: Store) -> None:
    places = [place(str(number)) for number in range(5)]
    told = [await store.begin(each, b"v", 60 + number, 3) for number, each in enumerate(places)]
    assert told == [[], [], [], ["m:0"], ["m:0", "m:1"]]
    assert await store.begin(place("soon"), b"v", 5, 3) == ["m:0", "m:1", "m:2"]


async def test_who_joined_is_told_once_and_nobody_joins_after(store: Store) -> None:
    assert [await store.join("sid", f"key {number}", 60 + number, 2) for number in range(3)] == [
        [],
        [],
        ["key 0"],
    ]
    assert await store.close_members("sid", 60) == ["key 1", "key 2"]
    assert await store.close_members("sid", 60) == []
    assert await store.join("sid", "late", 60, 2) is None


async def test_ended_tokens_are_swept(store: Store) -> None:
    await store.begin(ONE, b"one", 60, 10)
    await store.add_tokens(ONE.record, {"a:old": 10, "r:old": 10}, 5)
    await store.add_tokens(ONE.record, {"a:new": 20}, 10)
    told = [
        (await store.look([ONE.record], MARKS, field))[0][0].field for field in ("a:old", "r:old", "a:new")
    ]
    assert told == [None, b"10", b"20"]


async def test_tokens_cannot_fill_a_record_without_end(store: Store) -> None:
    await store.begin(ONE, b"one", 60, 10)
    for number in range(200):
        assert await store.add_tokens(ONE.record, {f"a:{number}": 99}, 5)
    told = [(await store.look([ONE.record], MARKS, field))[0][0].field for field in ("a:0", "a:199")]
    assert told == [None, b"99"]


async def test_everything_ends_by_itself(store: Store) -> None:
    await store.put("k", b"v", 1)
    await store.create("h", {"v": b"v"}, 0.2)
    await asyncio.sleep(1.2)
    assert await store.get("k") is None
    assert await store.spend("h", "mark", 60) is None


async def test_an_aborted_request_never_leaves_its_reply_to_another(store: Store) -> None:
    """In 2023 redis-py handed one person's reply to another."""
    people = [f"person {number}" for number in range(100)]
    for person in people:
        await store.put(person, person.encode(), 60)
        await store.begin(place(person), person.encode(), 60, 1000)
    wrong: list[str] = []

    async def ask(person: str) -> None:
        if await store.get(person) != person.encode():
            wrong.append(person)
        if await values(store, place(person).record) != [person.encode()]:
            wrong.append(person)

    for round_ in range(60):
        tasks = [asyncio.create_task(ask(person)) for person in people]
        for _ in range(round_ % 12):
            await asyncio.sleep(0)
        for task in tasks[round_ % 2 :: 2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(ask(person) for person in people))
    assert wrong == []


async def test_what_is_of_another_type_is_nobodys(store: Store) -> None:
    await store.put("k", b"v", 60)
    await store.create("h", {"v": b"v"}, 60)
    found, marks = await store.look(["k"], "k")
    assert (found[0].value, marks) == (None, None)
    assert [await store.get("h"), await store.take("h")] == [None, None]
    assert await store.spend("k", "mark", 60) is None
    assert await store.get("k") == b"v"
    assert await store.spend("h", "mark", 60) == Taken(b"v")


async def test_a_write_is_finished_though_its_request_went_away(store: Store) -> None:
    for number in range(20):
        task = asyncio.create_task(store.put(f"k{number}", b"v", 60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(20):  # the last of them may be on its way yet
        for number in range(20):
            while await store.get(f"k{number}") != b"v":  # ruff: ignore[async-busy-wait]
                await asyncio.sleep(0.01)


async def test_two_prefixes_are_two_stores(url: str) -> None:
    one, two = (Store.open(url, f"bookgate:{uuid4()}:", 5.0) for _ in range(2))
    await one.put("k", b"v", 60)
    assert await two.get("k") is None
    await one.close()
    await two.close()
