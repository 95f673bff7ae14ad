"""Two people become one and two again; what was under way meanwhile is whose it should be."""

import json
import time
import uuid
from dataclasses import dataclass

import pytest

from tests.backends.services import Answer, Reader, Running
from tests.backends.test_analytics import event, rows, send, taken

HAD = 3


@dataclass(frozen=True, slots=True)
class Two:
    """Pseudonyms in one book."""

    running: Running
    loser: str
    survivor: str

    def reader(self, who: str, later: int = 0) -> Reader:
        return self.running.reader(who, iat=int(time.time()) + later)

    async def internal(self, purpose: str, **claims: int) -> Answer:
        said = self.running.internal(self.loser, self.survivor, "book-1", purpose=purpose, **claims)
        return await said.post(f"/v1/internal/{purpose}", b"")

    async def ids(self, who: str) -> set[object]:
        return {row["id"] for row in await rows(self.running, who)}


@pytest.fixture
async def two(events: Running) -> Two:
    """Each has sent some events."""
    two = Two(events, f"loser-{uuid.uuid4()}", f"survivor-{uuid.uuid4()}")
    for who in (two.loser, two.survivor):
        sent = [event(seq=number) for number in range(HAD)]
        assert taken(await send(two.reader(who), sent)) == (HAD, 0, [])
    return two


async def deleted(two: Two, who: str) -> None:
    answer = await two.running.asked("delete", who).post("/v1/internal/delete", b"")
    assert answer.status == 202


async def test_the_losers_events_are_the_survivors_and_two_again(two: Two) -> None:
    mine, theirs = await two.ids(two.survivor), await two.ids(two.loser)
    for _ in range(2):
        answer = await two.internal("merge")
        assert (answer.status, answer.json) == (202, {"events": HAD})
    assert (await two.ids(two.survivor), await two.ids(two.loser)) == (mine | theirs, set())
    assert (await two.internal("unmerge")).json == {"events": HAD}
    assert (await two.internal("unmerge")).json == {"events": 0}
    assert (await two.ids(two.survivor), await two.ids(two.loser)) == (mine, theirs)
    assert {row["came_from"] for row in await rows(two.running, two.loser)} == {None}


async def test_merges_come_off_one_after_the_other(two: Two) -> None:
    theirs, mine = await two.ids(two.loser), await two.ids(two.survivor)
    last = Two(two.running, two.survivor, f"last-{uuid.uuid4()}")
    await two.internal("merge")
    await last.internal("merge")
    assert await two.ids(last.survivor) == mine | theirs
    await last.internal("unmerge")
    assert (await two.ids(two.survivor), await two.ids(last.survivor)) == (mine | theirs, set())
    await two.internal("unmerge")
    assert (await two.ids(two.survivor), await two.ids(two.loser)) == (mine, theirs)


async def test_told_out_of_order_it_goes_to_where_it_is_by_now(two: Two) -> None:
    last = Two(two.running, two.survivor, f"last-{uuid.uuid4()}")
    await last.internal("merge")
    await two.internal("merge")
    assert len(await two.ids(last.survivor)) == 2 * HAD


async def test_what_was_under_way_is_the_survivors_once(two: Two) -> None:
    late = event(seq=100)
    await two.internal("merge")
    assert taken(await send(two.reader(two.loser), [late])) == (1, 0, [])
    assert taken(await send(two.reader(two.survivor), [late])) == (0, 1, [])
    assert late["id"] in await two.ids(two.survivor)
    assert await two.ids(two.loser) == set()


async def test_an_event_that_both_sent_stays_with_each(two: Two) -> None:
    same = event(seq=100)
    for who in (two.loser, two.survivor):
        await send(two.reader(who), [same])
    assert (await two.internal("merge")).json == {"events": HAD}
    assert await two.ids(two.loser) == {same["id"]}
    await two.internal("unmerge")
    assert same["id"] in await two.ids(two.survivor)
    assert len(await two.ids(two.loser)) == HAD + 1


async def test_nobody_becomes_two_nor_themselves(two: Two) -> None:
    await two.internal("merge")
    other = Two(two.running, two.loser, f"other-{uuid.uuid4()}")
    assert (await other.internal("merge")).code == "merged_elsewhere"
    back = Two(two.running, two.survivor, two.loser)
    assert (await back.internal("merge")).status == 400
    assert (await other.internal("unmerge")).json == {"events": 0}
    assert len(await two.ids(two.survivor)) == 2 * HAD


async def test_what_a_deleted_one_had_under_way_comes_too_late(two: Two) -> None:
    await two.internal("merge")
    late = two.reader(two.loser), two.reader(two.survivor)
    for who in (two.survivor, two.loser):
        await deleted(two, who)
        for reader in late:
            assert (await send(reader, [event()])).code == "person_deleted"
    assert await two.ids(two.survivor) | await two.ids(two.loser) == set()
    assert taken(await send(two.reader(two.loser, 1), [event()])) == (1, 0, [])
    assert len(await two.ids(two.loser)) == 1, "whoever begins anew is nobody else"


@pytest.mark.parametrize("who", ["loser", "survivor"])
async def test_a_merge_that_was_under_way_merges_nobody(two: Two, who: str) -> None:
    await deleted(two, getattr(two, who))
    assert (await two.internal("merge")).json == {"events": 0}
    survivor = set() if who == "survivor" else await two.ids(two.survivor)
    assert len(survivor) == (0 if who == "survivor" else HAD)


async def test_a_merge_from_before_they_were_two_again(two: Two) -> None:
    await two.internal("merge")
    await two.internal("unmerge")
    assert (await two.internal("merge", iat=int(time.time()) - 10)).json == {"events": 0}
    assert len(await two.ids(two.loser)) == HAD


async def test_a_person_is_told_where_events_came_from(two: Two) -> None:
    await two.internal("merge")
    answer = await two.running.asked("export", two.survivor).post("/v1/internal/export", b"")
    said = [json.loads(line)["came_from"] for line in answer.body.splitlines()]
    assert sorted(map(str, said)) == sorted(["None"] * HAD + [two.loser] * HAD)
