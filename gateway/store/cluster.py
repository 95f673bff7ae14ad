"""A cluster: which master has a key, and each command given to that one.

redis-py's own client of clusters asks for the slots again at one node after the other, without an end if one
hangs; closes what others are using when that is cut off; and does not ask again after a deadline.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    InvalidResponse,
    MovedError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from gateway.store.client import Client
from gateway.store.pools import Host, Pool

Argument = bytes | str | int | float

_HOPS: Final = 5
_PAUSE: Final = 0.02  # seconds, while keys are on their way to another node


class Topology:
    """Which master has which slot.

    ask: CLUSTER SLOTS of a node. patience: seconds until nodes that have not answered are given up.
    """

    def __init__(
        self, seeds: Sequence[Host], ask: Callable[[Host], Awaitable[object]], patience: float
    ) -> None:
        self._seeds = seeds
        self._ask = ask
        self._patience = patience
        self._owners: list[Host | None] = []
        self._nodes: frozenset[Host] = frozenset()
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def masters(self) -> frozenset[Host]:
        return frozenset(owner for owner in self._owners if owner is not None)

    async def owner(self, slot: int) -> Host:
        """RedisConnectionError: nobody has it."""
        if not self._owners:
            await self.refresh()
        owner = self._owners[slot]
        if owner is None:
            self.refresh_soon()
            raise RedisConnectionError("no node of the cluster has the slot")
        return owner

    def moved(self, slot: int, owner: Host) -> None:
        """A node said so; others may have moved too."""
        self._owners[slot] = owner
        self.refresh_soon()

    def refresh_soon(self) -> "asyncio.Task[None]":
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(_seen)
        return self._refreshing

    async def refresh(self) -> None:
        """RedisConnectionError: no node answers."""
        # shared: one operation's deadline does not end it for the others
        await asyncio.shield(self.refresh_soon())

    async def aclose(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _refresh(self) -> None:
        """One node after the other, without waiting long for any; the first answer counts."""
        nodes = list({*self._seeds, *self._nodes})
        random.shuffle(nodes)  # which one is asked first is no secret
        pause = self._patience / (2 * len(nodes))
        tasks = [asyncio.create_task(self._slots(node, rank * pause)) for rank, node in enumerate(nodes)]
        try:
            for answer in asyncio.as_completed(tasks, timeout=self._patience):
                try:
                    self._owners, self._nodes = await answer
                except (RedisError, OSError):
                    continue
                else:
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        raise RedisConnectionError("no node of the cluster tells its slots")

    async def _slots(self, node: Host, delay: float) -> tuple[list[Host | None], frozenset[Host]]:
        """The owner of each slot, and all nodes."""
        await asyncio.sleep(delay)
        return _parse_slots(await self._ask(node), node[0])


def _parse_slots(said: object, asked: str) -> tuple[list[Host | None], frozenset[Host]]:
    """CLUSTER SLOTS: [from, to, master, replica, ...] each; a node is [host, port, ...].

    asked: the host that answered, which need not know its own name.
    """
    owners: list[Host | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
    nodes: set[Host] = set()
    try:
        for first, last, *serving in cast("list[list[Any]]", said):
            hosts = [_host(node, asked) for node in serving]
            nodes.update(hosts)
            owners[first : last + 1] = [hosts[0]] * (last + 1 - first)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise InvalidResponse("CLUSTER SLOTS of another form") from error
    if len(owners) != REDIS_CLUSTER_HASH_SLOTS or not nodes:
        raise InvalidResponse("CLUSTER SLOTS with other slots")
    return owners, frozenset(nodes)


def _host(node: Sequence[Any], asked: str) -> Host:
    name = node[0].decode() if node[0] else ""
    return (asked if name in {"", "?"} else name), int(node[1])


class ClusterClient(Client):
    """Gives each command to the master of its key. All keys of a command are of one slot.

    open_pool: connections to a node.
    """

    # Sharded: what is told to all nodes waits up to 40 ms between them when something went just before. And a
    # node that is cut off from the others refuses these.
    PUBLISH = "SPUBLISH"
    SUBSCRIBE = "SSUBSCRIBE"

    def __init__(self, topology: Topology, open_pool: Callable[[Host], Pool]) -> None:
        # The parent's own pool leads nowhere: every command goes through `execute_command`.
        super().__init__(connection_pool=open_pool(("", 0)))
        self._topology = topology
        self._open_pool = open_pool
        self._nodes: dict[Host, tuple[Pool, Redis]] = {}

    async def execute_command(self, *args: Argument, **options: object) -> object:
        slot = _slot(args)
        host = await self._topology.owner(slot)
        run, hops, again = self._run, 0, True
        while hops < _HOPS:
            try:
                return await run(host, args, options)
            except MovedError as moved:
                host, run, hops = (moved.host or host[0], moved.port), self._run, hops + 1
                self._topology.moved(slot, host)
            except AskError as asked:
                host, run, hops = (asked.host or host[0], asked.port), self._run_asking, hops + 1
            except TryAgainError:  # some of its keys are here, some there
                await asyncio.sleep(_PAUSE)
                host, run = await self._topology.owner(slot), self._run
            except (RedisConnectionError, ClusterDownError):
                await self._topology.refresh()
                owner = await self._topology.owner(slot)
                if owner == host or not again:
                    raise
                host, run, again = owner, self._run, False
            except BaseException as error:
                if not isinstance(error, ResponseError):  # a deadline, say
                    self._topology.refresh_soon()
                raise
        raise RedisConnectionError("the cluster sends a command in circles")

    async def histories(self) -> frozenset[str]:
        await self._topology.refresh()
        self.renew()
        pools = [self._node(host)[0] for host in self._topology.masters]
        return frozenset(await asyncio.gather(*(pool.history() for pool in pools)))

    def renew(self) -> None:
        for pool, _ in self._nodes.values():
            pool.renew()

    @staticmethod
    def of_one_slot(keys: Sequence[str]) -> list[list[str]]:
        slots: dict[int, list[str]] = {}
        for key in keys:
            slots.setdefault(_slot_of(key), []).append(key)
        return list(slots.values())

    async def listening_pool(self, channel: str) -> Pool:
        await self._topology.refresh()
        return self._node(await self._topology.owner(_slot_of(channel)))[0]

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        await super().aclose(close_connection_pool)
        await asyncio.gather(*(pool.aclose() for pool, _ in self._nodes.values()))

    def _node(self, host: Host) -> tuple[Pool, Redis]:
        if host not in self._nodes:
            pool = self._open_pool(host)
            self._nodes[host] = pool, Redis(connection_pool=pool)
        return self._nodes[host]

    async def _run(self, host: Host, args: Sequence[Argument], options: Mapping[str, object]) -> object:
        run: Callable[..., Awaitable[object]] = self._node(host)[1].execute_command
        return await run(*args, **options)

    async def _run_asking(
        self, host: Host, args: Sequence[Argument], options: Mapping[str, object]
    ) -> object:
        """For a key that has moved already while its slot has not; ASKING counts for the next command."""
        async with self._node(host)[1].pipeline(transaction=False) as pipeline:
            pipeline.execute_command("ASKING")
            pipeline.execute_command(*args, **options)
            return (await pipeline.execute())[1]


def _slot(args: Sequence[Argument]) -> int:
    """Of the first key; of a command without one, of its first word."""
    if str(args[0]).startswith("EVAL"):
        return _slot_of(args[3])
    return _slot_of(args[1]) if len(args) > 1 else 0


def _slot_of(key: Argument) -> int:
    return key_slot(key if isinstance(key, bytes) else str(key).encode())


def _seen(task: "asyncio.Task[None]") -> None:
    """Its error belongs to whoever waits; if nobody does, to nobody."""
    if not task.cancelled():
        task.exception()
