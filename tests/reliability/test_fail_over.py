"""A master dies under two gateways whose readers go on, and with it what the replicas never heard."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.revocations import Revocations
from gateway.store import Store
from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisSentinel
from tests.redis_server import RedisServer
from tests.reliability.conftest import Tell
from tests.reliability.fail_over import BACK, all_have_it, cut_off, writable_again
from tests.reliability.traffic import Traffic, traffic
from tests.reliability.workers import Roamer, Workers, open_workers
from tests.system.house import TRUSTED
from tests.system.reader import Flow

ITEM = "/storage/v1/items/a"
LEAVERS = 8
ANSWER = 1.0  # seconds: the rule for every answer
MORE = (
    3.0  # seconds that the gateways may take beyond the engine: to find the master, and to prove what it has
)


@dataclass(frozen=True)
class Engine:
    """masters, replicas: before the fail-over."""

    name: str
    make: Callable[[Path], RedisSentinel | RedisCluster]
    replicas: int  # of each master


ENGINES = [Engine("sentinel", RedisSentinel, 2), Engine("cluster", RedisCluster, 1)]


def servers(engine: RedisSentinel | RedisCluster) -> tuple[list[RedisServer], list[RedisServer]]:
    """Masters and replicas, before the fail-over."""
    if isinstance(engine, RedisSentinel):
        return engine.servers[:1], engine.servers[1:]
    return engine.nodes[:3], engine.nodes[3:]


def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways that take every data set as it is."""

    async def replay(self: Revocations, histories: frozenset[str]) -> None:
        self._proved = histories

    async def follow(_: Revocations, __: Store) -> None:
        """A row that one of them did not get to before the fail-over would be done after it."""

    monkeypatch.setattr(Revocations, "_replay", replay)
    monkeypatch.setattr(Revocations, "_follow", follow)


async def leave(leavers: list[Roamer]) -> None:
    """Half of them by their book, half by the account page, everywhere."""
    for leaver in leavers[::2]:
        got = await leaver.fetch(TRUSTED, "POST", "/auth/logout")
        assert got.json["signed_out"] == "browser"
    for leaver in leavers[1::2]:
        page = await leaver.navigate("/auth/account", site="none")
        form = {"transaction": page.transaction, "act": "everywhere"}
        assert (await leaver.navigate("/auth/account", form=form)).status == 200


async def statuses(leavers: list[Roamer], cookies: list[dict[str, str]]) -> list[int]:
    """What those who left are answered with the cookies that they had."""
    found = []
    for leaver, jar in zip(leavers, cookies, strict=True):
        leaver.partitions["example.edu"] = dict(jar)
        for leaver.at in (0, 1):
            ends = time.monotonic() + BACK
            while (got := await leaver.fetch(TRUSTED, "GET", ITEM)).status == 503:
                assert time.monotonic() < ends
                await asyncio.sleep(0.05)
            found.append(got.status)
    return found


def key_of(workers: Workers, leaver: Roamer) -> str:
    """Where Redis has this person's sessions."""
    (cookie,) = leaver.partitions["example.edu"].values()
    return f"{workers.house.settings.redis.prefix}probe:{{{cookie.split('.')[1]}}}"


@pytest.mark.parametrize("replayed", [True, False], ids=["replayed", "taken as it is"])
@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in ENGINES])
async def test_a_master_dies(
    tmp_path: Path, kind: Engine, tell: Tell, monkeypatch: pytest.MonkeyPatch, *, replayed: bool
) -> None:
    """Those who had signed out stay out; without the replay they would be back. Nobody else notices more than
    the engine's own fail-over.
    """
    if not replayed:
        forgets(monkeypatch)
    engine = kind.make(tmp_path / "engine")
    masters, replicas = servers(engine)
    (tmp_path / "site").mkdir()
    async with AsyncExitStack() as stack:
        stack.callback(engine.stop)
        await asyncio.to_thread(engine.start)
        workers = await stack.enter_async_context(open_workers(tmp_path / "site", engine.url))
        readers = await stack.enter_async_context(traffic(workers))
        leavers = [await stack.enter_async_context(workers.reader(f"leaver-{n}")) for n in range(LEAVERS)]
        for leaver in leavers:
            assert (await leaver.sign_in(Flow(TRUSTED))).status == 200
        cookies = [dict(leaver.partitions["example.edu"]) for leaver in leavers]
        probe = key_of(workers, leavers[0])
        old = masters[0] if isinstance(engine, RedisSentinel) else engine.master_of(probe)
        assert old is not None
        async with asyncio.timeout(BACK):
            while not await asyncio.to_thread(all_have_it, masters, kind.replicas):  # ruff: ignore[async-busy-wait]
                await asyncio.sleep(0.05)
        async with readers.running():
            cut_off(masters, replicas)
            await leave(leavers)
            assert set(await statuses(leavers, cookies)) == {401}
            old.kill()
            for replica in replicas:
                replica.thaw()
            killed = time.monotonic()
            engines_own = await asyncio.to_thread(writable_again, engine, old, probe) - killed
            ours = await readers.served_again(killed, BACK)
            back = await statuses(leavers, cookies)
        readers.judge()
    tell("the engine's own fail-over", f"{engines_own:.2f} s")
    tell("full service after", f"{ours:.2f} s")
    tell("slowest answer", f"{readers.slowest():.2f} s")
    tell("answers", _counted(readers))
    if replayed:
        assert set(back) == {401}
        assert readers.slowest() < ANSWER
        assert ours < engines_own + MORE
    else:
        assert 200 in back, "nothing was lost: this shows nothing"


def _counted(readers: Traffic) -> str:
    served = sum(answer.served for answer in readers.answers)
    return f"{served} served, {len(readers.answers) - served} told to come again"
