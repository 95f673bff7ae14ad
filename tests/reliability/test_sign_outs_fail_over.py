"""Real fail-overs that lose the last writes: the replicas hear nothing while people sign out."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.records import LiveSignIn
from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisSentinel
from tests.reliability.conftest import Tell
from tests.reliability.fail_over import BACK, all_have_it, cut_off
from tests.revoking_workers import Worker, open_worker, until

PEOPLE = [f"person-{number}" for number in range(24)]


@dataclass
class People:
    """Some have left, by one way or another; the others stay."""

    left: list[LiveSignIn]
    stay: list[LiveSignIn]


async def sign_in(worker: Worker) -> list[LiveSignIn]:
    return [await worker.sign_in(person) for person in PEOPLE]


async def leave(worker: Worker, signed_in: Sequence[LiveSignIn]) -> People:
    for one in signed_in[::4]:
        await worker.sessions.end_sign_in(one.key)
    for one in signed_in[1::4]:
        await worker.sessions.end_everywhere(one.record.person)
    for one in signed_in[2::4]:
        await worker.sessions.end_person_at_provider(one.record.person, "campus")
    await worker.revocations.look()
    left = [one for number, one in enumerate(signed_in) if number % 4 != 3]
    return People(left, list(signed_in[3::4]))


async def nobody_came_back(workers: Iterable[Worker], people: People) -> None:
    for worker in workers:
        for one in people.left:
            assert not await until(partial(worker.lives, one), BACK), one.record.person
        for one in people.stay:
            assert await until(partial(worker.lives, one), BACK), one.record.person


async def holds(found: Callable[[], bool]) -> None:
    ends = time.monotonic() + BACK
    while not await asyncio.to_thread(found):
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)


async def test_sentinel(tmp_path: Path, tell: Tell) -> None:
    sentinel = RedisSentinel(tmp_path / "s")
    async with AsyncExitStack() as stack:
        stack.callback(sentinel.stop)
        await asyncio.to_thread(sentinel.start)
        workers = [await open_worker(stack, sentinel.url, tmp_path) for _ in range(2)]
        signed_in = await until(partial(sign_in, workers[0]))
        assert isinstance(signed_in, list)
        await workers[0].revocations.look()
        await workers[0].revocations.keep_checkpoint()
        await workers[1].lives(signed_in[0])
        old = sentinel.master
        replicas = [server for server in sentinel.servers if server is not old]
        await holds(lambda: all_have_it([old], 2))
        cut_off([old], replicas)
        people = await leave(workers[0], signed_in)
        old.kill()
        for replica in replicas:
            replica.thaw()
        began = time.monotonic()
        await holds(lambda: sentinel.master is not old)
        await nobody_came_back(workers, people)
        tell("fail-over and proof", f"{time.monotonic() - began:.1f} s")


async def test_cluster(tmp_path: Path, tell: Tell) -> None:
    cluster = RedisCluster(tmp_path / "c")
    async with AsyncExitStack() as stack:
        stack.callback(cluster.stop)
        await asyncio.to_thread(cluster.start)
        workers = [await open_worker(stack, cluster.url, tmp_path) for _ in range(2)]
        signed_in = await until(partial(sign_in, workers[0]))
        assert isinstance(signed_in, list)
        await workers[0].revocations.look()
        await workers[0].revocations.keep_checkpoint()
        await workers[1].lives(signed_in[0])
        await holds(lambda: all_have_it(cluster.nodes[:3]))
        cut_off(cluster.nodes[:3], cluster.nodes[3:])
        people = await leave(workers[0], signed_in)
        cluster.nodes[0].kill()
        for replica in cluster.nodes[3:]:
            replica.thaw()
        began = time.monotonic()
        await nobody_came_back(workers, people)
        tell("fail-over and proof", f"{time.monotonic() - began:.1f} s")
