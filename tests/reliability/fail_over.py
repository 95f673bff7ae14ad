"""Replicas that are cut off from their masters, and how long the engine itself takes to fail over."""

import time
from collections.abc import Iterable

from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisSentinel
from tests.redis_server import RedisServer

BACK = 60.0  # seconds that a fail-over may take on a slow machine


def all_have_it(masters: Iterable[RedisServer], replicas: int = 1) -> bool:
    """Whether the replicas know what the masters do."""
    return all(int(master.command(f"WAIT {replicas} 1000")[1:].split()[0]) >= replicas for master in masters)


def cut_off(masters: Iterable[RedisServer], replicas: Iterable[RedisServer]) -> None:
    """From now on the replicas learn nothing: what is sent would still reach one that only stands still."""
    for replica in replicas:
        replica.freeze()
    for master in masters:
        assert not master.command("CLIENT KILL TYPE replica").startswith((b"-", b":0"))


def writable_again(engine: RedisSentinel | RedisCluster, old: RedisServer, key: str) -> float:
    """The moment (monotonic) at which a client that only tries finds a master that takes a write."""
    ends = time.monotonic() + BACK
    while not _takes_a_write(engine, old, key):
        assert time.monotonic() < ends
        time.sleep(0.01)
    return time.monotonic()


def _takes_a_write(engine: RedisSentinel | RedisCluster, old: RedisServer, key: str) -> bool:
    if isinstance(engine, RedisSentinel):
        master = engine.master
        return master is not old and master.command(f"SET {key} 1") == b"+OK\r\n"
    others = [node for node in engine.nodes if node is not old]
    return any(node.command(f"SET {key} 1") == b"+OK\r\n" for node in others)
