"""The connection to Redis: one deadline, one retry, errors made ours, and a proof before anything is read."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha1
from typing import Final, Self, TypeVar

from redis.asyncio import Redis
from redis.exceptions import ClusterDownError, NoScriptError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from gateway.errors import GatewayError, StoreUnavailableError
from gateway.store.client import Client
from gateway.store.pools import UnprovedError
from gateway.store.servers import Servers

T = TypeVar("T")
Argument = bytes | str | int | float

CONNECTIONS: Final = 32
_PROVING: Final = 8  # connections for what must not wait for a proof


class Script:
    """A Lua script; a server that does not know it yet is told."""

    def __init__(self, redis: Redis, source: str) -> None:
        self._redis = redis
        self._source = source
        self._digest = sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], args: Iterable[Argument] = ()) -> object:
        run: Callable[..., Awaitable[object]] = self._redis.execute_command
        words = (len(keys), *keys, *args)
        try:
            return await run("EVALSHA", self._digest, *words)
        except NoScriptError:
            # not SCRIPT LOAD: this way the script is where its keys are, also in a cluster
            return await run("EVAL", self._source, *words)


class Connection:
    """Redis behind a deadline and a gate.

    An operation runs to its own end in a task of its own: a request that goes away neither cuts a command in
    half nor costs a connection. No more operations run than there are connections, so the pool never runs
    out, and a connection always finds its way back, also when the deadline falls in the middle of it.

    on_doubt: told at once that nothing may be believed that was read before.

    prover: awaited, once for all, before the next operation runs after a doubt: at first, after an error or a
    time-out, and when `doubt` says so. What it proves is that all that was ended is ended in what the masters
    hold now. After that, only masters of the very histories it was asked about are read: a connection that
    leads to another run or data set is a doubt, and nothing is sent over it.
    """

    def __init__(self, servers: Servers, deadline: float, *, gated: bool = True) -> None:
        self.prover: Callable[[], Awaitable[None]] | None = None
        self.on_doubt: list[Callable[[], None]] = []
        # The same servers without the gate: for the prover.
        self.ungated = Connection(servers, deadline, gated=False) if gated else self
        connections = CONNECTIONS if gated else _PROVING
        self.servers = servers
        self._client: Client = servers.client(self.admits, connections)
        self.deadline = deadline
        self._free = asyncio.Semaphore(connections)
        self._running: set[asyncio.Task[object]] = set()
        self._proved: frozenset[str] = frozenset()
        self.doubts = 1  # that there ever were
        self._settled = 0  # doubts, by the last proof
        self._proof: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, url: str, deadline: float) -> Self:
        """Connects when first used: a Redis that is down at start is down, not fatal.

        url: as `redis_address` takes it. deadline: seconds for a whole operation, waiting and retry included.
        ValueError: no such URL. OSError: a file that it names cannot be read.
        """
        return cls(Servers.of(url, deadline), deadline)

    async def close(self) -> None:
        if self._proof is not None:
            self._proof.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self.ungated is not self:
            await self.ungated.close()
            await self.servers.aclose()
        await self._client.aclose()

    def script(self, source: str) -> Script:
        """A Lua script whose keys are of one slot. To be run within `do`."""
        return Script(self._client, source)

    def of_one_slot(self, keys: Sequence[str]) -> list[list[str]]:
        """The keys in groups that one script may have together: one group, but in a cluster."""
        return self._client.of_one_slot(keys)

    async def do(self, operation: "Callable[[Redis], Awaitable[T]]") -> T:
        """Runs `operation` with the client. StoreUnavailableError: whatever went wrong with Redis."""
        task = asyncio.ensure_future(self._bounded(operation))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_seen)
        return await asyncio.shield(task)

    async def histories(self) -> frozenset[str]:
        """What tells the masters' runs and data sets from all others. StoreUnavailableError."""
        ungated = self.ungated
        return await ungated.do(lambda _: ungated._client.histories())  # ruff: ignore[private-member-access]

    def doubt(self) -> None:
        """Nothing is answered before the next proof."""
        self.doubts += 1
        for on_doubt in self.on_doubt:
            on_doubt()

    def admits(self, history: str) -> bool:
        """Whether a master of this history may be read without a new proof."""
        return self.prover is None or history in self._proved

    @property
    def is_proved(self) -> bool:
        """Whether nobody has doubted since the last proof."""
        return self.prover is None or self._settled >= self.doubts

    async def _bounded(self, operation: "Callable[[Redis], Awaitable[T]]") -> T:
        until = asyncio.get_running_loop().time() + self.deadline
        while True:
            if self._settled < self.doubts:
                await self._settle(until)
            try:
                async with asyncio.timeout_at(until), self._free:
                    return await operation(self._client)
            except UnprovedError:  # a server that is new to us; nothing was sent to it
                self.doubt()
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                self._learn(error)
                raise StoreUnavailableError(f"redis: {_kind(error)}", retry_after=1) from error

    def _learn(self, error: Exception) -> None:
        if isinstance(error, ReadOnlyError | ClusterDownError):
            self._client.renew()  # it was demoted, or is cut off
        self.doubt()

    # --- the gate

    async def _settle(self, until: float) -> None:
        """Waits until every doubt that there is now is settled. until: of the loop's clock."""
        doubts = self.doubts
        while self.prover is not None and self._settled < doubts:
            if self._proof is None or self._proof.done():
                self._proof = asyncio.create_task(self._prove(self.prover, self.doubts))
                self._proof.add_done_callback(_seen)
            try:
                async with asyncio.timeout_at(until):
                    # It may take longer than one operation has: then it goes on for the next ones.
                    await asyncio.shield(self._proof)
            except TimeoutError as error:
                raise StoreUnavailableError("redis: not proved in time", retry_after=1) from error

    async def _prove(self, prover: Callable[[], Awaitable[None]], doubts: int) -> None:
        before = await self.histories()
        try:
            await prover()
        except GatewayError as error:  # of the directory, say
            raise StoreUnavailableError(f"redis: no proof: {error.detail}", retry_after=1) from error
        if await self.histories() != before:
            raise StoreUnavailableError("redis: another history since the proof began", retry_after=1)
        self._proved = before
        self._settled = doubts


def _kind(error: Exception) -> str:
    """What went wrong, for the log: kinds, or Redis's own code; never a text, which may hold an address."""
    code = str(error).partition(" ")[0]
    if type(error) is ResponseError and code.isalpha() and code.isupper():
        return code
    beneath = error.__cause__ or error.__context__
    if isinstance(error, RedisConnectionError) and isinstance(beneath, OSError | RedisError):
        return f"{type(error).__name__} ({type(beneath).__name__})"
    return type(error).__name__


def _seen(task: "asyncio.Task[T]") -> None:
    """Its error belongs to whoever waits; if nobody does, to nobody."""
    if not task.cancelled():
        task.exception()
