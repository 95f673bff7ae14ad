"""Where the masters are, by what sentinels and nodes say: some hang, some are wrong, some know the past."""

import asyncio
from collections.abc import Mapping

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from gateway.store.cluster import Topology
from gateway.store.pools import Host
from gateway.store.sentinels import Sentinels

A, B, C = ("a", 1), ("b", 1), ("c", 1)
OLD, NEW = ("old", 6379), ("new", 6379)
HANGS = "hangs"


class Told:
    """Says what each host says: an answer, an error, or nothing at all."""

    def __init__(self, said: Mapping[Host, object]) -> None:
        self.said = dict(said)
        self.asked: list[Host] = []

    async def __call__(self, host: Host) -> object:
        self.asked.append(host)
        said = self.said[host]
        if said == HANGS:
            await asyncio.Event().wait()
        if isinstance(said, Exception):
            raise said
        return said


def master(
    at: Host = NEW, epoch: object = 1, flags: str = "master", name: str = "main", **other: str
) -> list[bytes]:
    state = {"name": name, "ip": at[0], "port": at[1], "flags": flags, "config-epoch": epoch} | other
    return [str(part).encode() for pair in state.items() for part in pair]


GONE = RedisConnectionError("gone")

AGREED = [
    pytest.param({A: [master()], B: [master()], C: [master()]}, NEW, id="all agree"),
    pytest.param({A: [master(OLD, 1)], B: [master(NEW, 2)], C: [master(NEW, 2)]}, NEW, id="the newer epoch"),
    pytest.param({A: [master(NEW, 10)], B: [master(OLD, 9)], C: HANGS}, NEW, id="numbers, not words"),
    pytest.param({A: GONE, B: [master()], C: GONE}, NEW, id="one is left"),
    pytest.param({A: HANGS, B: [master()], C: HANGS}, NEW, id="two hang"),
    pytest.param({A: OSError(), B: [master()], C: RedisError()}, NEW, id="errors of all kinds"),
    pytest.param({A: [master(OLD, name="other"), master()], B: GONE, C: GONE}, NEW, id="another service too"),
    pytest.param({A: [master(OLD, 9, "master,s_down")], B: [master()], C: GONE}, NEW, id="one that is down"),
]

NOBODY = [
    pytest.param({A: GONE, B: GONE, C: GONE}, id="all are away"),
    pytest.param({A: HANGS, B: HANGS, C: HANGS}, id="all hang"),
    pytest.param({A: [], B: [], C: []}, id="they know none"),
    pytest.param({A: [master(name="other")], B: GONE, C: GONE}, id="another service"),
    pytest.param({A: [master(flags="master,o_down")], B: GONE, C: GONE}, id="down"),
    pytest.param({A: [master(flags="slave")], B: GONE, C: GONE}, id="no master"),
    pytest.param({A: [master(epoch="x")], B: [master(("h", -1))], C: [master(("", 1))]}, id="no address"),
    pytest.param({A: b"PONG", B: [b"name"], C: [[1, 2]]}, id="no list of masters"),
]


@pytest.mark.parametrize(("said", "expected"), AGREED)
async def test_the_master_that_sentinels_name(said: Mapping[Host, object], expected: Host) -> None:
    sentinels = Sentinels(list(said), "main", Told(said), 0.5)
    assert await sentinels.master() == expected


@pytest.mark.parametrize("said", NOBODY)
async def test_sentinels_that_name_none(said: Mapping[Host, object]) -> None:
    sentinels = Sentinels(list(said), "main", Told(said), 0.1)
    with pytest.raises(RedisConnectionError):
        await sentinels.master()


async def test_sentinels_are_asked_once_for_all_who_ask_and_again_later() -> None:
    told = Told({A: [master()]})
    sentinels = Sentinels([A], "main", told, 0.5)
    assert set(await asyncio.gather(*(sentinels.master() for _ in range(10)))) == {NEW}
    assert told.asked == [A]
    told.said[A] = [master(OLD)]
    assert await sentinels.master() == OLD


async def test_who_stops_waiting_does_not_stop_the_others() -> None:
    sentinels = Sentinels([A, B], "main", Told({A: [master()], B: HANGS}), 0.2)
    first, second = (asyncio.create_task(sentinels.master()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == NEW


def slots(*ranges: tuple[int, int, list[list[object]]]) -> list[object]:
    return [[first, last, *nodes] for first, last, nodes in ranges]


def node(host: Host) -> list[object]:
    return [host[0].encode(), host[1], b"id"]


WHOLE = slots((0, 8191, [node(A), node(C)]), (8192, 16383, [node(B)]))

WRONG = [
    pytest.param(b"OK", id="a word"),
    pytest.param(None, id="nothing"),
    pytest.param([], id="no slots"),
    pytest.param([[0, 5]], id="no nodes"),
    pytest.param([[0, 5, b"a"]], id="a word for a node"),
    pytest.param([[b"0", b"5", node(A)]], id="words for slots"),
    pytest.param(slots((0, 99999, [node(A)])), id="too many slots"),
    pytest.param(slots((0, 5, [[b"a", b"port"]])), id="a word for a port"),
    pytest.param(GONE, id="gone"),
    pytest.param(HANGS, id="hangs"),
]


async def test_who_has_a_slot() -> None:
    topology = Topology([C], Told({C: WHOLE}), 0.5)
    assert [await topology.owner(slot) for slot in (0, 8191, 8192, 16383)] == [A, A, B, B]
    assert topology.masters == {A, B}


@pytest.mark.parametrize("said", WRONG)
async def test_a_node_that_is_wrong_is_passed_over(said: object) -> None:
    told = Told({A: said, B: WHOLE})
    for _ in range(4):  # whichever is asked first
        topology = Topology([A, B], told, 0.5)
        assert await topology.owner(0) == A


@pytest.mark.parametrize("said", WRONG)
async def test_a_cluster_that_tells_nothing(said: object) -> None:
    topology = Topology([A], Told({A: said}), 0.1)
    with pytest.raises(RedisConnectionError):
        await topology.owner(0)


@pytest.mark.parametrize("name", [b"", b"?", None])
async def test_a_node_that_does_not_know_its_name(name: bytes | None) -> None:
    topology = Topology([A], Told({A: slots((0, 16383, [[name, 7000]]))}), 0.5)
    assert await topology.owner(0) == ("a", 7000)


async def test_a_slot_that_nobody_has_is_asked_for_again() -> None:
    told = Told({A: slots((0, 8191, [node(A)]))})
    topology = Topology([A], told, 0.5)
    with pytest.raises(RedisConnectionError):
        await topology.owner(9000)
    told.said[A] = WHOLE
    await topology.refresh()
    assert await topology.owner(9000) == B
    await topology.aclose()


async def test_nodes_that_were_found_are_asked_when_the_seeds_are_gone() -> None:
    told = Told({A: WHOLE, B: GONE, C: GONE})
    topology = Topology([A], told, 0.5)
    await topology.refresh()
    told.said |= {A: GONE, C: slots((0, 16383, [node(C)]))}
    await topology.refresh()
    assert topology.masters == {C}


async def test_a_slot_that_moved() -> None:
    topology = Topology([A], Told({A: WHOLE}), 0.5)
    await topology.refresh()
    topology.moved(0, B)
    assert await topology.owner(0) == B
    await topology.aclose()
