"""The connection to Redis: one deadline, one retry, errors made ours, and a proof before anything is read."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self, TypeVar

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.errors import StoreUnavailableError

T = TypeVar("T")

CONNECTIONS: Final = 32


class Connection:
    """Redis behind a deadline.

    An operation runs to its own end in a task of its own: a request that goes away neither cuts a command in
    half nor costs a connection. No more operations run than there are connections, so the pool never runs
    out, and a connection always finds its way back, also when the deadline falls in the middle of it.
    """

    def __init__(self, redis: "Redis", deadline: float) -> None:
        self._redis = redis
        self._deadline = deadline
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._running: set[asyncio.Task[object]] = set()

    @classmethod
    def open(cls, url: str, deadline: float) -> Self:
        """Connects when first used: a Redis that is down at start is down, not fatal.

        url: redis, rediss or unix. deadline: seconds for a whole operation, waiting and retry included.
        """
        pool = ConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            # An operation has one deadline for all of it; with this one redis-py makes a task for each write.
            socket_timeout=None,
            socket_connect_timeout=deadline,
            # One, at once: the first command after a restart finds a dead connection.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            protocol=2,
            driver_info=None,
            # Where these are on, the pool does not look for unread replies before it hands out a connection.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        return cls(Redis.from_pool(pool), deadline)

    async def close(self) -> None:
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._redis.aclose()

    def script(self, source: str) -> AsyncScript:
        """A Lua script, loaded where it is not known yet."""
        return self._redis.register_script(source)

    async def do(self, operation: "Callable[[Redis], Awaitable[T]]") -> T:
        """Runs `operation` with the client. StoreUnavailableError: whatever went wrong with Redis."""
        task = asyncio.ensure_future(self._bounded(operation))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _bounded(self, operation: "Callable[[Redis], Awaitable[T]]") -> T:
        try:
            async with asyncio.timeout(self._deadline), self._free:
                return await operation(self._redis)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            raise StoreUnavailableError(f"redis: {type(error).__name__}", retry_after=1) from error
